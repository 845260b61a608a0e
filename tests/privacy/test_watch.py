"""A watch: nothing is asked of a name server, nothing leaves, nothing is written around.

Each scene runs in a network of its own in which every address answers. `CI` is not set: what is
set there makes some libraries silent that are not so elsewhere.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import ExitStack
from importlib.metadata import version

import pytest

from tests.privacy.jail import Jail, why_not
from tests.thorough import THOROUGH

SCENES = ("service", "detect", "consumer")
REASON = why_not()
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(REASON is not None, reason=str(REASON)),
]
# Our own parts talk to each other on ports of their own; 53 and 443 are the watch's.
LOCAL = re.compile(r"tcp (127\.0\.0\.1|\[::1\]):(?!53$|80$|443$)\d+")


@pytest.fixture(scope="module")
def jails(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Jail]]:
    """All at once, so that one of them is enough to wait for."""
    folder = tmp_path_factory.mktemp("watch")
    kept = {"THOROUGH": "1"} if THOROUGH else {}
    with ExitStack() as stack:
        yield {
            scene: stack.enter_context(Jail(scene, folder, **kept))
            for scene in (*SCENES, "unguarded")
        }


@pytest.mark.parametrize("scene", SCENES)
def test_nothing_leaves_the_host(jails: dict[str, Jail], scene: str) -> None:
    seen = jails[scene].seen()
    assert seen["code"] == 0
    assert seen["asked"] == []
    assert [one for one in seen["sent"] if not LOCAL.fullmatch(one)] == []
    assert seen["written"] == []


def test_the_watch_sees_what_would_leave(jails: dict[str, Jail]) -> None:
    if tuple(map(int, version("onnxruntime").split(".")[:2])) < (1, 29):
        pytest.skip("this ONNX Runtime reports nothing")
    seen = jails["unguarded"].seen()
    assert seen["asked"]
    assert "tcp 127.0.0.1:443" in seen["sent"]
    assert any("onnxruntime" in file for file in seen["written"])
