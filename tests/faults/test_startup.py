"""Why the service does not start: one sentence and a remedy on standard error, no traceback."""

from __future__ import annotations

import os
import shutil
import socket
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from service.settings import OPERATING_POINT, PACKAGE, Settings
from service.store.sqlite.store import SqliteStore
from tests.forks import fork_server
from tests.servers import free_port

# Root itself may enter every folder, until this right is taken away.
POWERLESS = () if os.geteuid() else ("setpriv", "--bounding-set=-dac_override,-dac_read_search")


def serve(tmp_path: Path, **env: str) -> subprocess.CompletedProcess[str]:
    """A start that is meant to fail."""
    given = {"FACEGATE_DATA_DIR": str(tmp_path / "data"), "FACEGATE_PORT": str(free_port())}
    done = fork_server().run(["serve"], os.environ | given | env, tmp_path)
    out, err = done.stdout.decode(), done.stderr.decode()
    return subprocess.CompletedProcess(done.args, done.returncode, out, err)


def refused(run: subprocess.CompletedProcess[str], *words: str) -> bool:
    """Exit 3, short, with these words, and without a traceback."""
    text = " ".join(run.stderr.split())
    short = len(run.stderr.strip().splitlines()) <= 8
    return run.returncode == 3 and short and all(w in text for w in words)


def models_copy(tmp_path: Path) -> Path:
    shutil.copytree(PACKAGE / "models", tmp_path / "models")
    return tmp_path / "models"


def newer(path: Path) -> Path:
    """A database as a later version leaves it when it ends."""
    path.parent.mkdir()
    SqliteStore(path).ping()
    with closing(sqlite3.connect(path)) as file:
        file.execute("PRAGMA user_version = 99")
    return path


def test_a_corrupted_model(tmp_path: Path) -> None:
    models = models_copy(tmp_path)
    weights = bytearray((models / "lite0/model.onnx").read_bytes())
    weights[len(weights) // 2] ^= 1
    (models / "lite0/model.onnx").write_bytes(weights)
    assert refused(serve(tmp_path, FACEGATE_MODELS_DIR=str(models)), "lite0", "checksum")


def test_a_corrupted_face_detector(tmp_path: Path) -> None:
    models = models_copy(tmp_path)
    with (models / "blazeface-short/model.onnx").open("ab") as file:
        file.write(b"\0")
    assert refused(serve(tmp_path, FACEGATE_MODELS_DIR=str(models)), "blazeface-short")


def test_no_models_at_all(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    run = serve(tmp_path, FACEGATE_MODELS_DIR=str(tmp_path / "empty"))
    assert refused(run, "There is no detector in the models folder.")


def test_an_unknown_detector(tmp_path: Path) -> None:
    assert refused(serve(tmp_path, FACEGATE_DETECTORS="nosuch"), "nosuch", "lite0")


def test_a_port_that_is_taken(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        assert refused(serve(tmp_path, FACEGATE_PORT=port), f"127.0.0.1:{port}", "in use")


def test_a_data_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    run = serve(tmp_path, FACEGATE_DATA_DIR=str(tmp_path / "file" / "data"))
    assert refused(run, "cannot be written to", "FACEGATE_DATA_DIR")


def test_a_data_folder_that_may_not_be_entered(tmp_path: Path) -> None:
    (tmp_path / "closed").mkdir(mode=0)
    env = os.environ | {"FACEGATE_DATA_DIR": str(tmp_path / "closed")}
    command = [*POWERLESS, f"{Path(sys.executable).parent}/facegate", "serve"]
    run = subprocess.run(command, env=env, capture_output=True, text=True, check=False, timeout=60)
    assert refused(run, "cannot be written to: Permission denied", "FACEGATE_DATA_DIR")


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"bpcer": 2}', '{"bpcer": "low"}', "\0"])
def test_an_operating_point_that_is_none(tmp_path: Path, text: str) -> None:
    (tmp_path / OPERATING_POINT).write_text(text)
    run = serve(tmp_path, FACEGATE_DATA_DIR=str(tmp_path))
    assert refused(run, f"The operating point {tmp_path / OPERATING_POINT} is unusable.", "Remove")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("FACEGATE_PORT", "eighty"),
        ("FACEGATE_BPCER", "2"),
        ("FACEGATE_REFUSE", "UGLY"),
        ("FACEGATE_STORE", "floppy"),
    ],
)
def test_an_unusable_setting_is_named(tmp_path: Path, name: str, value: str) -> None:
    assert refused(serve(tmp_path, **{name: value}), name)


