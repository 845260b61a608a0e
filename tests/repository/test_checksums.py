"""Files are read once, by `facegate serve`; its workers read again what has changed since."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import pytest

from service.commands.serve import _environment, _preflight
from service.errors import StartupError
from service.repository import checksums
from service.repository.checksums import HANDED_ON, verified_files, verify_checksum
from service.settings import PACKAGE, Settings
from tests.servers import free_port


@pytest.fixture
def handed_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A file that another process has verified, and that cannot be read here without notice."""
    file = tmp_path / "model.onnx"
    file.write_bytes(b"weights")
    monkeypatch.setattr(checksums, "_verified", set[str]())
    verify_checksum(tmp_path, file.name, digest(b"weights"))
    believed = frozenset(verified_files()[HANDED_ON].splitlines())
    monkeypatch.setattr(checksums, "_believed", believed)
    checksums._verified.clear()
    return file


def digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def test_a_file_that_was_verified_is_not_read_again(
    handed_on: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Path, "read_bytes", lambda _: pytest.fail("read again"))
    verify_checksum(handed_on.parent, handed_on.name, digest(b"weights"))


def test_nor_is_one_that_this_process_has_verified(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "model.onnx").write_bytes(b"weights")
    verify_checksum(tmp_path, "model.onnx", digest(b"weights"))
    monkeypatch.setattr(Path, "read_bytes", lambda _: pytest.fail("read again"))
    verify_checksum(tmp_path, "model.onnx", digest(b"weights"))


def test_a_file_that_was_changed_since_is_read_again(handed_on: Path) -> None:
    before = handed_on.stat()
    handed_on.write_bytes(b"WEIGHTS")
    os.utime(handed_on, ns=(before.st_atime_ns, before.st_mtime_ns))
    with pytest.raises(StartupError, match="is damaged"):
        verify_checksum(handed_on.parent, handed_on.name, digest(b"weights"))


def test_a_file_that_was_replaced_since_is_read_again(handed_on: Path) -> None:
    other = handed_on.with_name("other")
    other.write_bytes(b"WEIGHTS")
    other.replace(handed_on)
    with pytest.raises(StartupError, match="is damaged"):
        verify_checksum(handed_on.parent, handed_on.name, digest(b"weights"))


def test_another_checksum_than_the_verified_one_is_not_believed(handed_on: Path) -> None:
    with pytest.raises(StartupError, match="is damaged"):
        verify_checksum(handed_on.parent, handed_on.name, digest(b"other"))


def test_a_start_hands_on_every_detectors_files(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path, port=free_port())
    _preflight(settings)
    told = _environment(settings)[HANDED_ON]
    names = ("clip/base.onnx", "clip/tower.onnx", "clip/tuned.npz")
    assert all(digest((PACKAGE / "models" / name).read_bytes()) in told for name in names)
