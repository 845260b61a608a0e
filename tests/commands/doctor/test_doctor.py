"""`facegate doctor`: each thing that can be wrong, made wrong."""

from __future__ import annotations

import json
import os
import shutil
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from service.analysis.image import Analyzer
from service.commands.doctor import machine, network
from service.commands.doctor.machine import (
    check_cpu,
    check_data_folder,
    check_memory,
    cpu_flags,
    worker_memory,
)
from service.commands.serve import _warn_of_the_processor
from service.settings import Settings
from tests.analysis.decision.test_calibration import write as write_calibration
from tests.commands.conftest import Run
from tests.faults.test_startup import newer
from tests.live import Live
from tests.models import make_detector
from tests.servers import MongoServer, free_port

CHECKS = {
    *("python", "cpu", "cores", "memory", "models", "data folder", "digest key", "store"),
    *("licences", "port", "heads", "calibration", "fusion", "settings"),
}
Check = dict[str, Any]
TALKER = """
import socket
from service.sdk import FaceDetectorPlugin

class Talker(FaceDetectorPlugin):
    def load(self):
        self.line = socket.socket()
        self.line.connect_ex(("127.0.0.1", {port}))

    def predict(self, face):
        return 0.1
"""


@pytest.fixture
def doctor(facegate: Run, models: dict[str, Path]) -> Any:
    """`doctor(port=1)` answers the exit code and the findings by check."""

    def run(**settings: Any) -> tuple[int, dict[str, Check]]:
        sound = {"models_dir": models["bona_fide"], "port": free_port(), "workers": 1}
        ran = facegate("doctor", "--json", **sound | settings)
        document = json.loads(ran.stdout)
        assert document["ok"] == (ran.returncode == 0)
        return ran.returncode, {check["check"]: check for check in document["checks"]}

    return run


@pytest.fixture
def taken() -> Iterator[int]:
    """A port on which something else listens."""
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        yield other.getsockname()[1]


def test_a_fresh_installation(doctor: Any, tmp_path: Path) -> None:
    code, found = doctor()
    assert code == 0
    assert set(found) == CHECKS
    failed = [name for name, check in found.items() if check["level"] == "failed"]
    assert failed == []
    assert "There is no licence" in found["licences"]["sentence"]
    assert list(tmp_path.iterdir()) == []  # a doctor leaves nothing behind


def test_what_is_not_ok_has_a_remedy(doctor: Any, taken: int) -> None:
    for check in doctor(port=taken, workers=500)[1].values():
        assert (check["remedy"] is None) == (check["level"] == "ok"), check
        assert check["sentence"].endswith(".")


def test_for_people(facegate: Run, taken: int) -> None:
    ran = facegate("doctor", port=taken)
    assert ran.returncode == 1
    line = ran.stdout.splitlines().index(
        f"FAILED   port: Cannot listen on 127.0.0.1:{taken}: Address already in use."
    )
    assert "FACEGATE_PORT" in ran.stdout.splitlines()[line + 1]


def test_unusable_settings_are_a_finding(facegate: Run) -> None:
    ran = facegate("doctor", port=0)
    assert ran.returncode == 1
    assert "FACEGATE_PORT is unusable" in ran.stdout


def test_a_service_that_runs_already(facegate: Run, live: Live) -> None:
    ran = facegate("doctor", "--json", port=live.settings.port)
    port = next(check for check in json.loads(ran.stdout)["checks"] if check["check"] == "port")
    assert port["level"] == "ok"
    assert "already answers" in port["sentence"]


def test_a_damaged_model(doctor: Any, models: dict[str, Path], tmp_path: Path) -> None:
    folder = shutil.copytree(models["bona_fide"], tmp_path / "models")
    (folder / "steady" / "model.onnx").write_bytes(b"")
    code, found = doctor(models_dir=folder)
    assert code == 1
    assert "checksum differs" in found["models"]["sentence"]


def test_a_bpcer_that_no_model_has(doctor: Any) -> None:
    code, found = doctor(bpcer=0.0001)
    assert code == 1
    assert "no threshold for a BPCER" in found["models"]["sentence"]


def test_no_calibration(doctor: Any) -> None:
    assert doctor()[1]["calibration"]["sentence"].startswith("There is no calibration of your own")


def test_a_calibration_of_these_and_of_other_models(
    doctor: Any, models: dict[str, Path], tmp_path: Path
) -> None:
    (tmp_path / "data").mkdir()
    analyzer = Analyzer.load(Settings(models_dir=models["bona_fide"]))
    path = write_calibration(tmp_path / "data", analyzer)
    assert doctor()[1]["calibration"]["sentence"] == (
        f"The calibration {path} is in force, by 500 genuine images (2026-11-21)."
    )
    other = doctor(models_dir=models["deepfake"])[1]["calibration"]
    assert (other["level"], other["remedy"][:26]) == ("warning", "Run `facegate calibrate DI")


def test_a_calibration_that_is_unusable(doctor: Any, tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "calibration.json").touch()
    code, found = doctor()
    assert code == 1
    assert "is not one that `facegate calibrate` wrote" in found["calibration"]["sentence"]


