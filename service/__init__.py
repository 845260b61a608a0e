"""Facegate: tells a genuine selfie from a deepfake, on your own machine."""

import os
import sys
import warnings

__version__ = "0.1.0"

# What the libraries below would send to their makers. Every way in imports this package before any
# of them, so it stands here; assigned, not defaulted: nothing leaves the host, whatever was set.
SILENCED = {
    "ORT_DISABLE_TELEMETRY": "1",  # ONNX Runtime since 1.29
    "RAY_USAGE_STATS_ENABLED": "0",
    "HF_HUB_DISABLE_TELEMETRY": "1",  # a detector of one's own may bring Hugging Face's libraries
    "DO_NOT_TRACK": "1",
    "PIP_DISABLE_PIP_VERSION_CHECK": "1",
}
if "onnxruntime" in sys.modules and os.environ.get("ORT_DISABLE_TELEMETRY") != "1":
    warnings.warn(
        "onnxruntime was imported before service, so it reports its use to its maker: import"
        " service first, or set ORT_DISABLE_TELEMETRY=1.",
        RuntimeWarning,
        stacklevel=2,
    )
os.environ.update(SILENCED)
