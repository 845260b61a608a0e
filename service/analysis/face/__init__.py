"""Faces: found, cropped, measured and selected."""
