"""The deployed fitted fusion: a link in the models folder of the installation.

`data/models/ensemble` leads to `data/ensemble/stacks/VERSION`; each of these folders names in
`before` the one that it took over from. A link is replaced in one step, so a reader finds the old
fusion or the new one, never half of one.
"""

from __future__ import annotations

import os
from pathlib import Path

from service.settings import Settings

LINK = "ensemble"


def deployed(settings: Settings) -> str | None:
    """The version of the fusion that is deployed here."""
    try:
        return Path(os.readlink(_link(settings))).name
    except OSError:
        return None


def stacks(settings: Settings) -> Path:
    """The folder of every fusion that was fitted here."""
    return settings.data_dir / LINK / "stacks"


def deploy(settings: Settings, version: str) -> None:
    """Switch to a version that lies in `stacks`."""
    (stacks(settings) / version / "before").write_text(deployed(settings) or "")
    _switch(settings, version)


def roll_back(settings: Settings) -> str | None:
    """Switch to the version before, or to none, and answer which. Raises LookupError."""
    now = deployed(settings)
    if now is None:
        raise LookupError
    before = (stacks(settings) / now / "before").read_text() or None
    if before is None:
        _link(settings).unlink()
    else:
        _switch(settings, before)
    return before


def _switch(settings: Settings, version: str) -> None:
    link = _link(settings)
    link.parent.mkdir(parents=True, exist_ok=True)
    fresh = link.with_name(f".{LINK}.{os.getpid()}")
    fresh.unlink(missing_ok=True)
    # Relative, for the data folder may lie elsewhere tomorrow.
    fresh.symlink_to(os.path.relpath(stacks(settings) / version, link.parent))
    fresh.replace(link)


def _link(settings: Settings) -> Path:
    return settings.data_dir / "models" / LINK
