"""Fitting fusions, heads and calibrations to labelled images. Nothing that serves imports it."""
