"""Trials: what was tried, and what came of it."""
