"""Users, passwords, tokens, and how often one may guess."""

from __future__ import annotations

import base64
import json
import sqlite3
from pathlib import Path
from typing import Any

import jwt
import pytest
from argon2 import extract_parameters
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from service.accounts import Accounts, passwords
from service.accounts.attempts import WINDOW
from service.accounts.tokens import token_key
from service.errors import (
    RequestError,
    StartupError,
    TooManyAttempts,
    UserExists,
    WrongPassword,
    WrongToken,
)
from service.settings import Settings
from service.store.sqlite.store import SqliteStore
from tests.accounts.conftest import Clock

HERE, THERE = "192.0.2.1", "192.0.2.2"
SECRET = "correct horse"


def test_a_token_leads_back_to_its_user(accounts: Accounts) -> None:
    for token in (accounts.register("ada", SECRET, HERE), accounts.login("ada", SECRET, HERE)):
        assert accounts.user(token).name == "ada"


def test_names_differ_by_more_than_case(accounts: Accounts) -> None:
    accounts.register("Ada", SECRET, HERE)
    with pytest.raises(UserExists):
        accounts.register("ADA", "another one", HERE)
    assert accounts.user(accounts.login("aDA", SECRET, HERE)).name == "ada"


@pytest.mark.parametrize("name", ["", "ab", "a" * 65, "a b c", "-ada", "ädä", "ada\n", "a\0da"])
def test_what_is_no_name(accounts: Accounts, name: str) -> None:
    with pytest.raises(RequestError, match="username"):
        accounts.register(name, SECRET, HERE)


WEAK = """
12345678 87654321 abcdefgh qwertyui qwertyuiop password Password1 p@ssw0rd passw0rd! iloveyou
letmein1 welcome123 11111111 aaaaaaaa 12121212 abcabcabc abcdabcd Summer2026 football1
monkey123 theodora1 1theodora TheoDora! xxxxxxxxxxxx qwerty123456 asdfghjkl superman99
trustno1 changeme
"""


@pytest.mark.parametrize("password", [" " * 8, " \t" * 6, *WEAK.split()])
def test_what_is_guessed_first_is_no_password(accounts: Accounts, password: str) -> None:
    with pytest.raises(RequestError, match="password"):
        accounts.register("theodora", password, HERE)


@pytest.mark.parametrize(
    "password", ["correct horse", "another one", "gR7#kd0Qz", "ärger im büro", "violet-Kettle-9"]
)
def test_what_is_a_password(accounts: Accounts, password: str) -> None:
    assert accounts.register("theodora", password, HERE)


@pytest.mark.parametrize("password", ["", "seven77", "x" * 257, "Theodora"])
def test_what_is_no_password(accounts: Accounts, password: str) -> None:
    with pytest.raises(RequestError, match="password"):
        accounts.register("theodora", password, HERE)


def test_a_wrong_password_and_an_unknown_name_are_told_the_same(accounts: Accounts) -> None:
    accounts.register("ada", SECRET, HERE)
    with pytest.raises(WrongPassword) as wrong:
        accounts.login("ada", "incorrect", HERE)
    with pytest.raises(WrongPassword) as unknown:
        accounts.login("eve", "incorrect", HERE)
    assert wrong.value.sentence == unknown.value.sentence


def test_the_password_of_nobody_opens_nothing(accounts: Accounts) -> None:
    with pytest.raises(WrongPassword):
        accounts.login("eve", "nobody's", HERE)


def test_the_password_is_kept_as_argon2id_alone(accounts: Accounts, tmp_path: Path) -> None:
    accounts.register("ada", SECRET, HERE)
    with sqlite3.connect(tmp_path / "facegate.db") as db:
        ((document,),) = db.execute("SELECT document FROM users")
    assert json.loads(document)["password"].startswith("$argon2id$")
    assert SECRET not in document


def test_guessing_ends_until_the_window_does(accounts: Accounts, clock: Clock) -> None:
    accounts.register("ada", SECRET, THERE)
    for _ in range(3):
        with pytest.raises(WrongPassword):
            accounts.login("ada", "guess", HERE)
    with pytest.raises(TooManyAttempts) as refused:
        accounts.login("ada", SECRET, HERE)
    assert 0 < (refused.value.retry_after or 0) <= WINDOW
    accounts.login("ada", SECRET, THERE)  # the user herself is not locked out
    clock.now += WINDOW
    accounts.login("ada", SECRET, HERE)


def test_guessing_locks_nobody_out_of_registering_and_the_reverse(accounts: Accounts) -> None:
    for number in range(30):
        with pytest.raises(WrongPassword):
            accounts.login(f"user{number}", "guess", HERE)
    accounts.register("ada", SECRET, HERE)
    with pytest.raises(TooManyAttempts):
        accounts.login("ada", SECRET, HERE)
    for number in range(29):
        accounts.register(f"eve{number}", SECRET, HERE)
    with pytest.raises(TooManyAttempts):
        accounts.register("eve", SECRET, HERE)


def test_revoked_tokens_hold_no_longer(accounts: Accounts) -> None:
    tokens = [accounts.register("ada", SECRET, HERE), accounts.login("ada", SECRET, HERE)]
    accounts.revoke_tokens(accounts.user(tokens[0]))
    for token in tokens:
        with pytest.raises(WrongToken):
            accounts.user(token)
    assert accounts.user(accounts.login("ada", SECRET, HERE)).name == "ada"


