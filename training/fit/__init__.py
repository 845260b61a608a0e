"""Fitting networks, readouts and fusions."""
