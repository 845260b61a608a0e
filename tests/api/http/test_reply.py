"""How files are sent."""

from __future__ import annotations

from pathlib import Path

from werkzeug.test import EnvironBuilder, run_wsgi_app

from service.api.http.reply import PIECE
from service.app import create_app
from service.settings import Settings


def test_a_large_file_comes_in_large_pieces(tmp_path: Path) -> None:
    app = create_app(Settings(store="null", data_dir=tmp_path))
    environ = EnvironBuilder("/docs/swagger-ui-bundle.js").get_environ()
    pieces, status, headers = run_wsgi_app(app, environ)
    sizes = [len(piece) for piece in pieces]
    assert status == "200 OK"
    assert sum(sizes) == int(headers["Content-Length"]) > 3 * PIECE
    assert set(sizes[:-1]) == {PIECE}


def test_a_part_of_a_file_is_that_part(tmp_path: Path) -> None:
    client = create_app(Settings(store="null", data_dir=tmp_path)).test_client()
    path = "/docs/swagger-ui-bundle.js"
    whole = client.get(path).data
    part = client.get(path, headers={"Range": f"bytes={PIECE - 5}-{PIECE + 4}"})
    assert (part.status_code, part.data) == (206, whole[PIECE - 5 : PIECE + 5])
