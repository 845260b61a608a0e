"""How files are sent, and redirects."""

from __future__ import annotations

from pathlib import Path

import pytest
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


def test_a_part_beyond_the_end_is_refused(tmp_path: Path) -> None:
    client = create_app(Settings(store="null", data_dir=tmp_path)).test_client()
    answer = client.get("/docs/icon.svg", headers={"Range": "bytes=999999-"})
    assert (answer.status_code, answer.json["code"]) == (416, "RANGE_BEYOND_END")


@pytest.mark.parametrize("asked", ["lines=1", "bytes=x-y", "nonsense"])
def test_a_part_that_is_asked_for_in_no_known_way_is_the_whole(tmp_path: Path, asked: str) -> None:
    client = create_app(Settings(store="null", data_dir=tmp_path)).test_client()
    answer = client.get("/docs/icon.svg", headers={"Range": asked})
    assert (answer.status_code, answer.data) == (200, client.get("/docs/icon.svg").data)


@pytest.mark.parametrize("path", ["/console", "/v1//model-card?x=1"])
def test_a_redirect_stays_at_the_address_and_scheme_that_was_asked(
    tmp_path: Path, path: str
) -> None:
    """Behind a proxy that speaks TLS, `http:` would send a selfie on without it."""
    client = create_app(Settings(store="null", data_dir=tmp_path)).test_client()
    answer = client.get(path, headers={"Host": "api.bank.example", "X-Forwarded-Proto": "https"})
    assert answer.status_code == 308
    assert answer.headers["Location"].startswith(("/console", "/v1/model-card?x=1"))
