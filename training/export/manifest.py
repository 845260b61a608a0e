"""The manifest beside every model file; `service` reads it, nothing else describes a model."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any


def write_manifest(folder: Path, fields: dict[str, Any]) -> None:
    """Write folder/manifest.json; the checksums of the files that it names are filled in."""
    manifest = {**({} if fields["kind"] == "fusion" else {"file": "model.onnx"}), **fields}
    for part in (manifest, manifest.get("base"), manifest.get("tuned")):
        if part is not None and "file" in part:
            part["sha256"] = hashlib.sha256((folder / part["file"]).read_bytes()).hexdigest()
    (folder / "manifest.json").write_text(json.dumps(manifest, indent=2) + "\n")


def read_manifest(folder: Path) -> dict[str, Any]:
    """The manifest of a model folder."""
    manifest: dict[str, Any] = json.loads((folder / "manifest.json").read_text())
    return manifest


def changed(folder: Path) -> dict[str, Any]:
    """The same of a model whose values are about to change: it will give other answers."""
    return {name: v for name, v in read_manifest(folder).items() if name != "known_logit"}
