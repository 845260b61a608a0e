"""The service that is measured."""

from __future__ import annotations

from pathlib import Path

from service.runtime.machine import usable_cores
from service.settings import load_settings
from tests.live import Live


def live(folder: str) -> Live:
    """A worker a core, the profile in FACEGATE_PROFILE; of other settings of ours none is taken."""
    return Live(Path(folder), workers=usable_cores(), profile=load_settings().profile)
