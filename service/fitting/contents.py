"""What a folder of labelled media holds: images, videos or recordings."""

from __future__ import annotations

from contextlib import closing
from functools import cache
from pathlib import Path

from service.errors import MediaError, NoPictures
from service.media.formats import is_image_file
from service.media.kinds import Kind, is_media_name, kind_by_name
from service.media.medium import Medium
from service.media.video import frames
from service.runtime.console import note
from service.settings import load_settings

NAMES: dict[Kind, str] = {"image": "images", "video": "videos", "audio": "recordings"}


def kind_in(folder: Path) -> Kind:
    """Images where there is one, else videos, else recordings.

    A video without pictures is a recording here, too, as it is when it is judged.
    """
    paths = _media(folder)
    if any(map(is_image_file, paths)):
        return "image"
    if any(_told(path) == "video" for path in paths):  # most often the first one is
        return "video"
    if any(_told(path) == "audio" for path in paths):
        return "audio"
    return "video" if paths else "image"


def is_of(kind: Kind, path: Path) -> bool:
    """Whether a file counts in a folder of this kind.

    In one of recordings no video shows pictures, so all of them count.
    """
    if kind == "image":
        return is_image_file(path)
    kinds = ("video",) if kind == "video" else ("video", "audio")
    return is_media_name(path.name) and kind_by_name(path.name) in kinds


def note_left_out(folder: Path) -> None:
    """Say how many media are not looked at, where there are any."""
    kind = kind_in(folder)
    count = sum(not is_of(kind, path) for path in _media(folder))
    if count:
        note(f"Files of another kind, left out: {count}. This is a folder of {NAMES[kind]}.")


def _media(folder: Path) -> list[Path]:
    paths = sorted(folder.rglob("*"))
    return [path for path in paths if is_media_name(path.name) and path.is_file()]


def _told(path: Path) -> Kind | None:
    """By its name, but of a video by its content."""
    kind = kind_by_name(path.name)
    return _looked_into(path, path.stat().st_mtime_ns) if kind == "video" else kind


@cache
def _looked_into(path: Path, _changed: int) -> Kind | None:
    """None of a file that is damaged: nobody knows what was in it."""
    medium = Medium.of(path.read_bytes(), name=path.name)
    if medium.kind != "video":
        return medium.kind
    try:
        with closing(frames(medium, load_settings())) as shown:  # type: ignore[type-var]
            next(shown)
    except NoPictures:
        return "audio"
    except MediaError as error:
        return None if type(error) is MediaError else "video"  # too long, or too large
    return "video"
