"""Secrets in files: one reader and one behaviour for all of them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from pydantic import SecretStr

from service.errors import StartupError
from service.settings import Settings, load_settings

NAMES = [name.removesuffix("_file") for name in Settings.model_fields if name.endswith("_file")]
DAMAGES: dict[str, Callable[[Path], object]] = {
    "missing": lambda path: None,
    "folder": lambda path: path.mkdir(),
    "no text": lambda path: path.write_bytes(b"\xff\xfe\x00"),
    "empty": lambda path: path.write_text(""),
    "blank": lambda path: path.write_text("\n"),
}


def test_every_file_belongs_to_a_secret() -> None:
    assert len(NAMES) == 9
    for name in NAMES:
        assert Settings.model_fields[name].annotation == SecretStr | None


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES)
def test_a_file_without_a_secret_stops_the_start(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    name: str,
    damage: Callable[[Path], object],
) -> None:
    variable = f"FACEGATE_{name.upper()}_FILE"
    damage(tmp_path / "secret")
    monkeypatch.setenv(variable, str(tmp_path / "secret"))
    with pytest.raises(StartupError, match=str(tmp_path / "secret")) as caught:
        load_settings()
    assert variable in caught.value.remedy


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("end", ["", "\n", "\r\n"])
def test_the_lines_end_is_no_part_of_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, end: str
) -> None:
    (tmp_path / "secret").write_bytes(f"a long enough secret, and of one line{end}".encode())
    monkeypatch.setenv(f"FACEGATE_{name.upper()}_FILE", str(tmp_path / "secret"))
    assert load_settings().secret(name) == "a long enough secret, and of one line"


def test_a_passwords_blanks_are_part_of_it(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text(" blank \n")
    assert Settings(mongodb_pass_file=tmp_path / "secret").secret("mongodb_pass") == " blank "


def test_the_value_comes_before_the_file(tmp_path: Path) -> None:
    here = Settings(digest_key="value", digest_key_file=tmp_path / "nothing")
    assert here.secret("digest_key") == "value"
