"""What is inside the image: a CycloneDX bill of materials and a list of licences.

python inventory.py VERSION DPKG_STATUS APP FOLDER
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator
from importlib.metadata import Distribution, distributions
from pathlib import Path
from typing import Any

Component = dict[str, Any]


def python_components() -> Iterator[Component]:
    """Every installed distribution of this interpreter."""
    for found in sorted(distributions(), key=lambda one: one.name.lower()):
        name = re.sub(r"[-_.]+", "-", found.name).lower()
        yield _component(name, found.version, f"pkg:pypi/{name}@{found.version}", _licence(found))


def debian_components(status: Path) -> Iterator[Component]:
    """Every package in dpkg's status file; none where there is no such file."""
    text = status.read_text() if status.exists() else ""
    for paragraph in text.split("\n\n"):
        fields = dict(re.findall(r"^(Package|Version|Architecture): (.+)$", paragraph, re.M))
        if {"Package", "Version"} <= fields.keys():
            name, version = fields["Package"], fields["Version"]
            place = f"pkg:deb/debian/{name}@{version.replace(':', '%3A')}"
            yield _component(name, version, place, f"see /usr/share/doc/{name}/copyright")


def vendored_components(app: Path) -> Iterator[Component]:
    """Every package from npm whose files lie in the service itself."""
    lists = sorted(app.glob("service/**/vendor/packages.json"))
    for one in (one for file in lists for one in json.loads(file.read_text())["packages"]):
        name, version = one["name"], one["version"]
        yield _component(name, version, f"pkg:npm/{name}@{version}", one["licence"])


def bill(version: str, components: list[Component]) -> dict[str, Any]:
    """A CycloneDX 1.5 document, without date or serial number: the same image, the same bytes."""
    return {
        "bomFormat": "CycloneDX",
        "specVersion": "1.5",
        "version": 1,
        "metadata": {
            "component": _component("facegate", version, f"pkg:generic/facegate@{version}", None)
            | {"type": "application"}
        },
        "components": components,
    }


def _component(name: str, version: str, place: str, licence: str | None) -> Component:
    component: Component = {
        "type": "library",
        "bom-ref": place,
        "name": name,
        "version": version,
        "purl": place,
    }
    return component | ({"licenses": [{"license": {"name": licence}}]} if licence else {})


def _licence(found: Distribution) -> str:
    """The expression; before there were expressions, a classifier or the first line of the text."""
    stated = found.metadata["License-Expression"]
    if stated:
        return str(stated)
    classifiers = found.metadata.get_all("Classifier") or []
    named = [one.rpartition(" :: ")[2] for one in classifiers if one.startswith("License ::")]
    return ", ".join(named) or str(found.metadata["License"] or "not stated").splitlines()[0]


def main(version: str, status: str, app: str, folder: str) -> None:
    """Write sbom.cdx.json and licences.txt."""
    components = [
        *python_components(),
        *vendored_components(Path(app)),
        *debian_components(Path(status)),
    ]
    out = Path(folder)
    out.mkdir(parents=True, exist_ok=True)
    (out / "sbom.cdx.json").write_text(json.dumps(bill(version, components), indent=1) + "\n")
    lines = (
        f"{one['name']} {one['version']}: {one['licenses'][0]['license']['name']}\n"
        for one in components
    )
    (out / "licences.txt").write_text("".join(lines))


if __name__ == "__main__":
    main(*sys.argv[1:])
