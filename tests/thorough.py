"""How much a run looks at: `make test-full` (THOROUGH=1) takes the sizes and times of a night."""

from __future__ import annotations

import os

THOROUGH = bool(os.environ.get("THOROUGH"))


def either(thorough: int, quick: int) -> int:
    """A number of examples, entries or seconds: the same property, looked at longer or shorter."""
    return thorough if THOROUGH else quick
