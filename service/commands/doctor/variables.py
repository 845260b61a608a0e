"""Check of the environment: is every variable of ours one that is read?"""

from __future__ import annotations

import os

from service.commands.doctor.finding import Diagnosis, ok, warning
from service.settings import Settings
from service.settings.unread import unread


def check_variables(settings: Settings) -> Diagnosis:  # noqa: ARG001
    """Names only: a misspelled secret is a secret still."""
    found = unread(os.environ)
    if not found:
        return ok("Every variable that is named FACEGATE_ is one that is read.")
    told = (f"{name} (did you mean {meant}?)" if meant else name for name, meant in found.items())
    return warning(
        f"Set, but read by nothing: {', '.join(told)}.",
        "Correct the name, or unset it; `facegate settings` lists all that are read.",
    )
