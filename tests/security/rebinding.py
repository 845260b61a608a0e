"""Runs as root in a network of its own: names whose addresses change between two questions.

python -m tests.security.rebinding FOLDER

Every address leads to this machine. Behind a public one is a site with a picture, behind 127.0.0.1
one that nobody may reach; both listen on the same port. A name server gives each name one list of
addresses after the other. Prints as JSON what the service answered and which site was asked.
"""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

from tests.images import genuine
from tests.live import Live, data_uri
from tests.sites import Site, page, redirect

PUBLIC, PRIVATE = "93.184.215.14", "127.0.0.1"
PORT = 8099
# The last list of a name is given to all further questions.
NAMES: dict[str, list[list[str]]] = {
    "turns.test": [[PUBLIC], [PRIVATE]],
    "mixed.test": [[PUBLIC, PRIVATE]],
    "leads.test": [[PUBLIC]],
    "hidden.test": [[PRIVATE], [PUBLIC]],
    "hook.test": [[PUBLIC], [PRIVATE]],
}


class NameServer:
    """Answers questions for IPv4 addresses, to be kept for no time; there are no others."""

    def __init__(self) -> None:
        self.asked: dict[str, int] = dict.fromkeys(NAMES, 0)
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind((PRIVATE, 53))
        threading.Thread(target=self._run, daemon=True).start()

    def _run(self) -> None:
        while True:
            query, client = self._socket.recvfrom(4096)
            self._socket.sendto(self._answer(query), client)

    def _answer(self, query: bytes) -> bytes:
        labels, at = [], 12
        while query[at]:
            labels.append(query[at + 1 : at + 1 + query[at]].decode())
            at += 1 + query[at]
        found = self._addresses(".".join(labels)) if query[at + 1 : at + 3] == b"\0\1" else []
        records = [b"\xc0\x0c\0\1\0\1\0\0\0\0\0\4" + socket.inet_aton(one) for one in found]
        counts = b"\0\1" + len(records).to_bytes(2, "big") + bytes(4)
        return query[:2] + b"\x81\x80" + counts + query[12 : at + 5] + b"".join(records)

    def _addresses(self, name: str) -> list[str]:
        if name not in NAMES:
            return []
        turn = self.asked[name]
        self.asked[name] += 1
        return NAMES[name][min(turn, len(NAMES[name]) - 1)]


def network(folder: Path) -> None:
    resolver = folder / "resolv.conf"
    resolver.write_text(f"nameserver {PRIVATE}\noptions timeout:1 attempts:1\n")
    for command in (
        ["ip", "link", "set", "lo", "up"],
        ["ip", "route", "add", "local", "default", "dev", "lo"],
        ["mount", "--bind", str(resolver), "/etc/resolv.conf"],
    ):
        subprocess.run(command, check=True)


def check(live: Live, name: str, path: str = "face.jpg") -> list[Any]:
    """Status and kind of error of a judgement of what the name leads to."""
    who = {"models": "deepfake", "api_user": "test", "api_secret": live.hash_id}
    address = {"url": f"http://{name}:{PORT}/{path}"}
    answer = live.get("/1.0/check.json", params=who | address)
    return [answer.status_code, answer.json().get("error", {}).get("type")]


def called_back(live: Live, name: str) -> str:
    """What becomes of a callback to an address that was good when the job was taken in."""
    body = {"hash_id": live.hash_id, "media": data_uri(genuine())}
    taken = live.post("/v1/jobs", json=body | {"callback_url": f"http://{name}:{PORT}/hook"})
    key, end = {"X-Hash-Id": live.hash_id}, time.monotonic() + 30
    while time.monotonic() < end:
        told = live.get(f"/v1/jobs/{taken.json()['id']}", headers=key).json()["callback"]
        if told != "waiting":
            return str(told)
        time.sleep(0.1)
    return "waiting"


def main(folder: Path) -> None:
    network(folder)
    names = NameServer()
    pages = {"/face.jpg": page(genuine()), "/hook": page(b"")}
    leading = pages | {"/leads.jpg": redirect(f"http://hidden.test:{PORT}/face.jpg")}
    with (
        Site(leading, address=(PUBLIC, PORT)) as public,
        Site(pages, address=(PRIVATE, PORT)) as private,
        Live(folder / "live", probability=0.2, callback_attempts=1) as live,
    ):
        told = {
            "turns": [check(live, "turns.test") for _ in range(2)],
            "mixed": check(live, "mixed.test"),
            "leads": check(live, "leads.test", "leads.jpg"),
            "hook": called_back(live, "hook.test"),
            "public": [one[1] for one in public.asked],
            "private": [one[1] for one in private.asked],
            "asked": names.asked,
        }
    print(json.dumps(told))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
