"""Pictures behind the circuit breaker; nothing of them is set aside."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager

from service.store.pictures import Pictures, SeenPicture


class ResilientPictures:
    """See `Pictures`."""

    def _reach(self, operation: str) -> AbstractContextManager[Pictures]:
        raise NotImplementedError

    def put_picture(self, picture: SeenPicture) -> None:
        with self._reach("put_picture") as primary:
            primary.put_picture(picture)

    def find_pictures(self, bands: Sequence[str], limit: int) -> list[SeenPicture]:
        with self._reach("find_pictures") as primary:
            return primary.find_pictures(bands, limit)
