"""Pictures that were seen: what every store that remembers must do."""

from __future__ import annotations

import time
from typing import Any

import pytest

from service.store.base import Store
from service.store.forgetting import Selection
from service.store.null.store import NullStore
from service.store.pictures import SeenPicture


def a_picture(picture_id: str = "pic_1", **changes: Any) -> SeenPicture:
    fields: dict[str, Any] = {
        "licence": "digest",
        "sha256": "5a" * 32,
        "name": "",
        "hash": "00" * 16,
        "bands": ("0:aaaa", "1:bbbb"),
        "created_at": time.time(),
        "expires_at": time.time() + 3600,
    }
    return SeenPicture(id=picture_id, **fields | changes)


def ids(store: Store, *bands: str) -> list[str]:
    return [one.id for one in store.find_pictures(bands, 10)]


def test_one_shared_band_finds_a_picture_and_none_finds_nothing(store: Store) -> None:
    store.put_picture(a_picture())
    assert ids(store, "0:ffff", "1:bbbb") == ["pic_1"]
    assert ids(store, "0:bbbb", "1:aaaa") == []


def test_the_newest_comes_first_and_no_more_than_asked_for(store: Store) -> None:
    for number in range(4):
        store.put_picture(a_picture(f"pic_{number}", created_at=time.time() - number))
    assert ids(store, "0:aaaa") == ["pic_0", "pic_1", "pic_2", "pic_3"]
    assert [one.id for one in store.find_pictures(["0:aaaa"], 2)] == ["pic_0", "pic_1"]


def test_what_is_kept_comes_back(store: Store) -> None:
    kept = a_picture(licence="other", name="ab", hash="12" * 16, created_at=5.5)
    store.put_picture(kept)
    found = store.find_pictures(["0:aaaa"], 1)[0]
    assert (found.licence, found.name, found.hash) == ("other", "ab", "12" * 16)
    assert (found.sha256, found.created_at) == (kept.sha256, 5.5)
    assert found.expires_at == pytest.approx(kept.expires_at)


def test_the_same_id_again_only_moves_its_expiry(store: Store) -> None:
    first = a_picture(created_at=5.0)
    store.put_picture(first)
    store.put_picture(a_picture(created_at=9.0, expires_at=first.expires_at + 99))
    (found,) = store.find_pictures(["0:aaaa"], 10)
    assert found.created_at == 5.0
    assert found.expires_at == pytest.approx(first.expires_at + 99)


def test_expired_pictures_are_not_found_and_go_with_a_purge(store: Store) -> None:
    now = time.time()
    store.put_picture(a_picture(expires_at=now - 1))
    store.put_picture(a_picture("pic_2", expires_at=now + 3600))
    assert ids(store, "0:aaaa") == ["pic_2"]
    store.purge(now + 7200)
    store.put_picture(a_picture("pic_3"))
    assert ids(store, "0:aaaa") == ["pic_3"]
    assert store.forget(Selection(before=now + 9999))["pictures"] == 1


@pytest.mark.parametrize(
    ("given", "left"),
    [
        ({"sha256": "6b" * 32}, ["pic_1", "pic_2"]),
        ({"licence": "digest"}, ["pic_3"]),
        ({"before": 20.0}, ["pic_2", "pic_3"]),
        ({"licence": "digest", "before": 20.0}, ["pic_2", "pic_3"]),
        ({"sha256": "6b" * 32, "licence": "digest"}, ["pic_1", "pic_2", "pic_3"]),
    ],
)
def test_deletion_takes_those_of_which_all_that_is_given_holds(
    store: Store, given: dict[str, Any], left: list[str]
) -> None:
    store.put_picture(a_picture("pic_1", created_at=10.0))
    store.put_picture(a_picture("pic_2", created_at=30.0))
    store.put_picture(a_picture("pic_3", created_at=30.0, licence="other", sha256="6b" * 32))
    assert store.forget(Selection(**given))["pictures"] == 3 - len(left)
    assert sorted(ids(store, "0:aaaa")) == left


def test_a_store_that_forgets_everything_knows_no_picture() -> None:
    store = NullStore()
    store.put_picture(a_picture())
    assert ids(store, "0:aaaa") == []
