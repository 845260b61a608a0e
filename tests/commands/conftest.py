"""The real command in a subprocess, on a data folder of its own."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.forks import fork_server
from tests.images import genuine
from tests.live import environment
from tests.models import copy_face_detectors, make_detector

Ran = subprocess.CompletedProcess[str]
Run = Callable[..., Ran]


@pytest.fixture
def facegate(tmp_path: Path) -> Run:
    """`facegate("licence", "list", store="sqlite")`: keyword arguments are settings."""
    return command_in(tmp_path)


def command_in(folder: Path) -> Run:
    """The command, run in a folder; its data folder lies in there."""

    def run(*arguments: object, stdin: str | bytes = "", **settings: Any) -> Ran:
        options = {"data_dir": folder / "data", "store": "sqlite"} | settings
        data = stdin if isinstance(stdin, bytes) else stdin.encode()
        around = environment(options) | {"COLUMNS": "200"}
        done = fork_server().run(arguments, around, folder, data)
        out, err = done.stdout.decode(), done.stderr.decode()
        assert "Traceback" not in out + err, err
        return subprocess.CompletedProcess(done.args, done.returncode, out, err)

    return run


@pytest.fixture(scope="session")
def models(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Models folders whose real detector calls every face bona fide, or every face a deepfake."""
    folders = {}
    for name, bias in (("bona_fide", -3.0), ("deepfake", 3.0)):
        folders[name] = tmp_path_factory.mktemp(name)
        copy_face_detectors(folders[name])
        make_detector(folders[name], "steady", gain=0.0, bias=bias)
    return folders


@pytest.fixture
def selfie(tmp_path: Path) -> Path:
    path = tmp_path / "selfie.jpg"
    path.write_bytes(genuine())
    return path
