"""How many bytes of a file are read: videos and recordings may be larger than images."""

from __future__ import annotations

from service.media.kinds import kind_by_name
from service.settings import Settings


def largest(name: str, settings: Settings) -> int:
    """Bytes, by the file's name: a kind is told by content only after reading."""
    return settings.max_job_bytes if _is_timed(name) else settings.max_body_bytes


def too_large(what: str, name: str) -> str:
    """The sentence for a `file` or an `object` that is larger."""
    setting = "FACEGATE_MAX_JOB_BYTES" if _is_timed(name) else "FACEGATE_MAX_BODY_BYTES"
    return f"The {what} is larger than {setting} allows."


def _is_timed(name: str) -> bool:
    return kind_by_name(name) in ("video", "audio")
