"""IPv6, empty variables, and a proxy that must not come between a machine and itself."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
from pathlib import Path

import pytest
import requests

from service.commands.listening import obstacle
from service.settings import Settings, load_settings
from tests.commands.conftest import Run, command_in
from tests.live import Live
from tests.servers import free_port

ROOT = Path(__file__).parents[2]
PROXIES = {
    name: value
    for scheme in ("HTTP_PROXY", "HTTPS_PROXY")
    for name, value in ((scheme, "http://127.0.0.1:9"), (scheme.lower(), "http://127.0.0.1:9"))
} | {"ALL_PROXY": "socks5://127.0.0.1:9"}


def has_ipv6() -> bool:
    try:
        with socket.socket(socket.AF_INET6) as probe:
            probe.bind(("::1", 0))
    except OSError:
        return False
    return True


needs_ipv6 = pytest.mark.skipif(not has_ipv6(), reason="this machine has no IPv6")


class Live6(Live):
    """A service that is asked by IPv6."""

    def __init__(self, folder: Path, **settings: object) -> None:
        super().__init__(folder, probability=0.2, **settings)
        self.base = f"http://[::1]:{self.settings.port}"


@needs_ipv6
@pytest.mark.parametrize("host", ["::1", "::", "[::]"])
def test_it_listens_on_ipv6(tmp_path: Path, host: str) -> None:
    with Live6(tmp_path, host=host) as live:
        assert live.get("/status_check").text == "Service is Live."
        facegate = command_in(tmp_path)
        found = facegate("doctor", host=host, port=live.settings.port).stdout
        assert f"Facegate already answers on [{host.strip('[]')}]:{live.settings.port}." in found
        probe = [ROOT / "deploy/image/healthcheck"]
        around = os.environ | {"FACEGATE_HOST": host, "FACEGATE_PORT": str(live.settings.port)}
        assert subprocess.run(probe, env=around, check=False).returncode == 0


@needs_ipv6
def test_a_taken_port_of_ipv6(facegate: Run) -> None:
    with socket.create_server(("::1", 0), family=socket.AF_INET6) as other:
        port = other.getsockname()[1]
        ran = facegate("serve", host="::1", port=port)
        assert ran.returncode == 3
        assert f"Cannot listen on [::1]:{port}: Address already in use. Waiting 4" in ran.stderr
        assert "FAILED   port: Cannot listen" in facegate("doctor", host="::1", port=port).stdout


def test_only_a_port_in_use_may_become_free() -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        taken = obstacle(Settings(host="127.0.0.1", port=other.getsockname()[1]))
    nowhere = obstacle(Settings(host="192.0.2.1", port=free_port()))  # of no machine
    assert taken is not None
    assert nowhere is not None
    assert (taken.in_use, nowhere.in_use) == (True, False)


@pytest.fixture
def facegate(tmp_path: Path) -> Run:
    return command_in(tmp_path)


@pytest.mark.parametrize(
    ("host", "listens", "asked"),
    [
        ("127.0.0.1", "127.0.0.1:5001", "http://127.0.0.1:5001"),
        ("0.0.0.0", "0.0.0.0:5001", "http://127.0.0.1:5001"),
        ("::", "[::]:5001", "http://[::1]:5001"),
        ("[::1]", "[::1]:5001", "http://[::1]:5001"),
        (" fd00::7 ", "[fd00::7]:5001", "http://[fd00::7]:5001"),
        ("selfies.example", "selfies.example:5001", "http://selfies.example:5001"),
    ],
)
def test_addresses_are_written_so_that_they_can_be_used(
    host: str, listens: str, asked: str
) -> None:
    settings = Settings(host=host)
    assert (settings.listens_on(), settings.local_url()) == (listens, asked)


def variables() -> list[str]:
    found = []
    for name, field in Settings.model_fields.items():
        alias = field.validation_alias
        found += [str(one) for one in getattr(alias, "choices", [f"FACEGATE_{name.upper()}"])]
    return found


@pytest.mark.parametrize("name", variables())
def test_an_empty_variable_means_the_default(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for other in variables():
        monkeypatch.delenv(other, raising=False)
    default = load_settings()
    monkeypatch.setenv(name, "")
    assert load_settings() == default


def test_an_empty_variable_hides_no_other_name_of_the_setting(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("FACEGATE_MONGODB_USER", "")
    monkeypatch.setenv("MONGODB_USER", "facegate")
    assert load_settings().mongodb_user == "facegate"


def test_none_refuses_no_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FACEGATE_REFUSE", "none")
    assert load_settings().refuse == frozenset()


def test_an_empty_host_listens_on_loopback_only(tmp_path: Path) -> None:
    with Live(tmp_path, probability=0.2, host="") as live:
        assert f"Listening at: http://127.0.0.1:{live.settings.port}" in live.log()


def test_a_proxy_does_not_come_between(
    live: Live, facegate: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in PROXIES.items():
        monkeypatch.setenv(name, value)
    port = live.settings.port
    assert f"Facegate already answers on 127.0.0.1:{port}." in facegate("doctor", port=port).stdout
    (tmp_path / "data").mkdir(exist_ok=True)
    (tmp_path / "data/development.hash_id").write_text(f"{live.hash_id}\n")
    around = os.environ | {"FACEGATE_PORT": str(port), "FACEGATE_DATA_DIR": str(tmp_path / "data")}
    demo = subprocess.run(
        [sys.executable, "-m", "scripts.demo"],
        cwd=ROOT,
        env=around,
        capture_output=True,
        text=True,
        check=False,
    )
    assert demo.returncode == 0, demo.stderr
    assert len(re.findall("deepfake_score", demo.stdout)) == 2
    ran = facegate("detect", f"http://127.0.0.1:{port}/status_check", "--format", "csv")
    assert "INVALID_IMAGE" in ran.stdout  # fetched, though it is no image


def test_the_port_is_free_where_nobody_listens(facegate: Run) -> None:
    port = free_port()
    assert f"ok       port: 127.0.0.1:{port} is free." in facegate("doctor", port=port).stdout
    with pytest.raises(requests.ConnectionError):
        requests.get(f"http://127.0.0.1:{port}/", timeout=1)
