"""Pictures that people reviewed in the console, laid out as a labelled folder."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from service.errors import StartupError
from service.judging.reviews import Review, Reviews
from service.media.formats import format_of
from service.settings import Settings, load_settings
from service.store import open_for_command, refuse_unmade
from service.store.base import Store

FOLDERS = {"genuine": "real", "deepfake": "fake"}


@contextmanager
def folder_of(given: Path | None, since: str | None) -> Iterator[Path]:
    """The folder that was named, or one with all that was reviewed since a date.

    Raises StartupError where both or neither are given, or nothing was reviewed.
    """
    if (given is None) == (since is None):
        raise StartupError("Nothing to read.", "Name a folder, or --reviewed-since DATE.")
    if given is not None:
        yield given
        return
    settings, moment = load_settings(), _moment(str(since))
    refuse_unmade(settings)
    with tempfile.TemporaryDirectory(dir=_room(settings)) as folder:
        write(settings, moment, Path(folder))
        yield Path(folder)


def write(settings: Settings, since: float, folder: Path) -> int:
    """Write the pictures as real/ and fake/; how many there are. Raises StartupError for none."""
    store = open_for_command(settings)
    try:
        written = sum(_written(store, one, folder) for one in Reviews(store).since(since))
    finally:
        store.close()
    if not written:
        raise StartupError(
            "No reviewed result of that time has its picture.",
            "Set FACEGATE_STORE_IMAGES=true, and review results that come in from now on.",
        )
    return written


def _written(store: Store, review: Review, folder: Path) -> int:
    """Unsure ones are left out, and so are those whose picture was not kept."""
    target = FOLDERS.get(str(review.label))
    found = store.find_by_id(review.result) if target else None
    if target is None or found is None or not found.image:
        return 0
    (folder / target).mkdir(exist_ok=True)
    suffix = (format_of(found.image) or "jpg").lower()
    (folder / target / f"{found.sha256}.{suffix}").write_bytes(found.image)
    return 1


def _room(settings: Settings) -> Path:
    """In the data folder, for pictures of people belong nowhere else."""
    room = settings.data_dir / "tmp"
    room.mkdir(parents=True, exist_ok=True)
    return room


def _moment(text: str) -> float:
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise StartupError(
            f"{text!r} is not a date.", "Write it like 2026-01-31, or with a time; UTC."
        ) from None
    moment = (found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp()
    return min(moment, time.time())
