"""A genuine voice, and tiny real voice detectors, which say the same of every voice."""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path
from typing import Any

import av
import numpy as np
import onnx
from onnx import TensorProto, helper

from service.settings import PACKAGE

RATE = 16_000
SPOKEN = Path(__file__).parent / "spoken.flac"


def spoken(seconds: float = 6.0) -> np.ndarray:
    """A genuine voice: the beginning of the LJ Speech data set, which is in the public domain."""
    with av.open(str(SPOKEN)) as file:
        whole = np.concatenate([frame.to_ndarray()[0] for frame in file.decode(audio=0)])
    return np.asarray(whole[: round(seconds * RATE)], np.float32) / 2**15


def make_voice_detector(root: Path, name: str, bias: float = 0.0, **changes: Any) -> Path:
    """A folder with a detector whose logit is `bias`, whatever it hears."""
    folder = root / name
    folder.mkdir(parents=True)
    nodes = [
        helper.make_node("ReduceMean", ["sound"], ["mean"], axes=[1], keepdims=1),
        helper.make_node("Mul", ["mean", "zero"], ["nothing"]),
        helper.make_node("Add", ["nothing", "bias"], ["logit"]),
    ]
    values = [
        helper.make_tensor("zero", TensorProto.FLOAT, [1], [0]),
        helper.make_tensor("bias", TensorProto.FLOAT, [1], [bias]),
    ]
    sound = helper.make_tensor_value_info("sound", TensorProto.FLOAT, [1, "n"])
    logit = helper.make_tensor_value_info("logit", TensorProto.FLOAT, [1, 1])
    graph = helper.make_graph(nodes, "voice", [sound], [logit], values)
    opset = [helper.make_opsetid("", 17)]
    onnx.save(helper.make_model(graph, opset_imports=opset, ir_version=8), folder / "model.onnx")
    (folder / "manifest.json").write_text(json.dumps(manifest(folder, **changes)))
    return folder


def manifest(folder: Path, **changes: Any) -> dict[str, Any]:
    """A sound manifest of the folder's model.onnx, with `changes`."""
    return {
        "name": folder.name,
        "version": "1.0.0",
        "kind": "detector",
        "task": "voice_spoof",
        "modality": "audio",
        "file": "model.onnx",
        "sha256": hashlib.sha256((folder / "model.onnx").read_bytes()).hexdigest(),
        "licence": "Apache-2.0",
        "origin": "made by a test",
        "input": {"name": "sound", "seconds": 4, "shortest": 2},
        "output": {"logit": "logit"},
        "calibration": {"slope": 1, "intercept": 0},
        "operating_points": [{"bpcer": 0.05, "threshold": 0.5}],
        "default_bpcer": 0.05,
        **changes,
    }


def copy_speech_detector(root: Path) -> None:
    """The shipped model that finds speech."""
    shutil.copytree(PACKAGE / "models" / "silero-vad", root / "silero-vad")