def test_a_mongodb_that_is_away(doctor: Any) -> None:
    uri = "mongodb://127.0.0.1:1/?serverSelectionTimeoutMS=100"
    code, found = doctor(store="mongo", mongodb_uri=uri)
    assert code == 1
    assert found["store"]["sentence"] == "The store (mongo) cannot be reached."
    assert "FACEGATE_MONGODB_URI" in found["store"]["remedy"]
    assert found["licences"]["level"] == "warning"


def test_a_mongodb_that_answers(doctor: Any, tmp_path: Path) -> None:
    with MongoServer(tmp_path / "mongo") as server:
        _, found = doctor(store="mongo", mongodb_uri=server.uri, store_timeout=5)
    assert found["store"]["sentence"] == "The store (mongo) answers."


def test_a_damaged_sqlite_file(doctor: Any, tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "facegate.db").write_bytes(b"not a database" * 100)
    code, found = doctor()
    assert code == 1
    assert found["store"]["level"] == "failed"


def test_a_licence_that_ends_soon(doctor: Any, facegate: Run) -> None:
    facegate("licence", "issue", "Bank", "--days", 3)
    licences = doctor()[1]["licences"]
    assert (licences["level"], licences["sentence"]) == (
        "warning",
        "Valid licences: 1; the first ends in 2 days.",
    )


def test_a_licence_that_ends_late_or_never(doctor: Any, facegate: Run) -> None:
    facegate("licence", "issue", "Bank")
    assert doctor()[1]["licences"]["sentence"].endswith("none of them with an end.")
    facegate("licence", "issue", "Shop", "--days", 300)
    licences = doctor()[1]["licences"]
    assert (licences["level"], licences["sentence"][:17]) == ("ok", "Valid licences: 2")


def test_only_expired_licences(doctor: Any, tmp_path: Path) -> None:
    from service.licensing import Licensing
    from service.store import open_store

    settings = Settings(data_dir=tmp_path / "data", store="sqlite")
    Licensing(settings, open_store(settings)).issue("Bank", expires_at=1)
    code, found = doctor()
    assert code == 1
    assert "Every licence has expired" in found["licences"]["sentence"]


def test_a_licence_file_that_is_not_honoured(doctor: Any) -> None:
    code, found = doctor(licence_files="nowhere", vendor_public_key="nowhere.pub")
    assert code == 1
    assert "public key nowhere.pub is missing" in found["licences"]["sentence"]


def test_a_digest_key_that_others_can_read(doctor: Any, facegate: Run, tmp_path: Path) -> None:
    facegate("licence", "issue", "Bank")
    key = tmp_path / "data" / "digest.key"
    assert doctor()[1]["digest key"]["level"] == "ok"
    key.chmod(0o644)
    assert doctor()[1]["digest key"]["remedy"].startswith("chmod 600 ")


def test_a_short_digest_key(doctor: Any) -> None:
    code, found = doctor(digest_key="short")
    assert code == 1
    assert "shorter than 16 bytes" in found["digest key"]["sentence"]