def test_a_bpcer_that_the_curve_does_not_reach(tmp_path: Path) -> None:
    assert refused(serve(tmp_path, FACEGATE_BPCER="0.9999"), "BPCER")


def test_a_licence_file_without_a_vendor_key(tmp_path: Path) -> None:
    (tmp_path / "bank.licence").write_text("{}")
    run = serve(tmp_path, FACEGATE_LICENCE_FILES=str(tmp_path / "bank.licence"))
    assert refused(run, "vendor.pub", "FACEGATE_VENDOR_PUBLIC_KEY")


@pytest.mark.parametrize(
    ("uri", "words"),
    [
        ("mongodb://user:p@ss/word@db:27017/", ("malformed", "percent-encoded", "%40")),
        ("mongodb://user:p/w@db:27017/", ("malformed", "%2F")),
        ("mongodb://user@db:27017/", ("malformed",)),
        ("mongo://db", ("malformed",)),
        ("mongodb://db:port/", ("malformed",)),
        ("mongodb://db/?tls=true&tlsCAFile=/nowhere.pem", ("No such file", "tlsCAFile")),
        ("mongodb://db/?tls=true&tlsCAFile=/etc/hostname", ("tlsCAFile",)),
    ],
)
def test_a_bad_mongodb_address(tmp_path: Path, uri: str, words: tuple[str, ...]) -> None:
    run = serve(tmp_path, MONGODB_URI=uri)
    assert refused(run, *words)
    assert len(run.stderr.splitlines()) == 2  # before gunicorn, which would write more
    assert "word" not in run.stderr.replace("PASSWORD", "").replace("password", "")


def test_a_mongodb_user_without_a_password(tmp_path: Path) -> None:
    assert refused(serve(tmp_path, MONGODB_USER="facegate"), "no password", "FACEGATE_MONGODB_PASS")


@pytest.mark.parametrize(("store", "name"), [("sqlite", "facegate.db"), ("mongo", "spool.db")])
def test_a_file_that_a_newer_version_wrote(tmp_path: Path, store: str, name: str) -> None:
    path = newer(tmp_path / "data" / name)
    address = {"MONGODB_URI": "mongodb://127.0.0.1:1/"} if store == "mongo" else {}
    run = serve(tmp_path, FACEGATE_STORE=store, **address)
    assert refused(run, f"{path} was written by a newer version of Facegate.", "restore")
    assert len(run.stderr.splitlines()) == 2


SECRET_FILES = [name for name in Settings.model_fields if name.endswith("_file")]


@pytest.mark.parametrize("name", SECRET_FILES)
def test_a_secret_file_that_cannot_be_read(tmp_path: Path, name: str) -> None:
    variable = f"FACEGATE_{name.upper()}"
    run = serve(tmp_path, **{variable: str(tmp_path / "nowhere")})
    assert refused(run, variable, "No such file")
    assert len(run.stderr.splitlines()) == 2


@pytest.mark.parametrize("host", ["256.1.1.1", "no such host", "::12345", "[::1]x", "a" * 70])
def test_a_host_that_is_none(tmp_path: Path, host: str) -> None:
    assert refused(serve(tmp_path, FACEGATE_HOST=host), "Cannot listen on", "FACEGATE_HOST")


def test_a_misspelled_setting_is_told_at_the_start(tmp_path: Path) -> None:
    run = serve(tmp_path, FACEGATE_AUDITT="never shown", FACEGATE_DETECTORS="nosuch")
    assert refused(run, "FACEGATE_AUDITT (did you mean FACEGATE_AUDIT?)", "nosuch")
    assert "never shown" not in run.stderr
