"""What the image says is in it: also libraries that came from npm and lie in the service."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path

from scripts import vendor

ROOT = Path(__file__).parents[2]
SCRIPT = ROOT / "deploy/image/inventory.py"


def test_a_library_of_the_console_is_in_the_bill_with_its_licence(tmp_path: Path) -> None:
    found = importlib.util.spec_from_file_location("inventory", SCRIPT)
    assert found is not None
    assert found.loader is not None
    inventory = importlib.util.module_from_spec(found)
    found.loader.exec_module(inventory)
    inventory.main("1.0.0", str(tmp_path / "none"), str(ROOT), str(tmp_path))
    components = json.loads((tmp_path / "sbom.cdx.json").read_text())["components"]
    lines = (tmp_path / "licences.txt").read_text().splitlines()
    assert vendor.packages() != []
    for one in vendor.packages():
        (component,) = (c for c in components if c["name"] == one["name"])
        assert component["purl"] == f"pkg:npm/{one['name']}@{one['version']}"
        assert component["licenses"] == [{"license": {"name": one["licence"]}}]
        assert f"{one['name']} {one['version']}: {one['licence']}" in lines
