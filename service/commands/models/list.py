"""`facegate models list`."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from service.errors import StartupError
from service.repository.heads import Heads, OwnHead, open_heads
from service.repository.kinds import check_folder
from service.repository.manifest import read_json, task_of
from service.repository.registry import added_models, own_head
from service.runtime.console import print_json, print_table
from service.settings import load_settings

COLUMNS = (
    *("name", "version", "kind", "task"),
    *("size", "checksum", "head", "thresholds at BPCER"),
)


@dataclass(frozen=True)
class Listed:
    """One model folder; `damage` says what is wrong with it, if anything. size: bytes.

    `own_head` is when the head of the operator's own that is in force for it was made.
    """

    name: str
    version: str
    kind: str
    task: str | None
    size: int
    damage: str | None
    own_head: str | None
    operating_points: list[dict[str, float]]


def list_models(form: str) -> int:
    """Print every model folder; 1 when one is damaged."""
    settings = load_settings()
    roots = (settings.models_dir, added_models(settings))
    folders = [path.parent for root in roots for path in sorted(root.glob("*/manifest.json"))]
    if not folders:
        raise StartupError(
            f"There is no model in {settings.models_dir}.", "Set FACEGATE_MODELS_DIR, or reinstall."
        )
    heads = open_heads(settings)
    models = [_listed(folder, heads) for folder in folders]
    if form == "json":
        print_json([asdict(model) for model in models])
    else:
        print_table(COLUMNS, map(_row, models))
    return 1 if any(model.damage for model in models) else 0


def _listed(folder: Path, heads: Heads) -> Listed:
    manifest, damage, head = {}, None, None
    try:
        manifest = read_json(folder)
        check_folder(folder, str(manifest.get("kind")))
        head = own_head(folder, heads)
    except StartupError as error:
        damage = error.sentence
    file = folder / str(manifest.get("file"))
    return Listed(
        name=str(manifest.get("name", folder.name)),
        version=str(manifest.get("version", "?")),
        kind=str(manifest.get("kind", "?")),
        task=None if damage or manifest.get("kind") == "face_detector" else task_of(folder)[0],
        size=file.stat().st_size if file.is_file() else 0,
        damage=damage,
        own_head=head.record.made_at if head else None,
        operating_points=[] if damage else _points(manifest, head),
    )


def _points(manifest: dict[str, Any], head: OwnHead | None) -> list[dict[str, float]]:
    if head is None:
        return list(manifest.get("operating_points", []))
    return [point.model_dump() for point in head.record.operating_points]


def _row(model: Listed) -> tuple[object, ...]:
    points = (f"{p['threshold']:.3f} at {p['bpcer']:.2%}" for p in model.operating_points)
    size = f"{model.size / 2**20:.1f} MiB"
    checksum = model.damage or "ok"
    head = f"own, {model.own_head[:10]}" if model.own_head else None
    known = (model.name, model.version, model.kind, model.task)
    return (*known, size, checksum, head, ", ".join(points))
