"""A readout that goes on learning: from what it was, and back half of the way."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("efficientnet_lite_pytorch")

from training.data.pools import PoolRows  # noqa: E402
from training.fit import finetune_readout, readout  # noqa: E402
from training.fit.readout import Known, Readout, auc, fit  # noqa: E402
from training.report.card.method import read_by  # noqa: E402

WIDTH, NUMBERS = 40, {"gone": 1, "one": 2, "other": 3}


@pytest.fixture(scope="module", autouse=True)
def narrow() -> Iterator[None]:
    """The pools here come in parts of eight values, and are learned from in small steps."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(readout, "WIDTH", 8)
        patch.setattr(readout, "SIZE", 64)
        yield


def views(count: int, seed: int) -> PoolRows:
    """Fakes of two species, each with a mark of its own."""
    rng = np.random.default_rng(seed)
    pools, fake = rng.normal(0, 1, (count, WIDTH)), np.arange(count) % 2
    other = rng.random(count) < 0.5
    pools[np.arange(count), np.where(other, 0, 9)] += 3 * fake
    scale = np.geomspace(0.01, 100, WIDTH)
    species = np.where(other, "other", "one")
    read = (pools * scale).astype(np.float16), fake.astype(np.float32), species
    return PoolRows(*read, np.full(count, "s"))


@pytest.fixture(scope="module")
def start() -> Known:
    values = fit(views(2000, 0), 8, rate=1e-2, start=Known(blank(), NUMBERS)).values()
    return Known(values, NUMBERS)


def blank() -> dict[str, np.ndarray]:
    torch.manual_seed(0)
    return Readout(views(100, 0).pools, len(NUMBERS)).values()


def test_it_begins_with_what_it_gave(start: Known) -> None:
    few = views(300, 1)
    net = Readout(few.pools, len(NUMBERS)).eval()  # which standardises otherwise, by other views
    net.begin_with(start.values)
    again = net.values()
    assert auc(start.values, few) == pytest.approx(auc(again, few), abs=1e-3)
    for name in ("species.weight", "species.bias", "readout.bias"):
        assert again[name] == pytest.approx(start.values[name], abs=0.01)


def test_a_start_is_worth_many_views(start: Known) -> None:
    few, others = views(64, 2), views(2000, 3)
    begun, fresh = (fit(few, 2, rate=1e-4, start=s).values() for s in (start, None))
    assert auc(begun, others) > auc(fresh, others) + 0.1


def test_a_species_that_it_does_not_know_is_refused(start: Known) -> None:
    few = views(64, 2)
    with pytest.raises(ValueError, match="does not know: new"):
        fit(few._replace(species=np.full(64, "new")), 1, start=start)


def test_a_readout_whose_species_have_no_numbers_is_refused(tmp_path: Path) -> None:
    (tmp_path / "metrics.json").write_text(json.dumps({"run": {"readout": {"views": 9}}}))
    with pytest.raises(ValueError, match="which species has which number"):
        finetune_readout.known_of(tmp_path)


def test_the_middle_is_half_of_the_way() -> None:
    before = {"a": np.float16([1, 2]), "b": np.float32([-1e4])}
    after = {"a": np.float16([3, 2]), "b": np.float32([-1e4])}
    found = finetune_readout.middle(before, after)
    assert {name: value.tolist() for name, value in found.items()} == {"a": [2, 2], "b": [-1e4]}
    assert found["a"].dtype == np.float16


def test_what_went_before_is_told_of_too(tmp_path: Path) -> None:
    before = {"views": 9, "epochs": 8, "numbers": NUMBERS, "validation_auc": 0.5}
    (tmp_path / "metrics.json").write_text(json.dumps({"run": {"readout": before}}))
    told = finetune_readout.gone_on(tmp_path, 5, 4, 0.6)
    more = {"views": 5, "epochs": 4}
    assert told == {**before, "validation_auc": 0.6, "gone_on": more}
    card = read_by({"readout": told})
    assert "fitted to 9 such views" in card
    assert "5 more views, each seen 4 times" in card
