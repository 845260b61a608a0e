"""The documentation tells what the code does: every setting, route, code and metric."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from scripts import reference

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]


def test_the_reference_page_is_what_the_code_says() -> None:
    assert reference.PAGE.read_text() == reference.page(), "run python -m scripts.reference"


@pytest.mark.parametrize("title", ["Settings", "Routes", "Codes", "Metrics"])
def test_no_row_of_the_reference_lacks_its_meaning(title: str) -> None:
    section = reference.page().partition(f"## {title}\n")[2].partition("\n## ")[0]
    rows = [line for line in section.splitlines() if line.startswith("| `")]
    assert len(rows) > 5
    assert all(row.rstrip(" |").rpartition("|")[2].strip() for row in rows)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_local_link_leads_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\((?!https?://|#)([^)#]+)", page.read_text()):
        assert (page.parent / target).exists(), target


def test_every_make_command_of_the_readme_exists() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.M))
    named = set(re.findall(r"\bmake ([a-z-]+)", (ROOT / "README.md").read_text()))
    assert named
    assert named <= targets
