"""What a photograph's memory costs the second time."""

from __future__ import annotations

import platform
import subprocess
import sys

import pytest

PAGES = 1080 * 1440 * 3 // 4096  # of one decoded selfie; the judgement holds several such blocks
COUNT = """
import resource
from scripts.bench.load import distinct, phone_selfie
from service.analysis.image import Analyzer
from service.settings import Settings

analyzer, selfie = Analyzer.load(Settings(profile="fast")), phone_selfie()
for _ in range(5):
    analyzer.analyze(distinct(selfie))
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(5):
    analyzer.analyze(distinct(selfie))
print((resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before) // 5)
"""


@pytest.mark.slow
@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="another library's allocator")
def test_a_selfie_takes_the_memory_of_the_one_before() -> None:
    done = subprocess.run([sys.executable, "-c", COUNT], check=True, capture_output=True, text=True)
    assert int(done.stdout) < PAGES
