"""What a licence permits, in the form that the vendor states it."""

from __future__ import annotations

from typing import Annotated

from pydantic import ConfigDict, Field
from pydantic.dataclasses import dataclass

from service.store.base import FEATURES, Feature

Quota = Annotated[int, Field(ge=1)]
Moment = Annotated[int, Field(ge=0, lt=2**40)]  # whole seconds since the epoch, UTC
# No control characters: names end up in terminals, logs and metric labels.
Name = Annotated[str, Field(pattern=r"^[^\x00-\x1f\x7f-\x9f]{1,100}$")]
CONFIG = ConfigDict(extra="forbid", strict=True)


@dataclass(frozen=True, kw_only=True, config=CONFIG)
class Terms:
    """None means: without end, without limit. Raises pydantic's ValidationError."""

    name: Name
    expires_at: Moment | None = None
    per_day: Quota | None = None
    per_month: Quota | None = None
    features: Annotated[tuple[Feature, ...], Field(min_length=1)] = FEATURES
