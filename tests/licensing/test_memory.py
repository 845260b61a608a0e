"""The bounded cache, and the folder that outlives a process."""

from __future__ import annotations

from pathlib import Path

from service.licensing.memory import Cache, Folder, RememberedLicence
from tests.store.records import a_licence, in_processes


def test_the_least_recently_used_goes_first() -> None:
    cache = Cache(size=2)
    for digest in ("a", "b"):
        cache.put(digest, RememberedLicence(None, 1))
    cache.get("a")
    cache.put("c", RememberedLicence(None, 1))
    assert [cache.get(digest) is not None for digest in "abc"] == [True, False, True]


def test_it_never_grows_beyond_its_size() -> None:
    cache = Cache(size=10)
    for number in range(1000):
        cache.put(str(number), RememberedLicence(None, 1))
    assert len(cache._entries) == 10


def test_a_folder_gives_back_what_it_got(tmp_path: Path) -> None:
    seen = RememberedLicence(a_licence("d1", features=("batch",), revoked_at=5), at=7.25)
    Folder(tmp_path / "new").put("d1", seen)
    assert Folder(tmp_path / "new").get("d1") == seen
    assert Folder(tmp_path / "new").all() == [seen]


def test_a_folder_that_is_not_there_is_empty(tmp_path: Path) -> None:
    assert Folder(tmp_path / "none").all() == []
    Folder(tmp_path / "none").drop("d1")


def test_workers_that_write_together_leave_one_whole_file(tmp_path: Path) -> None:
    def write(number: int) -> None:
        for _ in range(50):
            Folder(tmp_path).put(
                "d1", RememberedLicence(a_licence("d1", name=str(number) * 90), at=1)
            )

    in_processes(4, write)
    assert [path.name for path in tmp_path.iterdir()] == ["d1.json"]
    assert Folder(tmp_path).get("d1") is not None
