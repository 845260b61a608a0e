"""The documentation page in a real browser: all operations shown, nothing asked of another host."""

from __future__ import annotations

import contextlib
import json
import re
import shutil
import socket
import subprocess
import threading
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import SplitResult, urlsplit

import pytest

from service.api.openapi.document import document
from tests.live import Live

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
QUIET = [
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
    *("--disable-default-apps", "--disable-extensions", "--no-first-run", "--no-pings"),
    "--disable-features=OptimizationHints,MediaRouter,Translate,AutofillServerCommunication",
    # What tries to leave is still seen in the log, but gets nowhere.
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
]
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no chromium here")


@dataclass(frozen=True)
class Visit:
    """What a browser made of a page: its final HTML, the addresses that it asked for, and what it
    wrote to its console."""

    html: str
    asked: list[SplitResult]
    console: str


def browse(url: str, folder: Path) -> Visit:
    """Open a page with an empty profile and let its scripts run."""
    log = folder / "net.json"
    arguments = [
        *(str(CHROMIUM), *QUIET, f"--user-data-dir={folder / 'profile'}", f"--log-net-log={log}"),
        *("--enable-logging=stderr", "--virtual-time-budget=20000", "--dump-dom", url),
    ]
    done = subprocess.run(arguments, capture_output=True, text=True, timeout=120, check=True)
    return Visit(done.stdout, _asked(log), done.stderr)


def _asked(log: Path) -> list[SplitResult]:
    """What the page asked for; the browser's own requests belong to no page of ours."""
    events = [event.get("params", {}) for event in json.loads(log.read_text())["events"]]
    ours = [one for one in events if "//127.0.0.1" in one.get("network_isolation_key", "")]
    return [urlsplit(one["url"]) for one in ours]


@pytest.fixture(scope="module")
def visit(live: Live, tmp_path_factory: pytest.TempPathFactory) -> Visit:
    return browse(f"{live.base}/docs", tmp_path_factory.mktemp("browser"))


def test_every_operation_is_shown(visit: Visit) -> None:
    shown = set(re.findall(r'data-path="([^"]+)"', visit.html))
    assert shown == set(document(16)["paths"])
    assert visit.html.count('class="opblock ') == sum(map(len, document(16)["paths"].values()))


def test_its_schemas_are_shown(visit: Visit) -> None:
    assert "AnalyzeAnswer" in visit.html
    assert "Facegate" in visit.html


def test_it_asks_no_other_host(visit: Visit, live: Live) -> None:
    assert {f"{one.scheme}://{one.netloc}" for one in visit.asked} == {live.base}


def test_it_asks_for_its_own_parts(visit: Visit) -> None:
    parts = {"/docs", "/docs/swagger-ui.css", "/docs/swagger-ui-bundle.js", "/docs/start.js"}
    assert parts | {"/openapi.json"} <= {one.path for one in visit.asked}


def test_a_page_that_does_ask_another_host_would_be_seen(tmp_path: Path) -> None:
    page = b'HTTP/1.0 200 OK\r\nContent-Type: text/html\r\n\r\n<img src="http://else.invalid/">'
    with socket.create_server(("127.0.0.1", 0)) as server:
        threading.Thread(target=_answer_all, args=(server, page), daemon=True).start()
        visit = browse(f"http://127.0.0.1:{server.getsockname()[1]}/", tmp_path)
    assert "else.invalid" in {one.netloc for one in visit.asked}


def _answer_all(server: socket.socket, page: bytes) -> None:
    with contextlib.suppress(OSError):  # until it is closed
        while True:
            connection, _ = server.accept()
            with connection:
                connection.recv(65536)
                connection.sendall(page)


def test_its_policy_blocks_nothing_that_it_needs(visit: Visit) -> None:
    assert "Content Security Policy" not in visit.console
    assert "Refused to" not in visit.console
