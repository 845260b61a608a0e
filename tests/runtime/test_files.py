"""Files appear whole or not at all."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from service.runtime.files import create_file, replace_file


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_a_file_is_replaced_and_nothing_is_left_beside_it(tmp_path: Path) -> None:
    path = tmp_path / "file"
    for content in (b"old and long", b"new"):
        replace_file(path, content, durable=True)
        assert path.read_bytes() == content
    assert list(tmp_path.iterdir()) == [path]


def test_a_write_that_breaks_off_leaves_the_old_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(handle: int) -> None:
        raise OSError(28, "No space left on device")

    path = tmp_path / "file"
    path.write_bytes(b"old")
    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        replace_file(path, b"new", durable=True)
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_only_this_user_reads_a_private_file(tmp_path: Path) -> None:
    path, open_to_all = tmp_path / "private", tmp_path / "open"
    open_to_all.write_bytes(b"")  # as the system makes them
    replace_file(tmp_path / "usual", b"")
    replace_file(path, b"", private=True)
    assert mode(path) == 0o600
    assert mode(tmp_path / "usual") == mode(open_to_all)


def test_the_first_to_create_a_file_wins(tmp_path: Path) -> None:
    path = tmp_path / "key"
    create_file(path, b"first")
    create_file(path, b"second")
    assert path.read_bytes() == b"first"
    assert mode(path) == 0o600
    assert list(tmp_path.iterdir()) == [path]