def test_a_changed_password_ends_the_old_one_and_all_tokens(accounts: Accounts) -> None:
    old = accounts.register("ada", SECRET, HERE)
    with pytest.raises(WrongPassword):
        accounts.change_password(accounts.user(old), "guess", "new and better", HERE)
    with pytest.raises(RequestError):
        accounts.change_password(accounts.user(old), SECRET, "12345678", HERE)
    new = accounts.change_password(accounts.user(old), SECRET, "new and better", HERE)
    assert accounts.user(new).name == "ada"
    with pytest.raises(WrongToken):
        accounts.user(old)
    with pytest.raises(WrongPassword):
        accounts.login("ada", SECRET, HERE)
    accounts.login("ada", "new and better", HERE)


def test_a_deleted_user_is_gone_and_a_namesake_is_another(accounts: Accounts) -> None:
    token = accounts.register("ada", SECRET, HERE)
    with pytest.raises(WrongPassword):
        accounts.delete(accounts.user(token), "guess", HERE)
    accounts.delete(accounts.user(token), SECRET, HERE)
    with pytest.raises(WrongPassword):
        accounts.login("ada", SECRET, HERE)
    accounts.register("ada", SECRET, HERE)
    with pytest.raises(WrongToken):
        accounts.user(token)


def test_an_unknown_name_takes_as_long_as_a_wrong_password(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The first one, too, so its hash is made with the same cost beforehand."""
    monkeypatch.undo()
    known = extract_parameters(passwords.NOBODYS)
    assert known == extract_parameters(passwords.Passwords().hashed(SECRET))
    assert (known.memory_cost, known.time_cost) == (65536, 3)


def test_the_right_password_does_not_count(accounts: Accounts) -> None:
    accounts.register("ada", SECRET, THERE)
    for _ in range(5):
        accounts.login("ada", SECRET, HERE)


@pytest.mark.slow
def test_one_address_cannot_try_all_names(accounts: Accounts) -> None:
    def guess(number: int) -> None:
        with pytest.raises(WrongPassword):
            accounts.login(f"user{number}\0", "guess", HERE)

    for number in range(30):
        guess(number)
    with pytest.raises(TooManyAttempts):
        accounts.login("ada", SECRET, HERE)


def test_attempts_count_over_all_workers(tmp_path: Path, clock: Clock) -> None:
    workers = [
        Accounts(
            Settings(data_dir=tmp_path, login_attempts=3),
            SqliteStore(tmp_path / "facegate.db"),
            clock,
        )
        for _ in range(2)
    ]
    for number in range(3):
        with pytest.raises(WrongPassword):
            workers[number % 2].login("ada", "guess", HERE)
    for worker in workers:
        with pytest.raises(TooManyAttempts):
            worker.login("ada", "guess", HERE)


def test_neither_name_nor_address_stands_in_the_counters(
    accounts: Accounts, tmp_path: Path
) -> None:
    with pytest.raises(WrongPassword):
        accounts.login("ada", "guess", HERE)
    with sqlite3.connect(tmp_path / "facegate.db") as db:
        text = str(db.execute("SELECT * FROM counters").fetchall())
    assert "ada" not in text
    assert HERE not in text


def test_a_token_ends(accounts: Accounts, clock: Clock) -> None:
    token = accounts.register("ada", SECRET, HERE)
    clock.now += 1799
    accounts.user(token)
    clock.now += 1
    with pytest.raises(WrongToken, match="expired"):
        accounts.user(token)


def test_a_token_of_a_user_who_is_not_there(accounts: Accounts, tmp_path: Path) -> None:
    with pytest.raises(WrongToken):
        accounts.user(_signed(_key(tmp_path)))


def _key(folder: Path) -> bytes:
    return token_key(Settings(data_dir=folder))


def _signed(key: bytes, algorithm: str = "HS256", **changes: Any) -> str:
    claims = {"sub": "ada", "iat": 1_800_000_000, "exp": 1_900_000_000, "iss": "facegate"}
    kept = {name: value for name, value in (claims | changes).items() if value is not None}
    return jwt.encode(kept, key, algorithm)


def test_forged_tokens(accounts: Accounts, tmp_path: Path) -> None:
    accounts.register("ada", SECRET, HERE)
    key = _key(tmp_path)
    with pytest.raises(WrongToken):
        accounts.user(_signed(key))  # well signed, but without the user's stamp
    head = base64.urlsafe_b64encode(b'{"alg":"none","typ":"JWT"}').decode().rstrip("=")
    body = _signed(key).split(".")[1]
    forged = [
        *(f"{head}.{body}.", f"{head}.{body}", _signed(key)[:-2], "", "a.b.c"),
        *(_signed(b"x" * 48), _signed(key, "HS512"), _signed(key, iss="other")),
        *(_signed(key, exp=None), _signed(key, sub=None), _signed(key, exp=1_799_999_999)),
    ]
    for token in forged:
        with pytest.raises(WrongToken):
            accounts.user(token)


@settings(
    max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@pytest.mark.slow
@given(st.text(max_size=80))
def test_no_text_is_a_token(accounts: Accounts, text: str) -> None:
    with pytest.raises(WrongToken):
        accounts.user(text)


def test_there_is_no_default_key(tmp_path: Path) -> None:
    one, other = _key(tmp_path / "a"), _key(tmp_path / "b")
    assert one != other
    assert _key(tmp_path / "a") == one
    assert (tmp_path / "a" / "token.key").stat().st_mode & 0o777 == 0o600


def test_a_key_may_be_given(tmp_path: Path) -> None:
    (tmp_path / "key").write_text("k" * 40 + "\n")
    assert token_key(Settings(token_key_file=tmp_path / "key")) == b"k" * 40
    assert token_key(Settings(token_key="l" * 40)) == b"l" * 40


def test_a_weak_or_missing_key_stops_the_start(tmp_path: Path) -> None:
    with pytest.raises(StartupError, match="shorter"):
        token_key(Settings(token_key="secret"))
    with pytest.raises(StartupError, match="cannot be read"):
        token_key(Settings(token_key_file=tmp_path / "nothing"))
