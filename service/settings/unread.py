"""Variables that look like settings and are none: a misspelled one would change nothing."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from difflib import get_close_matches

from pydantic import AliasChoices

from service.settings import STARTED_WITH, Settings

OURS = "FACEGATE_"
# Read by others: our dashboard, and our tests.
ELSEWHERE = {
    f"{OURS}{name}" for name in ("URL", "TEST_CYCLES", "ENGINE_DIR", "HOSTILE", "MEMORY_PIXELS")
}
# What Kubernetes, and Docker for a link, tell of services whose name begins with `facegate`.
LINK = re.compile(
    rf"{OURS}(\w+_)?(SERVICE_HOST|SERVICE_PORT(_\w+)?|PORT_\d+_(TCP|UDP|SCTP)(_(ADDR|PORT|PROTO))?)"
)


def names_of(name: str) -> list[str]:
    """The variables that say a setting; the first one is the one to recommend."""
    alias = Settings.model_fields[name].validation_alias
    if isinstance(alias, AliasChoices):
        return [str(choice) for choice in alias.choices]
    return [f"{OURS}{name.upper()}"]


def unread(environment: Mapping[str, str]) -> dict[str, str | None]:
    """Variables that nothing reads, each with the setting that may have been meant."""
    read = {name for setting in Settings.model_fields for name in names_of(setting)}
    return {
        name: _closest(name.upper(), read)
        for name, value in sorted(environment.items())
        if name.upper().startswith(OURS)
        and name.upper() not in read | ELSEWHERE | {STARTED_WITH}
        and not _is_a_link(name, value)
    }


def _is_a_link(name: str, value: str) -> bool:
    return LINK.fullmatch(name) is not None or (
        name.endswith("_PORT") and value.startswith(("tcp://", "udp://", "sctp://"))
    )


def _closest(name: str, read: Iterable[str]) -> str | None:
    """Without what all have in common, which would make all of them alike."""
    ours = [one.removeprefix(OURS) for one in read if one.startswith(OURS)]
    found = get_close_matches(name.removeprefix(OURS), ours, n=1, cutoff=0.75)
    return f"{OURS}{found[0]}" if found else None
