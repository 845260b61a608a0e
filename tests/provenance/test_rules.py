"""The rule set: its file, the settings that flag and refuse, and what a rule may ask."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from service.errors import StartupError
from service.provenance.facts import Camera, Facts
from service.provenance.rules import FactCondition, load_rules
from service.settings import PACKAGE, Settings

RULES = """
version = "7"
[[rules]]
name = "portrait_format"
sentence = "It is higher than wide."
when = { "size" = { any = ["3x4"] }, "camera.maker" = { absent = true } }
"""


def written(folder: Path, text: str) -> Settings:
    file = folder / "rules.toml"
    file.write_text(text)
    return Settings(provenance_rules=file)


def test_the_shipped_rules_report_and_do_no_more() -> None:
    rules = load_rules(Settings())
    assert {one.action for one in rules.rules} == {"report"}
    assert all(one.sentence.endswith(".") for one in rules.rules)


def test_every_shipped_rule_stands_in_the_table_of_false_alarms() -> None:
    page = (PACKAGE.parent / "docs" / "provenance.md").read_text()
    for rule in load_rules(Settings()).rules:
        rows = [one for one in page.splitlines() if one.startswith(f"| `{rule.name}` |")]
        assert any(len(re.findall(r"\d+ of \d+", row)) >= 2 for row in rows), rule.name


def test_settings_flag_and_refuse_by_rule() -> None:
    settings = Settings(provenance_flag="editor_text, capture_old", provenance_refuse="capture_old")
    actions = {one.name: one.action for one in load_rules(settings).rules}
    assert actions["editor_text"] == "flag"
    assert actions["capture_old"] == "refuse"
    assert actions["generator_text"] == "report"


@pytest.mark.parametrize("name", ["provenance_flag", "provenance_refuse"])
def test_a_rule_that_is_not_there_stops_the_start(name: str) -> None:
    with pytest.raises(StartupError, match="no provenance rule nonsense") as raised:
        load_rules(Settings(**{name: "nonsense"}))
    assert "editor_text" in raised.value.remedy


def test_an_operators_rules_take_the_place_of_ours(tmp_path: Path) -> None:
    rules = load_rules(written(tmp_path, RULES))
    assert [one.name for one in rules.rules] == ["portrait_format"]
    assert rules.name.startswith("7-")
    fits = rules.judge(Facts(width=3, height=4), {})
    assert [one.rule for one in fits.signals] == ["portrait_format"]
    assert not fits.flagged
    with_camera = Facts(width=3, height=4, camera=Camera("Maker", "One"))
    assert rules.judge(with_camera, {}).signals == ()


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("version = ", "cannot be read"),
        ('version = "1"', "rules: Field required"),
        (RULES + RULES.replace('version = "7"', ""), "two rules are called portrait_format"),
        (RULES.replace('"size"', '"weight"'), "weight, which is no fact"),
        (RULES.replace("any =", "one ="), "Extra inputs"),
        (RULES.replace("portrait_format", "P"), "pattern"),
    ],
)
def test_a_file_that_is_wrong_stops_the_start_in_one_sentence(
    tmp_path: Path, text: str, why: str
) -> None:
    with pytest.raises(StartupError, match="provenance rules") as raised:
        load_rules(written(tmp_path, text))
    assert why in raised.value.sentence
    assert "FACEGATE_PROVENANCE_RULES" in raised.value.remedy


def test_a_file_that_is_not_there_stops_the_start(tmp_path: Path) -> None:
    with pytest.raises(StartupError, match="cannot be read"):
        load_rules(Settings(provenance_rules=tmp_path / "none.toml"))


@pytest.mark.parametrize(
    ("condition", "values", "holds"),
    [
        (FactCondition(any=["a", "b"]), ["c", "b"], True),
        (FactCondition(any=["a"]), [], False),
        (FactCondition(above=1.0), [1.0], False),
        (FactCondition(above=1.0), [1.5], True),
        (FactCondition(above=1.0, below=2.0), [0.5, 2.5], False),
        (FactCondition(above=1.0), ["text"], False),
        (FactCondition(absent=True), [], True),
        (FactCondition(absent=True), ["x"], False),
        (FactCondition(absent=False), ["x"], True),
        (FactCondition(absent=False), [], False),
        (FactCondition(any=[False]), [False], True),
    ],
)
def test_conditions(condition: FactCondition, values: list[str | float], holds: bool) -> None:
    assert condition.holds(values) is holds
