"""Which variables nothing reads, and which one was meant."""

from __future__ import annotations

import re
from itertools import chain
from pathlib import Path

import pytest

from service.settings import STARTED_WITH, Settings
from service.settings.unread import names_of, unread

ROOT = Path(__file__).parents[2]
PLACES = ("Dockerfile*", "Makefile", "*.sh", "*.md", ".ci/*", "docs/*.md", "deploy/**/*")
NAME = re.compile(r"(?<![A-Z_])FACEGATE_[A-Z_]*[A-Z](?![A-Z_*]|\.\.\.)")


def test_every_setting_is_read() -> None:
    names = {name: "x" for setting in Settings.model_fields for name in names_of(setting)}
    small = {name.lower(): "x" for name in names}
    assert unread(names | small | {STARTED_WITH: "0.05", "PATH": "/bin", "MONGODB_UR": "x"}) == {}


def test_whatever_our_files_name_is_read_by_something() -> None:
    files = chain.from_iterable(ROOT.glob(place) for place in PLACES)
    texts = (path.read_text(errors="replace") for path in files if path.is_file())
    named = set(chain.from_iterable(map(NAME.findall, texts)))
    assert len(named) > 80
    assert unread(dict.fromkeys(named, "x")) == {}


@pytest.mark.parametrize(
    ("given", "meant"),
    [
        ("FACEGATE_AUDITT", "FACEGATE_AUDIT"),
        ("FACEGATE_TRUSTED_PROXY", "FACEGATE_TRUSTED_PROXIES"),
        ("FACEGATE_PROFIL", "FACEGATE_PROFILE"),
        ("facegate_prot", "FACEGATE_PORT"),
        ("FACEGATE_MONGO_URI", "FACEGATE_MONGODB_URI"),
        ("FACEGATE_DIGEST_KEYFILE", "FACEGATE_DIGEST_KEY_FILE"),
        ("FACEGATE_HELTH_PORT", "FACEGATE_HEALTH_PORT"),
        ("FACEGATE_COFFEE", None),
        ("FACEGATE_", None),
    ],
)
def test_a_misspelled_one_is_told(given: str, meant: str | None) -> None:
    assert unread({given: "5001"}) == {given: meant}


def test_what_kubernetes_tells_of_services_is_no_setting() -> None:
    address = "tcp://10.96.7.1:5001"
    links = {"PORT": address, "SERVICE_HOST": "10.96.7.1", "SERVICE_PORT": "5001"}
    links |= {"SERVICE_PORT_HTTP": "5001", "PORT_5001_TCP": address, "PORT_5001_TCP_PORT": "5001"}
    links |= {"PORT_5001_TCP_PROTO": "tcp", "PORT_5001_TCP_ADDR": "10.96.7.1"}
    for service in ("FACEGATE", "FACEGATE_DASHBOARD"):
        assert unread({f"{service}_{name}": value for name, value in links.items()}) == {}
