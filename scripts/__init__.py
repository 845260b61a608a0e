"""Tools of this repository."""

import service  # noqa: F401 (first: it silences what ONNX Runtime would send)
