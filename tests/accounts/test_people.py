"""People of the console and their sessions: limits, roles, throttling."""

from __future__ import annotations

from pathlib import Path

import pytest

from service.accounts import People
from service.accounts.development import development_user
from service.errors import (
    LastAdministrator,
    RequestError,
    SessionEnded,
    StoreUnavailable,
    TooManyAttempts,
    UserExists,
    UserNotFound,
    WrongPassword,
)
from service.settings import Settings
from service.store.null.store import NullStore
from service.store.sqlite.store import SqliteStore
from tests.accounts.conftest import Clock

HERE, SECRET = "192.0.2.1", "correct horse"


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """Of the store as well, which lets sessions expire."""
    clock = Clock()
    monkeypatch.setattr("service.store.sqlite.records.time.time", clock)
    return clock


@pytest.fixture
def people(tmp_path: Path, store: SqliteStore, clock: Clock) -> People:
    settings = Settings(data_dir=tmp_path, login_attempts=3, console_idle=100, console_longest=1000)
    return People(settings, store, clock)


def test_a_session_leads_back_to_its_person(people: People) -> None:
    people.add("Ada", SECRET, "analyst")
    token, seat = people.login("aDa", SECRET, HERE)
    assert people.seat(token) == seat
    assert (seat.person.name, seat.person.role) == ("ada", "analyst")
    assert [seat.person.may(role) for role in ("viewer", "analyst", "administrator")] == [
        True,
        True,
        False,
    ]


@pytest.mark.parametrize(
    ("uses", "after"), [(5, 101), (11, 20)], ids=["nobody uses it", "however much it is used"]
)
def test_a_session_ends(people: People, clock: Clock, uses: int, after: float) -> None:
    people.add("ada", SECRET, "viewer")
    token, _ = people.login("ada", SECRET, HERE)
    for _ in range(uses):
        clock.now += 90
        people.seat(token)
    clock.now += after
    with pytest.raises(SessionEnded):
        people.seat(token)


def test_the_store_holds_no_token(people: People, store: SqliteStore) -> None:
    people.add("ada", SECRET, "viewer")
    token, _ = people.login("ada", SECRET, HERE)
    assert token not in repr(store.list_records("sessions", 10))


def test_logging_out_ends_one_session_or_all(people: People) -> None:
    person = people.add("ada", SECRET, "viewer")
    one, two, three = (people.login("ada", SECRET, HERE)[0] for _ in range(3))
    people.logout(one)
    with pytest.raises(SessionEnded):
        people.seat(one)
    assert people.seat(two).person == person
    people.logout_everywhere(person)
    for token in (two, three):
        with pytest.raises(SessionEnded):
            people.seat(token)


def test_another_password_ends_every_session(people: People) -> None:
    people.add("ada", SECRET, "viewer")
    token, _ = people.login("ada", SECRET, HERE)
    people.set_password("ada", "another horse")
    with pytest.raises(SessionEnded):
        people.seat(token)
    with pytest.raises(WrongPassword):
        people.login("ada", SECRET, HERE)
    people.login("ada", "another horse", HERE)


def test_another_role_holds_at_once(people: People) -> None:
    people.add("ada", SECRET, "administrator")
    people.add("bob", SECRET, "viewer")
    token, _ = people.login("bob", SECRET, HERE)
    people.set_role("bob", "administrator")
    assert people.seat(token).person.may("administrator")


def test_who_is_removed_is_out(people: People) -> None:
    people.add("ada", SECRET, "viewer")
    token, _ = people.login("ada", SECRET, HERE)
    people.remove("ada")
    with pytest.raises(SessionEnded):
        people.seat(token)
    with pytest.raises(UserNotFound):
        people.find("ada")


def test_the_last_administrator_cannot_go(people: People) -> None:
    people.add("ada", SECRET, "administrator")
    for act in (lambda: people.remove("ada"), lambda: people.set_role("ada", "viewer")):
        with pytest.raises(LastAdministrator):
            act()
    people.add("bob", SECRET, "administrator")
    people.remove("ada")


def test_guessing_is_throttled(people: People) -> None:
    people.add("ada", SECRET, "viewer")
    for _ in range(3):
        with pytest.raises(WrongPassword):
            people.login("ada", "wrong", HERE)
    with pytest.raises(TooManyAttempts):
        people.login("ada", SECRET, HERE)


def test_what_is_no_person(people: People) -> None:
    people.add("ada", SECRET, "viewer")
    with pytest.raises(UserExists):
        people.add("ADA", SECRET, "viewer")
    for name, password in (("a b", SECRET), ("bob", "password1")):
        with pytest.raises(RequestError):
            people.add(name, password, "viewer")


def test_without_a_store_there_is_nobody(tmp_path: Path) -> None:
    people = People(Settings(data_dir=tmp_path), NullStore())
    with pytest.raises(StoreUnavailable, match="The console needs a store"):
        people.add("ada", SECRET, "viewer")
    with pytest.raises(WrongPassword):
        people.login("ada", SECRET, HERE)


def test_the_development_user_is_the_same_at_every_start(
    tmp_path: Path, store: SqliteStore
) -> None:
    settings = Settings(data_dir=tmp_path)
    first = development_user(settings, store)
    assert development_user(settings, store) == first
    people = People(settings, store)
    assert people.login(*first, HERE)[1].person.role == "administrator"
