"""`facegate models add NAME --from SOURCE`: register a detector, whatever it is made of."""

from __future__ import annotations

import hashlib
import json
import re
import shutil
import tempfile
from collections.abc import Callable
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

from service.audit.acts import note_act
from service.errors import StartupError
from service.repository.kinds import check_folder
from service.repository.manifest import kind_of, read_json, task_of
from service.repository.registry import added_models
from service.settings import Settings, load_settings

NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")
OBJECT = re.compile(r"[\w.]+:[\w.]+")
GROUP = "facegate.detectors"
Manifest = dict[str, Any]


def add_model(name: str, source: str, threshold: float, task: str | None = None) -> None:
    """Write a model folder and try it; nothing is left behind where that fails.

    `task`: what it finds; None stands for what its manifest or its class says.

    Raises StartupError.
    """
    settings = load_settings()
    folder = _new_folder(settings, name)
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=".") as scratch:
        draft = Path(scratch) / name
        draft.mkdir()
        manifest = {"name": name, "version": "1.0.0", "threshold": threshold}
        manifest |= _scaffold(source)(draft, source)
        manifest |= {"name": name} | ({"task": task} if task else {})
        _write(draft, manifest)
        _write(draft, manifest | {"task": _try(draft, settings)})
        check_folder(draft, kind_of(draft), settings.bpcer)
        draft.rename(folder)
    note_act(settings, "model added", model=name)
    print(f"{name} ({kind_of(folder)}) is in {folder}; restart the service to use it.")


def remove_model(name: str) -> None:
    """Take away what `add_model` added. Raises StartupError."""
    settings = load_settings()
    folder = added_models(settings) / name
    if not NAME.fullmatch(name) or not folder.is_dir():
        raise StartupError(
            f"No detector named {name[:64]} was added here.", "`facegate models list` lists them."
        )
    shutil.rmtree(folder)
    note_act(settings, "model removed", model=name)


def _new_folder(settings: Settings, name: str) -> Path:
    if not NAME.fullmatch(name):
        raise StartupError(
            f"{name[:64]!a} cannot be the name of a detector.",
            "Use up to 64 small letters, digits, - and _.",
        )
    folder = added_models(settings) / name
    if folder.exists() or (settings.models_dir / name).exists():
        raise StartupError(
            f"There is a model named {name} already.",
            "Choose another name, or take that one away with `facegate models remove`.",
        )
    return folder


def _scaffold(source: str) -> Callable[[Path, str], Manifest]:
    if source.startswith(("http://", "https://")):
        return _from_container
    if Path(source).is_dir():
        return _from_folder
    if source in {point.name for point in entry_points(group=GROUP)} or OBJECT.fullmatch(source):
        return _from_class
    raise StartupError(
        f"{source[:200]} is neither a model folder, nor an address, nor a Python class.",
        "Give a folder with manifest.json, http://host:port, package.module:Class,"
        " or the name of an entry point.",
    )


def _from_container(draft: Path, source: str) -> Manifest:  # noqa: ARG001
    import requests

    try:
        with requests.Session() as session:
            session.trust_env = False  # as it is asked later: a neighbour needs no proxy
            answer = session.get(source.rstrip("/") + "/health", timeout=10, allow_redirects=False)
        healthy = answer.status_code == 200
    except requests.RequestException:
        healthy = False
    if not healthy:
        raise StartupError(
            f"{source} does not answer GET /health with 200.", "Start that container first."
        )
    return {"kind": "remote", "url": source}


def _from_class(draft: Path, source: str) -> Manifest:  # noqa: ARG001
    points = {point.name: point.value for point in entry_points(group=GROUP)}
    return {"kind": "python", "object": points.get(source, source)}


def _from_folder(draft: Path, source: str) -> Manifest:
    """The file's checksum is taken again: whoever adds a model vouches for it."""
    given = Path(source)
    manifest = read_json(given)
    beside = [manifest.get(name) for name in ("base", "tuned")]
    named = [manifest, *(part for part in beside if isinstance(part, dict))]
    for name in (*(str(part.get("file", "")) for part in named), "card.md", "metrics.json"):
        if (given / name).is_file():
            shutil.copyfile(given / name, draft / Path(name).name)
    file = draft / str(manifest.get("file"))
    if file.is_file() and "sha256" not in manifest:
        manifest["sha256"] = hashlib.sha256(file.read_bytes()).hexdigest()
    return manifest


def _write(draft: Path, manifest: Manifest) -> None:
    (draft / "manifest.json").write_text(json.dumps(manifest, indent=2) + "\n")


def _try(draft: Path, settings: Settings) -> str:
    """The task of what was tried. Raises StartupError."""
    kind = kind_of(draft)
    if kind not in ("detector", "python", "remote"):
        raise StartupError(
            f"The manifest's kind is {kind[:40]!a}.", "It must be `detector`, an ONNX model."
        )
    check_folder(draft, kind, settings.bpcer)
    if kind == "python":
        from service.analysis.detectors.plugin import PythonDetector

        task = PythonDetector(draft).plugin.task
        return task if "task" not in read_json(draft) else task_of(draft)[0]
    if kind == "detector":
        from service.analysis.detectors.onnx import OnnxDetector

        OnnxDetector(draft, bpcer=settings.bpcer)
    return task_of(draft)[0]
