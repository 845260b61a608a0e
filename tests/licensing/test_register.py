"""The book of licences."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from service.errors import LicenceRevoked
from service.licensing import Licensing
from service.licensing.digest import digest_key, public_digest
from service.licensing.register import Register
from service.licensing.signed import SignedLicence, new_licence_id
from service.licensing.terms import Terms
from service.settings import Settings
from tests.licensing.conftest import NOON, Clock, Switch


@pytest.fixture
def register(store: Switch, settings: Settings, clock: Clock) -> Register:
    return Register(store, digest_key(settings), clock)  # type: ignore[arg-type]


def signed(hash_id: str, **changes: Any) -> SignedLicence:
    fields: dict[str, Any] = {"name": "Bank", "issued_at": int(NOON), "per_day": 3}
    digest = public_digest(hash_id)
    return SignedLicence(id=new_licence_id(), public_digest=digest, **fields | changes)


def test_issue_keeps_the_terms_and_not_the_hash_id(register: Register) -> None:
    terms = Terms(name="Bank", expires_at=2**32, per_day=1, per_month=2, features=("batch",))
    hash_id, licence = register.issue(terms)
    assert register.all() == [licence]
    assert (licence.name, licence.expires_at, licence.issued_at) == ("Bank", 2**32, NOON)
    assert (licence.per_day, licence.per_month, licence.features) == (1, 2, ("batch",))
    assert hash_id not in repr(licence)


@pytest.mark.parametrize("terms", [{"name": ""}, {"per_day": 0}, {"features": ()}], ids=repr)
def test_unusable_terms_are_refused(licensing: Licensing, terms: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        licensing.issue(**{"name": "Bank"} | terms)


def test_a_licence_is_found_by_name_digest_and_hash_id(register: Register) -> None:
    hash_id, licence = register.issue(Terms(name="Bank"))
    register.issue(Terms(name="Other"))
    for who in ("Bank", licence.digest, licence.digest[:8].upper(), hash_id):
        assert register.find(who) == [licence]


def test_seven_digits_and_junk_find_nothing(register: Register) -> None:
    _, licence = register.issue(Terms(name="Bank"))
    for who in (licence.digest[:7], "", "a\0b", "bank"):
        assert register.find(who) == []


def test_revoking_twice_keeps_the_first_moment(register: Register, clock: Clock) -> None:
    _, licence = register.issue(Terms(name="Bank"))
    once = register.revoke(licence)
    clock.turn(60)
    assert register.revoke(once).revoked_at == NOON
    assert register.all() == [once]


def test_an_imported_licence_lets_in(register: Register, licensing: Licensing) -> None:
    register.import_signed(signed("fg_bank"))
    grant = licensing.authorise("fg_bank")
    assert (grant.licence.source, grant.licence.per_day) == ("file", 3)


def test_a_second_import_renews(register: Register) -> None:
    register.import_signed(signed("fg_bank"))
    register.import_signed(signed("fg_bank", per_day=9))
    assert [licence.per_day for licence in register.all()] == [9]


def test_an_import_never_revives_a_revoked_licence(
    register: Register, licensing: Licensing
) -> None:
    register.revoke(register.import_signed(signed("fg_bank")))
    register.import_signed(signed("fg_bank"))
    with pytest.raises(LicenceRevoked):
        licensing.authorise("fg_bank")
