"""The licence of `make run`."""

from __future__ import annotations

import stat

import pytest

from service.errors import LicenceRevoked, StartupError, StoreUnavailable
from service.licensing import Licensing, development_licence
from service.licensing.digest import digest_key
from service.licensing.register import Register
from service.settings import Settings
from service.store.null.store import NullStore
from tests.licensing.conftest import Switch


def test_the_first_start_issues_it(settings: Settings, store: Switch, licensing: Licensing) -> None:
    hash_id = development_licence(settings, store)  # type: ignore[arg-type]
    assert licensing.authorise(hash_id, "history").licence.name == "development"


def test_later_starts_return_the_same(settings: Settings, store: Switch) -> None:
    hash_ids = {development_licence(settings, store) for _ in range(3)}  # type: ignore[arg-type]
    assert len(hash_ids) == 1
    assert len(store.list_licences()) == 1


def test_its_file_is_for_this_user_alone(settings: Settings, store: Switch) -> None:
    hash_id = development_licence(settings, store)  # type: ignore[arg-type]
    file = settings.data_dir / "development.hash_id"
    assert file.read_text() == hash_id + "\n"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_a_store_that_lost_it_gets_it_back(
    settings: Settings, store: Switch, licensing: Licensing
) -> None:
    hash_id = development_licence(settings, store)  # type: ignore[arg-type]
    store.store.close()
    (settings.data_dir / "facegate.db").unlink()
    assert development_licence(settings, store) == hash_id  # type: ignore[arg-type]
    assert licensing.authorise(hash_id)


def test_a_start_does_not_revive_it_once_revoked(
    settings: Settings, store: Switch, licensing: Licensing
) -> None:
    hash_id = development_licence(settings, store)  # type: ignore[arg-type]
    register = Register(store, digest_key(settings))  # type: ignore[arg-type]
    register.revoke(register.find("development")[0])
    development_licence(settings, store)  # type: ignore[arg-type]
    with pytest.raises(LicenceRevoked):
        licensing.authorise(hash_id)


def test_a_store_that_keeps_nothing_is_one_sentence(settings: Settings) -> None:
    with pytest.raises(StartupError, match="`null` keeps no licences"):
        development_licence(settings, NullStore())


def test_a_store_that_is_away_is_told(settings: Settings, store: Switch) -> None:
    store.away = True
    with pytest.raises(StoreUnavailable):
        development_licence(settings, store)  # type: ignore[arg-type]
