"""Nothing to forget, where there is no store."""

from __future__ import annotations

from service.store.forgetting import Gone, Selection


class NullForgetting:
    """See `Forgetting`."""

    def forget(self, meant: Selection) -> Gone:  # noqa: ARG002
        return {}
