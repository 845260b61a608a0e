"""Measuring a model, and its card."""
