"""`facegate version`."""

from __future__ import annotations

import platform
from importlib.metadata import version

from service import __version__


def version_line() -> str:
    """`facegate 0.1.0 (Python 3.11.7, onnxruntime 1.23.2, x86_64)`."""
    runtime = f"Python {platform.python_version()}, onnxruntime {version('onnxruntime')}"
    return f"facegate {__version__} ({runtime}, {platform.machine()})"