def test_a_data_folder_that_is_a_file(doctor: Any, tmp_path: Path) -> None:
    (tmp_path / "data").touch()
    code, found = doctor()
    assert code == 1
    assert "cannot be written to" in found["data folder"]["sentence"]


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_data_folder_of_somebody_else(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    assert check_data_folder(Settings(data_dir=tmp_path / "data")).level == "failed"


def test_little_disk_space(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    levels = []
    for free in (10 * 2**20, 500 * 2**20, 5000 * 2**20):
        usage = shutil._ntuple_diskusage(10**12, 0, free)
        monkeypatch.setattr(shutil, "disk_usage", lambda _, usage=usage: usage)
        levels.append(check_data_folder(Settings(data_dir=tmp_path)).level)
    assert levels == ["failed", "warning", "ok"]


def test_too_many_workers(doctor: Any) -> None:
    _, found = doctor(workers=(os.cpu_count() or 1) + 1)
    assert found["cores"]["level"] == "warning"


def test_more_workers_than_memory(doctor: Any) -> None:
    code, found = doctor(workers=100_000)
    assert code == 1
    assert found["memory"]["level"] == "failed"


def test_larger_models_take_more_memory(tmp_path: Path) -> None:
    small = worker_memory(Settings(models_dir=tmp_path))
    make_detector(tmp_path, "large")
    with (tmp_path / "large" / "model.onnx").open("ab") as file:
        file.truncate(100 * 2**20)
    assert worker_memory(Settings(models_dir=tmp_path)) == small + 150 * 2**20


def test_memory_for_the_usual_but_not_for_the_largest(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "usable_memory", lambda: 512 * 2**20)
    few: dict[str, Any] = {"profile": "fast"}
    assert check_memory(Settings(workers=2, **few)).level == "warning"
    assert check_memory(Settings(workers=1, slots=1, max_pixels=10**7, **few)).level == "ok"
    assert check_memory(Settings(workers=4, **few)).level == "failed"
    assert check_memory(Settings(workers=2, profile="accurate")).level == "failed"


@pytest.mark.parametrize(
    ("flags", "profile", "level", "word"),
    [
        ("fpu sse2", "fast", "warning", "no AVX2"),
        ("fpu avx2", "accurate", "warning", "`accurate` takes 0.2 to 0.6 s"),
        ("fpu avx2 avx512f", "accurate", "warning", "`accurate` takes 0.2 to 0.6 s"),
        ("fpu avx2", "fast", "ok", "suits the profile `fast`"),
        ("fpu avx2 avx_vnni", "accurate", "warning", "no AVX-512 VNNI"),
        ("fpu avx2 avx512f avx512_vnni", "accurate", "ok", "AVX2, AVX-512, VNNI"),
    ],
)
def test_cpu_flags(
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    flags: str,
    profile: str,
    level: str,
    word: str,
) -> None:
    cpuinfo = tmp_path / "cpuinfo"
    cpuinfo.write_text(f"processor : 0\nflags\t\t: {flags}\n\nprocessor : 1\nflags\t: none\n")
    monkeypatch.setattr(machine, "cpu_flags", lambda: cpu_flags(cpuinfo))
    monkeypatch.setattr("platform.machine", lambda: "x86_64")
    finding = check_cpu(Settings.model_validate({"profile": profile}))
    assert finding.level == level
    assert word in finding.sentence


def test_a_start_says_that_a_processor_is_slow(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(machine, "cpu_flags", lambda: frozenset({"avx2"}))
    monkeypatch.setattr("platform.machine", lambda: "x86_64")
    _warn_of_the_processor(Settings(profile="fast"))
    assert capsys.readouterr().err == ""
    _warn_of_the_processor(Settings(detectors=("lite0",)))
    assert capsys.readouterr().err == ""
    _warn_of_the_processor(Settings(profile="fast", detectors=("clip", "lite0")))
    assert "Set FACEGATE_PROFILE=fast" in capsys.readouterr().err
    _warn_of_the_processor(Settings(profile="accurate"))
    assert "Set FACEGATE_PROFILE=fast" in capsys.readouterr().err


def test_another_processor_family_is_fine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("platform.machine", lambda: "aarch64")
    assert check_cpu(Settings()).level == "ok"


def test_no_flags_can_be_read(tmp_path: Path) -> None:
    assert cpu_flags(tmp_path / "nowhere") == frozenset()


@pytest.mark.slow
@pytest.mark.parametrize("namespaces", [(), network.NAMESPACES], ids=["looked at", "counted"])
def test_judging_reaches_for_no_network(
    namespaces: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(network, "NAMESPACES", namespaces)
    found = network.check_network(Settings(data_dir=tmp_path), seconds=1)
    assert found.level == "ok"
    assert "1 s of judging no " in found.sentence


@pytest.mark.parametrize("namespaces", [(), network.NAMESPACES], ids=["looked at", "counted"])
def test_what_reaches_for_a_network_is_found(
    namespaces: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, taken: int
) -> None:
    """A class of somebody's that calls home from its own `predict`."""
    (tmp_path / "talker.py").write_text(TALKER.format(port=taken))
    folder = tmp_path / "models" / "talker"
    folder.mkdir(parents=True)
    manifest = {"name": "talker", "version": "1", "kind": "python", "threshold": 0.5}
    manifest |= {"object": "talker:Talker"}
    (folder / "manifest.json").write_text(json.dumps(manifest))
    monkeypatch.setattr(network, "NAMESPACES", namespaces)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.setenv("FACEGATE_DATA_DIR", str(tmp_path))
    found = network.check_network(Settings(data_dir=tmp_path), seconds=1)
    assert found.level == "failed"


def test_a_database_of_a_newer_version(doctor: Any, facegate: Run, tmp_path: Path) -> None:
    path = newer(tmp_path / "data" / "facegate.db")
    told = f"{path} was written by a newer version of Facegate."
    code, found = doctor()
    assert (code, found["store"]["sentence"], found["licences"]["sentence"]) == (1, told, told)
    for options in (("--store",), ("--store", "--repair")):
        ran = facegate("doctor", *options)
        assert (ran.returncode, told in ran.stdout) == (1, True)
    for command in (("licence", "list"), ("users", "list")):
        ran = facegate(*command)
        assert (ran.returncode, told in ran.stderr) == (3, True)
    assert path.exists()


def test_a_misspelled_setting(doctor: Any) -> None:
    code, found = doctor(auditt="required", digest_keys="never shown", coffee=1)
    assert code == 0
    assert found["settings"]["level"] == "warning"
    assert found["settings"]["sentence"] == (
        "Set, but read by nothing: FACEGATE_AUDITT (did you mean FACEGATE_AUDIT?), FACEGATE_COFFEE,"
        " FACEGATE_DIGEST_KEYS (did you mean FACEGATE_DIGEST_KEY?)."
    )
    assert doctor()[1]["settings"]["level"] == "ok"
