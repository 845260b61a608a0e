"""Facegate: tells a genuine selfie from a deepfake, on your own machine."""

__version__ = "0.1.0"
