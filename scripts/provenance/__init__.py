"""Measures the rules of provenance: files that they are meant for, and how often they fire."""
