"""No pictures: they are all forgotten at once."""

from __future__ import annotations

from collections.abc import Sequence

from service.store.pictures import SeenPicture


class NullPictures:
    """See `Pictures`."""

    def put_picture(self, picture: SeenPicture) -> None:
        """Forgotten at once."""

    def find_pictures(self, bands: Sequence[str], limit: int) -> list[SeenPicture]:  # noqa: ARG002
        return []
