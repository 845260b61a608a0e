"""What runs as root inside the namespaces: makes network and disk, runs the scene, reports.

Every address leads back to this machine, a name server answers each name with 127.0.0.1, and who
opens TLS there is accepted; a packet socket notes all of it. The disk is a layer over the real one.
"""

from __future__ import annotations

import json
import os
import socket
import struct
import subprocess
import sys
import threading
from pathlib import Path

LAYERS = Path("/mnt")
DATA = Path("/scene")  # what a scene may write to: data folder, logs
HOME = Path("/fresh-home")
IPV4, IPV6, TCP, UDP = 0x0800, 0x86DD, 6, 17
NOT_FOUND = OSError("the checkout lies on a file system of its own")


def main() -> None:
    """Report to the first argument; the second is the scene."""
    root = layer()
    network(root)
    if sys.argv[1] == "--try":
        return
    sent: list[str] = []
    asked: list[str] = []
    lines = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
    for work in (lambda: note(lines, sent), lambda: answer_names(asked), accept):
        threading.Thread(target=work, daemon=True).start()
    code = run(root, sys.argv[2])
    report = {"code": code, "asked": asked, "sent": sorted(set(sent)), "written": written()}
    Path(sys.argv[1]).write_text(json.dumps(report))


def layer() -> Path:
    """The whole disk once more, so that what is written to it lies in a folder of its own."""
    here = Path.cwd()
    do("mount", "-t", "tmpfs", "tmpfs", LAYERS)
    root, upper, work = (LAYERS / name for name in ("root", "upper", "work"))
    for folder in (root, upper, work):
        folder.mkdir()
    options = f"lowerdir=/,upperdir={upper},workdir={work}"
    do("mount", "-t", "overlay", "overlay", "-o", options, root)
    do("mount", "-t", "proc", "proc", root / "proc")
    do("mount", "--rbind", "/dev", root / "dev")
    if not (root / here.relative_to("/") / "tests").is_dir():
        raise NOT_FOUND
    for folder in (DATA, HOME):
        (root / folder.relative_to("/")).mkdir()
    return root


def network(root: Path) -> None:
    do("ip", "link", "set", "lo", "up")
    do("ip", "route", "add", "local", "default", "dev", "lo")
    resolver = root / "etc/resolv.conf"
    resolver.unlink(missing_ok=True)
    resolver.write_text("nameserver 127.0.0.1\n")


def do(*command: object) -> None:
    subprocess.run([str(word) for word in command], check=True)


def run(root: Path, scene: str) -> int:
    """The scene's exit code."""
    here = Path.cwd()

    def enter() -> None:
        os.chroot(root)
        os.chdir(here)

    command = [sys.executable, "-m", "tests.privacy.scenes", scene, DATA]
    home = os.environ | {"HOME": str(HOME)}
    return subprocess.run(command, env=home, preexec_fn=enter, check=False).returncode


def written() -> list[str]:
    """Files that lie elsewhere than where a scene may write."""
    upper = LAYERS / "upper"
    files = (f"/{file.relative_to(upper)}" for file in upper.rglob("*") if file.is_file())
    return sorted(file for file in files if not file.startswith((f"{DATA}/", "/etc/resolv.conf")))


def note(lines: socket.socket, sent: list[str]) -> None:
    """Connections that are opened and datagrams, by their destination."""
    while True:
        frame = lines.recv(65535)
        kind, packet = struct.unpack("!H", frame[12:14])[0], frame[14:]
        if kind == IPV4:
            start, protocol, to = (packet[0] & 15) * 4, packet[9], packet[16:20]
            where = socket.inet_ntop(socket.AF_INET, to)
        elif kind == IPV6:
            start, protocol, to = 40, packet[6], packet[24:40]
            where = f"[{socket.inet_ntop(socket.AF_INET6, to)}]"
        else:
            continue
        if protocol == UDP or (protocol == TCP and packet[start + 13] & 0x12 == 0x02):
            port = struct.unpack("!H", packet[start + 2 : start + 4])[0]
            sent.append(f"{'tcp' if protocol == TCP else 'udp'} {where}:{port}")


def answer_names(asked: list[str]) -> None:
    server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    server.bind(("127.0.0.1", 53))
    while True:
        query, client = server.recvfrom(4096)
        labels, at = [], 12
        while query[at]:
            labels.append(query[at + 1 : at + 1 + query[at]].decode(errors="replace"))
            at += 1 + query[at]
        asked.append(".".join(labels))
        ipv4 = query[at + 1 : at + 3] == b"\0\1"
        record = b"\xc0\x0c\0\1\0\1\0\0\0\x3c\0\4\x7f\0\0\1" if ipv4 else b""
        counts = b"\0\1\0\1\0\0\0\0" if ipv4 else b"\0\1\0\0\0\0\0\0"
        server.sendto(query[:2] + b"\x81\x80" + counts + query[12 : at + 5] + record, client)


def accept() -> None:
    """A listener where TLS is spoken; what comes is noted with the packets."""
    with socket.create_server(("", 443)) as server:
        while True:
            server.accept()[0].close()


if __name__ == "__main__":
    main()
