"""Presentation attacks: simulated ones, their training, their figures."""
