"""C2PA manifests, signed by certificates of the test's own."""

from __future__ import annotations

import io
import socket
from pathlib import Path

import pytest
from PIL import Image

from scripts.provenance import credentials as made
from scripts.provenance import files
from service.errors import StartupError
from service.provenance import credentials
from service.provenance.containers import read_parts
from service.provenance.credentials import Checker
from service.provenance.facts import ContentCredentials
from tests.images import genuine

pytest.importorskip("c2pa")


@pytest.fixture(scope="module")
def data() -> bytes:
    with Image.open(io.BytesIO(genuine())) as image:
        return files.jpeg(image.convert("RGB").resize((200, 200)))


@pytest.fixture(scope="module")
def generated(data: bytes) -> bytes:
    return made.with_manifest(data, made.CREATED)


def checked(data: bytes, anchors: Path | None = None) -> ContentCredentials | None:
    parts = read_parts(data)
    return Checker(anchors).check(data, parts.format, parts.manifest)


def test_a_picture_without_a_manifest_has_none(data: bytes) -> None:
    assert checked(data) is None


def test_a_manifest_says_who_made_the_picture_and_how(generated: bytes) -> None:
    assert checked(generated) == ContentCredentials("valid", ("ai_generated",), "Tests")


def test_edits_of_a_captured_picture_are_told(data: bytes) -> None:
    found = checked(made.with_manifest(data, made.CAPTURED, made.EDITED))
    assert found is not None
    assert found.says == ("captured", "edited")


def test_a_picture_that_was_changed_later_is_invalid(generated: bytes) -> None:
    found = checked(made.changed(generated))
    assert found is not None
    assert (found.state, found.says) == ("invalid", ("ai_generated",))


def test_a_manifest_that_is_cut_off_is_invalid(generated: bytes) -> None:
    found = checked(generated[: len(generated) // 3])
    assert found is None or found.state == "invalid"


def test_who_stands_in_the_operators_list_is_trusted(generated: bytes, tmp_path: Path) -> None:
    anchors = tmp_path / "anchors.pem"
    anchors.write_bytes(b"-----BEGIN" + made.certificates()[0].split(b"-----BEGIN")[-1])
    found = checked(generated, anchors)
    assert found is not None
    assert found.state == "trusted"


def test_a_list_that_cannot_be_read_stops_the_start(tmp_path: Path) -> None:
    with pytest.raises(StartupError, match="trust anchors"):
        Checker(tmp_path / "none.pem")


def test_without_the_optional_part_a_manifest_is_told_and_not_checked(
    generated: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(credentials, "_library", lambda: None)
    assert checked(generated) == ContentCredentials("unchecked", ("ai_generated",))


def test_a_manifest_in_a_png_is_found(data: bytes) -> None:
    body = b"jumb....c2pa trainedAlgorithmicMedia"
    chunk = len(body).to_bytes(4) + b"caBX" + body + b"\0\0\0\0"
    picture = files.png(Image.new("RGB", (8, 8)))
    assert read_parts(picture[:33] + chunk + picture[33:]).manifest == body


def test_nothing_is_asked_of_anybody(generated: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    """The manifest's revocation and remote parts would be looked for by name."""
    settings = credentials._settings(None)["verify"]
    assert settings["remote_manifest_fetch"] is False
    assert settings["ocsp_fetch"] is False
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_: pytest.fail("asked for a name"))
    assert checked(generated) is not None
