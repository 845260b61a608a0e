"""Data -> model.onnx + report. Nothing in `service/` imports this package."""

import service  # noqa: F401 (first: it silences what ONNX Runtime would send)
