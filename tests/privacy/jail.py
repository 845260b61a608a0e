"""A scene in namespaces of its own: a network that answers everything, a disk that notes writes.

with Jail("service", folder) as jail:
    jail.seen()     # {"code": 0, "asked": [names], "sent": ["tcp 127.0.0.1:443"], "written": [...]}
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from types import TracebackType
from typing import Any, Self

ROOT = Path(__file__).parents[2]
NAMESPACES = ("--net", "--mount", "--pid", "--fork", "--kill-child")


def why_not() -> str | None:
    """Why this machine cannot hold one; None where it can."""
    if os.geteuid() != 0:
        return "namespaces need root"
    tried = subprocess.run(
        ["unshare", *NAMESPACES, sys.executable, "-m", "tests.privacy.inside", "--try"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    return None if tried.returncode == 0 else f"no namespaces here: {tried.stderr[-200:]}"


class Jail:
    """Runs `python -m tests.privacy.scenes SCENE` at once; `seen` waits for its end."""

    def __init__(self, scene: str, folder: Path, **environment: str) -> None:
        self._report, log = folder / f"{scene}.json", folder / f"{scene}.log"
        command = [sys.executable, "-m", "tests.privacy.inside", self._report, scene]
        clean = {"PATH": os.environ["PATH"], "PYTHONDONTWRITEBYTECODE": "1"}
        self._log = log.open("w+")
        self._process = subprocess.Popen(
            ["unshare", *NAMESPACES, *map(str, command)],
            cwd=ROOT,
            env=clean | environment,
            stdin=subprocess.DEVNULL,
            stdout=self._log,
            stderr=self._log,
        )

    def seen(self) -> dict[str, Any]:
        self._process.wait(150)
        self._log.seek(0)
        assert self._process.returncode == 0, self._log.read()[-3000:]
        return dict(json.loads(self._report.read_text()))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        self._process.kill()
        self._process.wait()
        self._log.close()
