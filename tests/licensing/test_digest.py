"""hash_ids and their digests."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.errors import LicenceError, StartupError
from service.licensing.digest import digest_key, keyed_digest, new_hash_id, public_digest
from service.settings import Settings
from tests.store.records import in_processes

# No hash_id holds white space: what is around one is none of it.
letters = st.characters(
    exclude_characters="\0\ufeff", exclude_categories=("Cc", "Zs", "Zl", "Zp"), codec="utf-8"
)
texts = st.text(letters, min_size=1, max_size=512)


def test_a_hash_id_is_long_and_safe_in_urls() -> None:
    hash_id = new_hash_id()
    assert hash_id.startswith("fg_")
    assert len(hash_id) == 3 + 43  # 256 bits in base64
    assert hash_id.replace("-", "").replace("_", "").isalnum()
    assert new_hash_id() != hash_id


@given(texts)
def test_digests_hide_the_hash_id(hash_id: str) -> None:
    public = public_digest(hash_id)
    keyed = keyed_digest(b"key", public)
    assert len(public) == len(keyed) == 64
    assert len({hash_id, public, keyed}) == 3


@given(texts, texts)
def test_only_equal_hash_ids_share_a_digest(one: str, other: str) -> None:
    assert (public_digest(one) == public_digest(other)) == (one == other)


@given(texts, st.binary(min_size=16), st.binary(min_size=16))
def test_another_key_gives_another_digest(hash_id: str, one: bytes, other: bytes) -> None:
    # HMAC pads short keys with NUL bytes, so these count as one key.
    same = one.rstrip(b"\0") == other.rstrip(b"\0")
    public = public_digest(hash_id)
    if len(one) <= 64 and len(other) <= 64:
        assert (keyed_digest(one, public) == keyed_digest(other, public)) == same


def test_the_keyed_digest_is_hmac_sha256() -> None:
    # RFC 4231, test case 2
    expected = "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
    assert keyed_digest(b"Jefe", "what do ya want for nothing?") == expected


@pytest.mark.parametrize("around", ["{}\n", "{}\r\n", " {} ", "\t{}", "\ufeff{}\n"], ids=repr)
def test_white_space_around_a_hash_id_is_none_of_it(around: str) -> None:
    assert public_digest(around.format("fg_one")) == public_digest("fg_one")


@pytest.mark.parametrize("junk", ["", " \n", "a\0b", "x" * 513, "\ud800"], ids=repr)
def test_what_cannot_be_a_hash_id_is_unknown(junk: str) -> None:
    with pytest.raises(LicenceError):
        public_digest(junk)


def test_the_key_is_made_once_for_this_user_alone(settings: Settings) -> None:
    key = digest_key(settings)
    file = settings.data_dir / "digest.key"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert digest_key(settings) == key
    assert [path.name for path in settings.data_dir.iterdir()] == ["digest.key"]


def test_processes_that_start_together_share_one_key(settings: Settings, tmp_path: Path) -> None:
    fresh = settings.model_copy(update={"data_dir": tmp_path / "fresh"})
    in_processes(6, lambda n: _write(tmp_path / f"{n}.seen", digest_key(fresh)))
    assert len({path.read_bytes() for path in tmp_path.glob("*.seen")}) == 1


def test_the_settings_key_comes_first(tmp_path: Path) -> None:
    (tmp_path / "key").write_text("a key from a mounted secret\n")
    named = Settings(data_dir=tmp_path, digest_key_file=tmp_path / "key")
    assert digest_key(named) == b"a key from a mounted secret"
    given_key = Settings(data_dir=tmp_path, digest_key="0123456789abcdef")
    assert digest_key(given_key) == b"0123456789abcdef"
    assert not (tmp_path / "digest.key").exists()


def test_a_short_key_is_refused(tmp_path: Path) -> None:
    with pytest.raises(StartupError, match="shorter than 16 bytes"):
        digest_key(Settings(data_dir=tmp_path, digest_key="short"))


def test_a_missing_key_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(StartupError, match="nowhere cannot be read"):
        digest_key(Settings(data_dir=tmp_path, digest_key_file=tmp_path / "nowhere"))


def test_a_data_folder_that_is_a_file_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StartupError, match=r"digest\.key cannot be made or read"):
        digest_key(Settings(data_dir=tmp_path / "file"))


def _write(path: Path, content: bytes) -> None:
    path.write_bytes(content)
