"""One answer on every processor: fast int8 products overflow where a CPU has no VNNI."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from scripts.demo import DEMO

OLDER = ("qemu-x86_64", "-cpu", "Haswell")  # AVX2, as in servers up to 2018 and AMD's up to 2022
FACEGATE = (sys.executable, str(Path(sys.executable).with_name("facegate")))
DETECT = (*FACEGATE, "detect", "--format", "jsonl", str(DEMO / "genuine.jpg"))


def probability(*processor: str) -> float:
    """Of being manipulated. A deepfake's exit code is 1."""
    done = subprocess.run([*processor, *DETECT], check=False, capture_output=True, text=True)
    return float(json.loads(done.stdout)["score"])


@pytest.mark.timeout(900)
@pytest.mark.skipif(shutil.which(OLDER[0]) is None, reason="no qemu-user here")
def test_a_processor_without_vnni_finds_the_same() -> None:
    assert probability(*OLDER) == pytest.approx(probability(), abs=0.02)
