"""`People`: who may use the console, in which role, and their sessions."""

from __future__ import annotations

import hashlib
import hmac
import secrets
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Literal

from pydantic import TypeAdapter
from pydantic.dataclasses import dataclass

from service.accounts.accounts import LONGEST, NAME, check_name, check_password, new_stamp
from service.accounts.attempts import Attempts
from service.accounts.passwords import Passwords
from service.errors import LastAdministrator, SessionEnded, UserExists, UserNotFound, WrongPassword
from service.settings import Settings
from service.store.base import Store
from service.store.records import StoredRecord

Role = Literal["viewer", "analyst", "administrator"]
ROLES: tuple[Role, ...] = ("viewer", "analyst", "administrator")  # each may do what the former may
PEOPLE, SESSIONS = "people", "sessions"
MOST = 1000  # people that are listed
RENEW = 60.0  # seconds after which a session that is used is written again


@dataclass(frozen=True)
class Person:
    """A user of the console. `password` is its salted argon2 hash; a session holds as long as it
    carries the `stamp`."""

    name: str
    role: Role
    password: str
    created_at: float
    stamp: str

    def may(self, role: Role) -> bool:
        """Whether a page for this role is open to them."""
        return ROLES.index(self.role) >= ROLES.index(role)


@dataclass(frozen=True)
class ConsoleSession:
    """A log-in. `csrf` goes into every form; seconds since the epoch: `ends_at` whatever happens,
    `seen_at` when it was last used."""

    name: str
    stamp: str
    csrf: str
    began_at: float
    seen_at: float
    ends_at: float


@dataclass(frozen=True)
class Seat:
    """Who sits before the browser."""

    person: Person
    session: ConsoleSession


PERSON, SESSION = TypeAdapter(Person), TypeAdapter(ConsoleSession)


class People:
    """The console's users and their sessions. Safe for threads.

    Every method may raise StoreUnavailable.
    """

    def __init__(
        self, settings: Settings, store: Store, clock: Callable[[], float] = time.time
    ) -> None:
        self._store, self._clock = store, clock
        self._idle, self._longest = settings.console_idle, settings.console_longest
        self._passwords = Passwords()
        self._attempts = Attempts(store, settings.login_attempts, clock)

    def add(self, name: str, password: str, role: Role) -> Person:
        """A new person. Raises RequestError, UserExists or Overloaded."""
        name = check_name(name)
        check_password(name, password)
        hashed = self._passwords.hashed(password)
        person = Person(name, role, hashed, self._clock(), new_stamp())
        if not self._store.add_record(_record(person)):
            raise UserExists
        return person

    def all(self) -> list[Person]:
        """Everybody, newest first."""
        found = self._store.list_records(PEOPLE, MOST)
        return [PERSON.validate_python(one.document) for one in found]

    def find(self, name: str) -> Person:
        """Raises UserNotFound."""
        found = self._store.get_record(PEOPLE, name.lower())
        if found is None:
            raise UserNotFound
        return PERSON.validate_python(found.document)

    def set_role(self, name: str, role: Role) -> Person:
        """Another role, at once. Raises UserNotFound or LastAdministrator."""
        person = self.find(name)
        if role != "administrator":
            self._not_the_last(person)
        return self._put(replace(person, role=role))

    def set_password(self, name: str, password: str) -> Person:
        """Another password; every session ends. Raises UserNotFound, RequestError, Overloaded."""
        person = self.find(name)
        check_password(person.name, password)
        hashed = self._passwords.hashed(password)
        return self._put(replace(person, password=hashed, stamp=new_stamp()))

    def remove(self, name: str) -> Person:
        """Nobody of this name any more. Raises UserNotFound or LastAdministrator."""
        person = self.find(name)
        self._not_the_last(person)
        self._store.delete_record(PEOPLE, person.name)
        return person

    def login(self, name: str, password: str, address: str) -> tuple[str, Seat]:
        """The token of a new session. Raises WrongPassword, TooManyAttempts or Overloaded."""
        name = name.lower()
        attempt = self._attempts.begin(f"console/{name}", address)
        found = self._store.get_record(PEOPLE, name) if NAME.fullmatch(name) else None
        person = PERSON.validate_python(found.document) if found else None
        fits = self._passwords.fits(person.password if person else None, password[:LONGEST])
        if person is None or not fits:
            raise WrongPassword
        self._attempts.succeeded(attempt)
        return self._begin(person)

    def seat(self, token: str) -> Seat:
        """Whose session this is; it goes on. Raises SessionEnded."""
        kept = self._store.get_record(SESSIONS, _digest(token))
        if kept is None:
            raise SessionEnded
        session = SESSION.validate_python(kept.document)
        found = self._store.get_record(PEOPLE, session.name)
        person = PERSON.validate_python(found.document) if found else None
        if person is None or not hmac.compare_digest(person.stamp, session.stamp):
            raise SessionEnded
        return Seat(person, self._renewed(token, session))

    def logout(self, token: str) -> None:
        """This session ends."""
        self._store.delete_record(SESSIONS, _digest(token))

    def logout_everywhere(self, person: Person) -> None:
        """Every session of this person ends."""
        self._put(replace(person, stamp=new_stamp()))

    def _begin(self, person: Person) -> tuple[str, Seat]:
        token, now = secrets.token_urlsafe(32), self._clock()
        ends_at = now + self._longest
        csrf = secrets.token_urlsafe(24)
        session = ConsoleSession(person.name, person.stamp, csrf, now, now, ends_at)
        self._keep(token, session)
        return token, Seat(person, session)

    def _renewed(self, token: str, session: ConsoleSession) -> ConsoleSession:
        """Not written with every request: once a minute is exact enough."""
        now = self._clock()
        if now - session.seen_at < min(RENEW, self._idle / 4):
            return session
        session = replace(session, seen_at=now)
        self._keep(token, session)
        return session

    def _keep(self, token: str, session: ConsoleSession) -> None:
        """Store the digest of the token alone: who reads the store cannot use it."""
        ends = min(session.seen_at + self._idle, session.ends_at)
        document = SESSION.dump_python(session, mode="json")
        record = StoredRecord(SESSIONS, _digest(token), session.began_at, document, ends)
        self._store.put_record(record)

    def _put(self, person: Person) -> Person:
        self._store.put_record(_record(person))
        return person

    def _not_the_last(self, person: Person) -> None:
        """Else nobody could let anybody in again but from the command line."""
        others = (one for one in self.all() if one.name != person.name)
        if person.role == "administrator" and not any(o.role == "administrator" for o in others):
            raise LastAdministrator


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).hexdigest()


def _record(person: Person) -> StoredRecord:
    document = PERSON.dump_python(person, mode="json")
    return StoredRecord(PEOPLE, person.name, person.created_at, document)
