"""Commands in a data folder that was mistyped."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.commands.conftest import Run

READ_OR_DELETE = (
    *("audit verify", "audit export", "audit head", "forget --sha256 " + "0" * 64),
    *("forget --licence Bank", "licence list", "licence revoke Bank", "licence reset-clock"),
    *("users list", "users role ana --role viewer", "users password ana", "users remove ana"),
    *("evaluate --reviewed-since 2026-01-01", "calibrate --reviewed-since 2026-01-01"),
)


@pytest.mark.parametrize("command", READ_OR_DELETE)
@pytest.mark.parametrize("audit", ["off", "required"])
def test_what_reads_or_deletes_makes_no_store(
    facegate: Run, tmp_path: Path, command: str, audit: str
) -> None:
    folder = tmp_path / "typo" / "deep" / "data"
    ran = facegate(*command.split(), data_dir=folder, audit=audit)
    assert (ran.returncode, ran.stdout) == (3, "")
    assert f"There is no store in {folder}." in ran.stderr
    assert "FACEGATE_DATA_DIR" in ran.stderr
    assert not (tmp_path / "typo").exists()


@pytest.mark.parametrize("command", ["licence issue Bank", "users add ana"])
def test_what_keeps_something_makes_a_store(facegate: Run, tmp_path: Path, command: str) -> None:
    folder = tmp_path / "new" / "data"
    ran = facegate(*command.split(), data_dir=folder, stdin="correct horse battery\n")
    assert (ran.returncode, (folder / "facegate.db").exists()) == (0, True)
