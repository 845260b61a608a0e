"""Nothing to forget, where there is no store."""

from __future__ import annotations

from service.store.forgetting import Gone
from service.store.pictures import named


class NullForgetting:
    """See `Forgetting`."""

    def forget(
        self,
        *,
        sha256: str | None = None,
        licence: str | None = None,
        before: float | None = None,
    ) -> Gone:
        named(sha256, licence, before)
        return {}
