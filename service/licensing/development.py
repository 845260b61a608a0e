"""The licence that a first start issues, so that a developer can call the service at once."""

from __future__ import annotations

from service.errors import StartupError
from service.licensing.build import refuse_own_licences
from service.licensing.digest import digest_key, new_hash_id
from service.licensing.register import Register
from service.licensing.terms import Terms
from service.runtime.secrets import create_once
from service.settings import Settings
from service.store.base import Store

NAME = "development"


def development_licence(settings: Settings, store: Store) -> str:
    """Its hash_id, the same at every start; kept in the data folder for this user's eyes only.

    Raises StartupError when the store keeps no licences, and StoreUnavailable.
    """
    if store.kind == "null":
        raise StartupError(
            "The store `null` keeps no licences, so none can be issued for development.",
            "Unset FACEGATE_STORE, or start without --development and with a licence file.",
        )
    refuse_own_licences()
    register = Register(store, digest_key(settings))
    hash_id = create_once(settings.data_dir / f"{NAME}.hash_id", new_hash_id())
    if register.by_hash_id(hash_id) is None:
        register.issue(Terms(name=NAME), hash_id)
    return hash_id
