"""Pictures that were seen, in SQLite."""

from __future__ import annotations

import time
from collections.abc import Sequence

from service.store.pictures import SeenPicture
from service.store.sqlite.database import Database, Migration

COLUMNS = "id, licence, sha256, name, hash, created_at, expires_at"
MIGRATION: Migration = (
    "CREATE TABLE pictures (id TEXT PRIMARY KEY, licence TEXT NOT NULL, sha256 TEXT NOT NULL,"
    " name TEXT NOT NULL, hash TEXT NOT NULL, created_at REAL NOT NULL, expires_at REAL NOT NULL)"
    " WITHOUT ROWID",
    "CREATE TABLE picture_bands (band TEXT NOT NULL, picture TEXT NOT NULL,"
    " PRIMARY KEY (band, picture)) WITHOUT ROWID",
    "CREATE INDEX picture_bands_by_picture ON picture_bands (picture)",
    "CREATE INDEX pictures_by_expiry ON pictures (expires_at)",
    "CREATE INDEX pictures_by_input ON pictures (sha256)",
    "CREATE TRIGGER pictures_forget_bands AFTER DELETE ON pictures"
    " BEGIN DELETE FROM picture_bands WHERE picture = OLD.id; END",
)
PUT = (
    f"INSERT INTO pictures ({COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?)"  # noqa: S608
    " ON CONFLICT (id) DO UPDATE SET expires_at = max(expires_at, excluded.expires_at)"
)


class SqlitePictures:
    """See `Pictures`."""

    _database: Database

    def put_picture(self, picture: SeenPicture) -> None:
        row = tuple(getattr(picture, name) for name in COLUMNS.split(", "))
        with self._database.transaction() as db:
            db.execute(PUT, row)
            insert = "INSERT INTO picture_bands VALUES (?, ?) ON CONFLICT DO NOTHING"
            db.executemany(insert, [(band, picture.id) for band in picture.bands])

    def find_pictures(self, bands: Sequence[str], limit: int) -> list[SeenPicture]:
        places = ", ".join("?" * len(bands))
        query = (
            f"SELECT {COLUMNS} FROM pictures WHERE expires_at > ? AND id IN"  # noqa: S608
            f" (SELECT picture FROM picture_bands WHERE band IN ({places}))"
            " ORDER BY created_at DESC LIMIT ?"
        )
        with self._database.connection() as db:
            rows = db.execute(query, (time.time(), *bands, limit))
            return [_picture(row) for row in rows]


def _picture(row: tuple[object, ...]) -> SeenPicture:
    return SeenPicture(**dict(zip(COLUMNS.split(", "), row, strict=True)), bands=())  # type: ignore[arg-type]
