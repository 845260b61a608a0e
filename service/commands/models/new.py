"""`facegate models new NAME KIND`: the file that an author of a detector begins with."""

from __future__ import annotations

import keyword
from dataclasses import dataclass
from pathlib import Path
from string import Template

from service.commands.models.add import NAME
from service.errors import StartupError

MANIFEST = """\
{
  "version": "1.0.0",
  "kind": "detector",
  "file": "model.onnx",
  "licence": "Apache-2.0",
  "origin": "trained by us on ...",
  "input": {"name": "image", "size": 32, "mean": [0.5, 0.5, 0.5], "std": [0.5, 0.5, 0.5]},
  "output": {"logit": "logit"},
  "crop": {"margin": 1.3},
  "calibration": {"slope": 1.0, "intercept": 0.0},
  "operating_points": [{"bpcer": 0.01, "threshold": 0.9}, {"bpcer": 0.1, "threshold": 0.4}],
  "default_bpcer": 0.05
}
"""
CLASS = """\
import numpy as np

from service.sdk import FaceDetectorPlugin


class $class_name(FaceDetectorPlugin):
    size = 64

    def load(self) -> None:
        self.weight = 0.5

    def predict(self, face: np.ndarray) -> float:
        return float(np.clip(face.mean() / 255 * self.weight, 0, 1))
"""
CONTAINER = """\
import base64

import cv2
import numpy as np
from flask import Flask, request

app = Flask(__name__)


@app.get("/health")
def health() -> dict[str, str]:
    return {"status": "healthy"}


@app.post("/predict")
def predict() -> dict[str, float]:
    png = base64.b64decode(request.json["image_data"])
    face = cv2.imdecode(np.frombuffer(png, np.uint8), cv2.IMREAD_COLOR)
    return {"probability": float(face.mean() / 255)}
"""


@dataclass(frozen=True)
class Draft:
    """What one kind begins with: a file, what is in it, and what to do next."""

    file: str
    text: str
    then: str


DRAFTS = {
    "onnx": Draft(
        "$name/manifest.json",
        MANIFEST,
        "Put model.onnx beside it, then: facegate models add $name --from $name",
    ),
    "class": Draft(
        "$module.py",
        CLASS,
        "Write load and predict, then: facegate models add $name --from $module:$class_name",
    ),
    "container": Draft(
        "$module.py",
        CONTAINER,
        "Write predict, then: flask --app $module run --port 8001,"
        " and facegate models add $name --from http://127.0.0.1:8001",
    ),
}


def new_model(name: str, kind: str) -> None:
    """Write the file here and say what comes next. Raises StartupError; replaces nothing."""
    words, draft = _words(name), DRAFTS[kind]
    file = Path(_filled(draft.file, words))
    try:
        file.parent.mkdir(exist_ok=True)
        with file.open("x") as out:
            out.write(_filled(draft.text, words))
    except FileExistsError:
        raise StartupError(f"There is {file} already.", "Choose another name.") from None
    except OSError as error:
        raise StartupError(
            f"{file} cannot be written: {error.strerror}.", "Go to a folder of your own."
        ) from None
    print(f"{file} is yours. {_filled(draft.then, words)}")


def _words(name: str) -> dict[str, str]:
    module = name.replace("-", "_")
    if not NAME.fullmatch(name) or not module.isidentifier() or keyword.iskeyword(module):
        raise StartupError(
            f"{name[:64]!a} cannot be the name of a detector.",
            "Use up to 64 small letters, digits, - and _, and begin with a letter.",
        )
    class_name = "".join(part.capitalize() for part in module.split("_"))
    return {"name": name, "module": module, "class_name": class_name}


def _filled(text: str, words: dict[str, str]) -> str:
    return Template(text).substitute(words)
