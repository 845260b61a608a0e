"""Labelled photographs, and what is made of them for training."""
