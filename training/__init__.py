"""Data -> model.onnx + report. Nothing in `service/` imports this package."""
