"""Whole pictures: their containers checked, flattened, decoded in turns."""
