"""Challenges: for one holder, for a while, once."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.errors import ChallengeError, ChallengeExpired, ChallengeMissing, ChallengeUsed
from service.licensing.challenges import Challenges
from service.settings import Settings
from service.store.base import Store
from service.store.null.store import NullStore
from tests.store.conftest import *  # noqa: F403 (fixtures)
from tests.store.records import in_processes


def challenges(folder: Path, store: Store | None = None, **more: object) -> Challenges:
    return Challenges(Settings(data_dir=folder, **more), store or NullStore())  # type: ignore[arg-type]


def test_it_holds_once(store: Store, tmp_path: Path) -> None:
    here = challenges(tmp_path, store)
    given, ends = here.issue("bank")
    assert 100 < ends - time.time() <= 120
    here.use(given, "bank")
    with pytest.raises(ChallengeUsed):
        challenges(tmp_path, store).use(given, "bank")


def test_without_a_store_it_holds_once_in_each_process(tmp_path: Path) -> None:
    here = challenges(tmp_path)
    given, _ = here.issue("bank")
    here.use(given, "bank")
    with pytest.raises(ChallengeUsed):
        here.use(given, "bank")


def test_of_many_processes_one_gets_through(store: Store, tmp_path: Path) -> None:
    given, _ = challenges(tmp_path, store).issue("bank")

    def attempt(number: int) -> None:
        try:
            challenges(tmp_path, store).use(given, "bank")
        except ChallengeUsed:
            return
        (tmp_path / f"through-{number}").touch()

    in_processes(6, attempt)
    assert len(list(tmp_path.glob("through-*"))) == 1


def test_it_ends(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    here = challenges(tmp_path, session_ttl=5)
    given, ends = here.issue("bank")
    monkeypatch.setattr(time, "time", lambda: ends + 0.1)
    with pytest.raises(ChallengeExpired):
        here.use(given, "bank")


def test_it_is_of_its_holder_and_of_this_installation_alone(tmp_path: Path) -> None:
    here = challenges(tmp_path / "here")
    given, _ = here.issue("bank")
    for other, holder in ((here, "other"), (challenges(tmp_path / "there"), "bank")):
        with pytest.raises(ChallengeError, match="was not given to"):
            other.use(given, holder)
    here.use(given, "bank")  # nothing of that used it up


@given(data=st.data())
def test_no_other_text_is_one(
    data: st.DataObject, tmp_path_factory: pytest.TempPathFactory
) -> None:
    here = challenges(tmp_path_factory.getbasetemp())
    given, _ = here.issue("bank")
    at = data.draw(st.integers(0, len(given) - 1))
    other = data.draw(st.characters().filter(given[at].__ne__))
    for text in (given[:at] + other + given[at + 1 :], given + other, given[:at], "="):
        if text:
            with pytest.raises(ChallengeError):
                here.use(text, "bank")


def test_none_is_a_matter_of_the_site(tmp_path: Path) -> None:
    challenges(tmp_path).use(None, "bank")
    for nothing in (None, ""):
        with pytest.raises(ChallengeMissing):
            challenges(tmp_path, sessions="required").use(nothing, "bank")
