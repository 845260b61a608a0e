"""`facegate models list`."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path

from service.analysis.detectors.kinds import check_folder
from service.analysis.detectors.manifest import read_json
from service.analysis.detectors.registry import added_models
from service.commands.output import print_json, print_table
from service.errors import StartupError
from service.settings import load_settings


@dataclass(frozen=True)
class Listed:
    """One model folder; `damage` says what is wrong with it, if anything. size: bytes."""

    name: str
    version: str
    kind: str
    size: int
    damage: str | None
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
    models = [_listed(folder) for folder in folders]
    if form == "json":
        print_json([asdict(model) for model in models])
    else:
        columns = ("name", "version", "kind", "size", "checksum", "thresholds at BPCER")
        print_table(columns, map(_row, models))
    return 1 if any(model.damage for model in models) else 0


def _listed(folder: Path) -> Listed:
    manifest, damage = {}, None
    try:
        manifest = read_json(folder)
        check_folder(folder, str(manifest.get("kind")))
    except StartupError as error:
        damage = error.sentence
    file = folder / str(manifest.get("file"))
    return Listed(
        name=str(manifest.get("name", folder.name)),
        version=str(manifest.get("version", "?")),
        kind=str(manifest.get("kind", "?")),
        size=file.stat().st_size if file.is_file() else 0,
        damage=damage,
        operating_points=[] if damage else list(manifest.get("operating_points", [])),
    )


def _row(model: Listed) -> tuple[object, ...]:
    points = (f"{p['threshold']:.3f} at {p['bpcer']:.2%}" for p in model.operating_points)
    size = f"{model.size / 2**20:.1f} MiB"
    checksum = model.damage or "ok"
    return model.name, model.version, model.kind, size, checksum, ", ".join(points)
