"""`facegate licence keygen|export|verify|import`: from the vendor's desk to an air-gapped room."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from service.licensing import Licensing
from service.settings import Settings
from service.store.sqlite.store import SqliteStore
from tests.commands.conftest import Ran, Run

EXPORT = ("licence", "export", "--private-key", "vendor.key", "--output", "bank.licence")


@pytest.fixture
def vendor(facegate: Run) -> Run:
    """The command, with the vendor's keys made and his public key in force."""
    assert facegate("licence", "keygen").returncode == 0

    def run(*arguments: object, **more: object) -> Ran:
        return facegate(*arguments, vendor_public_key="vendor.pub", **more)

    return run


def service(tmp_path: Path) -> Licensing:
    settings = Settings(data_dir=tmp_path / "data", store="sqlite")
    return Licensing(settings, SqliteStore(tmp_path / "data" / "facegate.db"))


def hash_id_of(ran: Ran) -> str:
    assert ran.returncode == 0, ran.stderr
    return ran.stdout.removeprefix("hash_id: ").strip()


def test_from_key_to_request(vendor: Run, tmp_path: Path) -> None:
    hash_id = hash_id_of(vendor(*EXPORT, "Bank", "--days", 9, "--per-day", 2))
    assert vendor("licence", "verify", "bank.licence").returncode == 0
    ran = vendor("licence", "import", "bank.licence")
    assert ran.stdout.startswith("Imported: Bank (")
    licence = service(tmp_path).authorise(hash_id).licence
    assert (licence.name, licence.per_day, licence.source) == ("Bank", 2, "file")


def test_the_file_does_not_hold_the_hash_id(vendor: Run, tmp_path: Path) -> None:
    hash_id = hash_id_of(vendor(*EXPORT, "Bank"))
    assert hash_id not in (tmp_path / "bank.licence").read_text()


def test_export_touches_no_store(vendor: Run, tmp_path: Path) -> None:
    vendor(*EXPORT, "Bank")
    assert not (tmp_path / "data").exists()


def test_export_for_a_hash_id_of_the_store_takes_its_terms(vendor: Run) -> None:
    hash_id = hash_id_of(vendor("licence", "issue", "Bank", "--per-month", 77))
    ran = vendor(*EXPORT, "--hash-id", "-", stdin=hash_id)
    assert (ran.returncode, ran.stdout) == (0, "")
    shown = vendor("licence", "verify", "bank.licence").stdout
    assert "77" in shown
    assert "Bank" in shown


def test_the_private_key_is_for_its_owner_alone(vendor: Run, tmp_path: Path) -> None:
    assert stat.S_IMODE((tmp_path / "vendor.key").stat().st_mode) == 0o600
    assert b"PRIVATE" not in (tmp_path / "vendor.pub").read_bytes()


def test_keys_and_files_are_never_written_over(vendor: Run, tmp_path: Path) -> None:
    before = (tmp_path / "vendor.key").read_bytes()
    ran = vendor("licence", "keygen")
    assert ran.returncode == 3
    assert "File exists" in ran.stderr
    assert (tmp_path / "vendor.key").read_bytes() == before
    vendor(*EXPORT, "Bank")
    assert vendor(*EXPORT, "Bank").returncode == 3


def test_a_tampered_file_is_not_honoured(vendor: Run, tmp_path: Path) -> None:
    vendor(*EXPORT, "Bank", "--per-day", 1)
    file = tmp_path / "bank.licence"
    file.write_text(file.read_text().replace('"per_day":1', '"per_day":1000'))
    for command, code in (("verify", 1), ("import", 3)):
        ran = vendor("licence", command, "bank.licence")
        assert ran.returncode == code
        assert "signature does not match" in ran.stderr


def test_an_expired_file_is_told(vendor: Run, tmp_path: Path) -> None:
    from service.licensing.signed import SignedLicence, load_private_key, new_licence_id, sign

    fields = {"id": new_licence_id(), "public_digest": "a" * 64, "name": "Old", "issued_at": 1}
    licence = SignedLicence(**fields, expires_at=1_700_000_000)  # type: ignore[arg-type]
    key = load_private_key(tmp_path / "vendor.key")
    (tmp_path / "old.licence").write_bytes(sign(licence, key))
    ran = vendor("licence", "verify", "old.licence")
    assert ran.returncode == 1
    assert "expired" in ran.stdout
    assert "2023-11-14 22:13 UTC" in ran.stdout


def test_another_vendors_file_is_not_honoured(vendor: Run) -> None:
    vendor("licence", "keygen", "other")
    other = [argument.replace("vendor.key", "other.key") for argument in EXPORT]
    vendor(*other, "Bank")
    ran = vendor("licence", "verify", "bank.licence")
    assert ran.returncode == 1
    assert "another key" in ran.stderr


@pytest.mark.parametrize("command", ["verify", "import"])
def test_a_missing_vendor_key_is_one_sentence(facegate: Run, command: str) -> None:
    ran = facegate("licence", command, "bank.licence", vendor_public_key="nowhere.pub")
    assert ran.returncode == 3
    assert "public key nowhere.pub is missing" in ran.stderr


def test_a_missing_file(vendor: Run) -> None:
    assert vendor("licence", "verify", "nowhere").returncode == 3
    ran = vendor("licence", "import", "nowhere")
    assert ran.returncode == 3
    assert "No such file" in ran.stderr


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ((), "Nothing says whom the licence is for."),
        (("--hash-id", "fg_nobody"), "The store does not know this hash_id."),
        (("Bank", "--hash-id", ""), "This cannot be a hash_id."),
    ],
    ids=repr,
)
def test_an_export_that_lacks_something(
    vendor: Run, tmp_path: Path, arguments: tuple[str, ...], sentence: str
) -> None:
    vendor("licence", "issue", "Other")  # makes the store
    ran = vendor(*EXPORT, *arguments)
    assert ran.returncode == 3
    assert sentence in ran.stderr
    assert not (tmp_path / "bank.licence").exists()


def test_a_public_key_does_not_sign(vendor: Run) -> None:
    wrong = [argument.replace("vendor.key", "vendor.pub") for argument in EXPORT]
    ran = vendor(*wrong, "Bank")
    assert ran.returncode == 3
    assert "not a readable Ed25519 key" in ran.stderr
