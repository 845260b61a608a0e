"""Pictures that were seen, in MongoDB."""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import AbstractContextManager, suppress
from dataclasses import asdict
from typing import Any

from pymongo import ASCENDING, DESCENDING, IndexModel
from pymongo.database import Database
from pymongo.errors import DuplicateKeyError

from service.store.mongo.counters import date
from service.store.pictures import SeenPicture

Document = dict[str, Any]
INDEXES = {
    "pictures": [
        IndexModel([("bands", ASCENDING)]),
        IndexModel([("sha256", ASCENDING)]),
        IndexModel([("purge_at", ASCENDING)], expireAfterSeconds=0),
    ]
}


class MongoPictures:
    """See `Pictures`."""

    def _calls(self, seconds: float | None = None) -> AbstractContextManager[Database[Document]]:
        raise NotImplementedError

    def put_picture(self, picture: SeenPicture) -> None:
        fields = asdict(picture)
        del fields["id"]
        later = {"expires_at": fields.pop("expires_at"), "purge_at": date(picture.expires_at)}
        change = {"$setOnInsert": fields | {"bands": list(picture.bands)}, "$max": later}
        with self._calls() as db, suppress(DuplicateKeyError):
            db.pictures.update_one({"_id": picture.id}, change, upsert=True)

    def find_pictures(self, bands: Sequence[str], limit: int) -> list[SeenPicture]:
        query = {"bands": {"$in": list(bands)}, "expires_at": {"$gt": time.time()}}
        with self._calls() as db:
            found = db.pictures.find(query).sort([("created_at", DESCENDING)]).limit(limit)
            return [_picture(one) for one in found]


def _picture(document: Document) -> SeenPicture:
    fields = {key: value for key, value in document.items() if key not in ("_id", "purge_at")}
    return SeenPicture(id=document["_id"], **fields | {"bands": ()})
