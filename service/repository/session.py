"""Open ONNX sessions: the only place that does; call it after the fork."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import onnxruntime as ort

VNNI = 23  # OpenCV's number of AVX-512's; it asks the CPU itself


def open_session(path: Path, threads: int = 1) -> Any:
    """Spinning is off: pools that spin on shared cores halve each other's throughput."""
    options = ort.SessionOptions()
    # Both counts are explicit: ONNX Runtime would otherwise count the host's cores.
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.execution_mode = ort.ExecutionMode.ORT_SEQUENTIAL
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.add_session_config_entry("session.x64quantprecision", str(int(must_widen())))
    options.log_severity_level = 4
    return ort.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])


def must_widen() -> bool:
    """Whether products of bytes must be made wider here.

    Where the CPU has AVX2 or AVX-512 and no VNNI they overflow otherwise, and answers are wrong;
    with VNNI it would take twice the time for nothing.
    """
    return not cv2.checkHardwareSupport(VNNI)
