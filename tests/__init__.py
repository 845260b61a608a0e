"""Tests; each folder mirrors one of the service."""

import service  # noqa: F401 (first: it silences what ONNX Runtime would send)
