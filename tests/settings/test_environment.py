"""What stands around a value in the environment: white space, quotes, large letters."""

from __future__ import annotations

from pathlib import Path
from typing import Literal, get_args, get_origin

import pytest

from service.errors import Reason, StartupError
from service.licensing.digest import digest_key
from service.settings import Settings, load_settings

SECRETS = [name.removesuffix("_file") for name in Settings.model_fields if name.endswith("_file")]
CHOICES = {
    name: get_args(field.annotation)
    for name, field in Settings.model_fields.items()
    if get_origin(field.annotation) is Literal
}
AROUND = ["{}\n", "{}\r\n", "{}\r", " {}\t"]
KEY = "a long enough secret, and of one line"


def refusal() -> str:
    with pytest.raises(StartupError) as caught:
        load_settings()
    return caught.value.sentence


@pytest.mark.parametrize("name", SECRETS)
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_a_secret_is_the_same_from_a_variable_and_from_a_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, end: str
) -> None:
    monkeypatch.setenv(f"FACEGATE_{name.upper()}", KEY + end)
    assert load_settings().secret(name) == KEY
    monkeypatch.delenv(f"FACEGATE_{name.upper()}")
    (tmp_path / "secret").write_text(KEY + end)
    monkeypatch.setenv(f"FACEGATE_{name.upper()}_FILE", str(tmp_path / "secret"))
    assert load_settings().secret(name) == KEY


def test_hosts_know_each_others_customers_whichever_way_the_key_comes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "key").write_text(f"{KEY}\n")
    monkeypatch.setenv("FACEGATE_DIGEST_KEY", f"{KEY}\n")
    by_file = Settings(digest_key=None, digest_key_file=tmp_path / "key")
    assert digest_key(load_settings()) == digest_key(by_file)


@pytest.mark.parametrize(
    "name", ["FACEGATE_MONGODB_PASS", "MONGODB_PASS", "MONGODB_LOCAL_ENV_PASS"]
)
def test_a_passwords_blanks_are_part_of_it(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv(name, " blank \r\n")
    assert load_settings().secret("mongodb_pass") == " blank "


@pytest.mark.parametrize("around", AROUND)
@pytest.mark.parametrize(
    ("name", "value"),
    [("profile", "fast"), ("port", 5199), ("sign", True), ("mongodb_host", "db:27017")],
)
def test_white_space_around_a_value_is_none_of_it(
    monkeypatch: pytest.MonkeyPatch, name: str, value: object, around: str
) -> None:
    monkeypatch.setenv(f"FACEGATE_{name.upper()}", around.format(value))
    assert getattr(load_settings(), name) == value


def test_a_blank_value_is_the_default_or_that_of_the_other_name(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("FACEGATE_PORT", " ")
    monkeypatch.setenv("FACEGATE_MONGODB_USER", "\r")
    monkeypatch.setenv("MONGODB_USER", "ada")
    assert (load_settings().port, load_settings().mongodb_user) == (5001, "ada")


@pytest.mark.parametrize("name", CHOICES)
def test_a_choice_may_be_in_any_case(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    for word in CHOICES[name]:
        monkeypatch.setenv(f"FACEGATE_{name.upper()}", word.upper())
        assert getattr(load_settings(), name) == word


def test_reasons_may_be_in_any_case(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FACEGATE_REFUSE", "face_cropped, No_Speech")
    assert load_settings().refuse == {Reason.FACE_CROPPED, Reason.NO_SPEECH}


@pytest.mark.parametrize(
    ("name", "value", "shown"),
    [
        ("PROFILE", "'fast'", '''"'fast'"'''),
        ("PORT", '"5199"', """'"5199"'"""),
        ("REFUSE", "UGLY", "'UGLY'"),
        ("LOG_LEVEL", "x" * 500, repr("x" * 80)),
        ("SIGN", "per\x1bhaps", r"'per\x1bhaps'"),
    ],
)
def test_what_is_refused_is_shown(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, shown: str
) -> None:
    monkeypatch.setenv(f"FACEGATE_{name}", value)
    assert refusal().endswith(f"(given: {shown}).")


def test_a_secret_is_never_shown() -> None:
    """No text is refused as a secret today; so the error is made up."""
    from service.settings import _refusal

    for name in [*SECRETS, "FACEGATE_MONGODB_URI", "nosuch"]:
        told = _refusal({"loc": (name,), "msg": "Bad", "input": KEY, "type": "value_error"})
        assert told.endswith("is unusable: Bad.")
