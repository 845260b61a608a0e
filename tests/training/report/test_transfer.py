"""A species left out of the readout's views, where what tells it is known."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("efficientnet_lite_pytorch")

from training.data.pools import PoolRows  # noqa: E402
from training.fit import readout  # noqa: E402
from training.report.transfer import (  # noqa: E402
    families_of,
    joined,
    refused_of,
    summary,
    transfer,
    where,
)

PAIRS = 1500


@pytest.fixture(scope="module", autouse=True)
def narrow() -> Iterator[None]:
    """The pools here come in parts of one value."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(readout, "WIDTH", 1)
        yield


@pytest.fixture(scope="module")
def views() -> PoolRows:
    """Fakes of `one` differ in the first value, those of `other` in the second; genuine faces of
    the source `dim` differ in the first, too, but in the last four as no others do."""
    rng, number = np.random.default_rng(0), np.arange(PAIRS)
    pools = rng.normal(0, 1, (2 * PAIRS, 6))
    species = np.repeat(np.where(number % 2, "one", "other"), 2)
    source = np.repeat(np.where(number % 3, "plain", "dim"), 2)
    fake = np.tile([0.0, 1.0], PAIRS)
    for column, name in enumerate(("one", "other")):
        pools[(fake == 1) & (species == name), column] += 6
    pools[source == "dim"] += [6, 0, 4, 4, 4, 4]
    return PoolRows(pools.astype(np.float16), fake.astype(np.float32), species, source)


@pytest.fixture(scope="module")
def found(views: PoolRows) -> dict[str, Any]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(readout, "RATE", 1e-2)
        patch.setattr(readout, "SIZE", 64)
        for name, value in (("DECAY", 0.05), ("DROPPED", 0.3), ("LEFT_OUT", 0.3)):
            patch.setattr(readout, name, value)  # so few values bear little of it
        return transfer(views, views, lambda read: readout.fit(read, 6).values())


def test_a_species_with_a_mark_of_its_own_is_found_only_if_seen(found: dict[str, Any]) -> None:
    assert set(found["species"]) == {"one", "other"}
    for figures in found["species"].values():
        assert figures["fakes"] == PAIRS // 2
        seen, left_out = figures["seen"], figures["left_out"]
        assert seen["auc"]["value"] > 0.9
        assert left_out["auc"]["low"] < left_out["auc"]["value"] < left_out["auc"]["high"] < 0.8
        assert seen["missed"]["value"] < 0.5 < left_out["missed"]["value"]


def test_genuine_faces_of_a_source_that_looks_a_little_fake_are_refused_unless_seen(
    found: dict[str, Any],
) -> None:
    dim = found["sources"]["dim"]
    assert dim["genuine"] == PAIRS // 3
    seen = dim["seen"]["bpcer"]
    assert seen["low"] < seen["value"] < seen["high"] < 0.75
    assert dim["left_out"]["bpcer"]["low"] > 0.9
    assert set(found["sources"]) == {"dim", "plain"}


def test_too_few_genuine_views_of_other_sources_give_no_threshold(views: PoolRows) -> None:
    net = readout.Readout(views.pools, 2).values()
    few = where(views, (views.source == "dim") | (np.arange(2 * PAIRS) < 30))
    with pytest.raises(ValueError, match="beside those of dim"):
        refused_of(net, few, "dim")


def test_both_views_of_its_pairs_are_left_out(views: PoolRows) -> None:
    rest = where(views, views.species != "one")
    assert (len(rest.fake), set(rest.species), rest.fake.mean()) == (PAIRS, {"other"}, 0.5)


def test_what_is_made_in_two_ways_is_one_species(views: PoolRows) -> None:
    names = {
        "latent": "latent copies", "recoding inlay": "latent copies", "swap": "composites",
        "self_blend": "composites", "restoration": "restored faces", "dfdc": "dfdc",
        "restoration inlay": "restored faces",
    }  # fmt: skip
    made = views._replace(species=np.array([*names]))
    assert joined(made).species.tolist() == [*names.values()]


def test_a_family_is_left_out_as_one(views: PoolRows) -> None:
    together = joined(views, families_of(["both=one,other"]))
    assert set(together.species) == {"both"}


def test_recipes_are_chosen_by_the_mean_and_the_worst_of_what_was_left_out(
    found: dict[str, Any],
) -> None:
    told = summary(found)
    assert told["auc_worst"] <= told["auc_mean"] < 0.8
    assert told["missed_worst"] >= told["missed_mean"] > 0.5
    assert told["bpcer_worst"] >= told["bpcer_mean"]
