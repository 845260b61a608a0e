"""Bring the console's libraries from npm into service/web/static/vendor.

`python -m scripts.vendor` fetches the packages that packages.json names there, through npm as it is
set up here, checks their hash and licence, and writes the files. `--check` fetches nothing: it says
whether the files are those that were written.
"""

from __future__ import annotations

import base64
import hashlib
import json
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parents[1] / "service" / "web" / "static" / "vendor"
LIST = FOLDER / "packages.json"  # shipped: the bill of materials is made of it
SUMS = "SHA256SUMS"


def packages() -> list[dict[str, Any]]:
    """What is wanted: name, version, integrity, licence, files."""
    found: list[dict[str, Any]] = json.loads(LIST.read_text())["packages"]
    return found


def bring(package: dict[str, Any]) -> None:
    """Fetch one package and write its files. Raises SystemExit when it is not what was pinned."""
    with tempfile.TemporaryDirectory() as folder:
        archive = _pack(f"{package['name']}@{package['version']}", Path(folder))
        if integrity(archive.read_bytes()) != package["integrity"]:
            sys.exit(f"{package['name']}: the hash is {integrity(archive.read_bytes())}")
        with tarfile.open(archive) as content:
            about = json.loads(_read(content, "package/package.json"))
            if about["license"] != package["licence"]:
                sys.exit(f"{package['name']}: the licence is {about['license']}")
            for source, target in package["files"].items():
                (FOLDER / target).write_bytes(_read(content, source))


def integrity(data: bytes) -> str:
    """As npm writes it."""
    return "sha512-" + base64.b64encode(hashlib.sha512(data).digest()).decode()


def sums() -> str:
    """The SHA-256 of every file that is wanted."""
    names = sorted(target for one in packages() for target in one["files"].values())
    digests = ((name, hashlib.sha256((FOLDER / name).read_bytes()).hexdigest()) for name in names)
    return "".join(f"{digest}  {name}\n" for name, digest in digests)


def _pack(what: str, folder: Path) -> Path:
    command = ["npm", "pack", "--silent", "--ignore-scripts", "--pack-destination", folder, what]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return next(folder.glob("*.tgz"))


def _read(content: tarfile.TarFile, name: str) -> bytes:
    member = content.extractfile(name)
    assert member is not None
    return member.read()


def main(arguments: list[str]) -> int:
    """Fetch, or check."""
    if "--check" in arguments:
        return int(sums() != (FOLDER / SUMS).read_text())
    FOLDER.mkdir(parents=True, exist_ok=True)
    for package in packages():
        bring(package)
    (FOLDER / SUMS).write_text(sums())
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
