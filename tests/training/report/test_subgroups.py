"""Rates by what a photograph's name says of the person."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from training.data.dataset import LabelRow
from training.report.subgroup_rates import by_subgroup, held_out, labels


def row(name: str, label: str = "real") -> LabelRow:
    return LabelRow("", f"img/{name}.jpg", label, "utkface", name)


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("25_0_2_2017", ["men", "Asian", "age 18 to 29"]),
        ("60_1_1_2017", ["women", "Black", "age 60 to 120"]),
        ("17_1_1_2017", []),  # a child
        ("30_1_20170109", []),  # an origin is missing, as in a few of the set
        ("portrait", []),
    ],
)
def test_a_name_tells_the_subgroups(name: str, found: list[str]) -> None:
    assert labels(row(name)) == found


def test_only_adults_of_the_test_split_count(tmp_path: Path) -> None:
    names = ["25_0_2_a", "25_0_2_b", "9_0_2_c", "25_0_2_d"]
    lines = [f",img/{name}.jpg,real,utkface,{name}" for name in names]
    (tmp_path / "labels.csv").write_text("shard,name,label,source,group\n" + "\n".join(lines))
    groups = tmp_path / "groups.csv"
    groups.write_text("split,group\ntest,25_0_2_a\ncalibration,25_0_2_b\ntest,9_0_2_c\n")
    assert [one.group for one in held_out(tmp_path, groups)] == ["25_0_2_a"]


def test_rates_by_subgroup_leave_out_what_was_not_judged() -> None:
    rows = [row("25_0_0_a"), row("26_0_0_b"), row("70_1_1_c"), row("71_1_1_d")]
    told = {line[0]: line[1:] for line in by_subgroup(rows, np.array([1.0, 0.0, 0.0, np.nan]))}
    assert told["White"][0] == "2"
    assert told["White"][1].startswith("0.500")
    assert told["women"][1].startswith("0.000")
    assert told["women"][2] == "1"
    assert told["all"][0] == "3"
    assert "Asian" not in told
