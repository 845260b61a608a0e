"""A discriminant of generated faces, and its place in a readout."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("efficientnet_lite_pytorch")

from sklearn.metrics import roc_auc_score  # noqa: E402

from training.data.pools import PoolRows  # noqa: E402
from training.data.species import NEVER  # noqa: E402
from training.fit import discriminant  # noqa: E402
from training.fit.discriminant import Discriminant, beside, fitted  # noqa: E402
from training.fit.ridge import Values, log_odds  # noqa: E402

WIDTH, PAIRS, HIDDEN = 24, 6000, 6
GENERATORS = ("one", "two", "three", "new")


@pytest.fixture(scope="module", autouse=True)
def narrow() -> Iterator[None]:
    """The pools here come in two parts of twelve values."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(discriminant, "WIDTH", 12)
        yield


@pytest.fixture(scope="module")
def views() -> PoolRows:
    """Sources differ widely in the first values. Each generator has a mark of its own and, in the
    twelfth value, one that all have."""
    rng = np.random.default_rng(0)
    source = rng.integers(0, 8, PAIRS)
    species = rng.choice([*GENERATORS, "swap"], PAIRS)
    apart = np.zeros((8, WIDTH))
    apart[:, :5] = rng.normal(0, 3, (8, 5))
    genuine = rng.normal(0, 1, (PAIRS, WIDTH)) + apart[source]
    fake = rng.normal(0, 1, (PAIRS, WIDTH)) + apart[rng.integers(0, 8, PAIRS)]
    for number, name in enumerate(GENERATORS):
        fake[species == name, 6 + number] += 3
        fake[species == name, 11] += 3
    pools = np.stack([genuine, fake], axis=1).reshape(-1, WIDTH).astype(np.float16)
    names = np.array([f"source {number}" for number in source])
    return PoolRows(pools, np.tile(np.float32([0, 1]), PAIRS), species.repeat(2), names.repeat(2))


def without(views: PoolRows, name: str) -> PoolRows:
    return PoolRows(*(part[views.species != name] for part in views))


@pytest.fixture(scope="module")
def one(views: PoolRows) -> Discriminant:
    return fitted(without(views, "new"), GENERATORS[:3])


def auc(views: PoolRows, logits: np.ndarray, name: str) -> float:
    mine = (views.fake == 0) | (views.species == name)
    return float(roc_auc_score(views.fake[mine], logits[mine]))


def given(views: PoolRows, one: Discriminant) -> np.ndarray:
    return np.asarray(views.pools.astype(np.float32) @ one.weight + one.bias)


def readout(free: int = 1) -> Values:
    """It knows two species; one of its units is hardly used."""
    rng = np.random.default_rng(1)
    weight = rng.normal(0, 1, (HIDDEN, 3)) * np.array([1, 1, 1e-3, 1, 1, 1])[:, None]
    weight[:, 3 - free :] = 0
    biases = np.array([-5.0, -6.0, -4.0])
    biases[3 - free :] = NEVER
    return {
        "readout.weight": rng.normal(0, 0.1, (WIDTH, HIDDEN)).astype(np.float16),
        "readout.bias": np.ones(HIDDEN, np.float32),
        "species.weight": weight.astype(np.float32),
        "species.bias": biases.astype(np.float32),
    }


def test_a_generator_that_was_never_seen_is_found(views: PoolRows, one: Discriminant) -> None:
    assert auc(views, given(views, one), "new") > 0.9


def test_genuine_faces_have_mean_0_and_spread_1(views: PoolRows, one: Discriminant) -> None:
    genuine = given(views, one)[views.fake == 0]
    assert genuine.mean() == pytest.approx(0, abs=0.1)
    assert genuine.std() == pytest.approx(1, abs=0.1)


def test_a_source_that_lies_towards_generated_faces_pays_less(
    views: PoolRows, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As studio portraits do: they share most of what generated faces have in common."""
    studio = (views.source == "source 3") & (views.fake == 0)
    pools = views.pools.copy()
    pools[studio, 11] += 2.5
    moved = without(views._replace(pools=pools), "new")
    mine = (moved.source == "source 3") & (moved.fake == 0)
    counted = given(moved, fitted(moved, GENERATORS[:3]))[mine].mean()
    monkeypatch.setattr(discriminant, "NEAR", 0.0)
    alike = given(moved, fitted(moved, GENERATORS[:3]))[mine].mean()
    assert alike > 0.5
    assert counted < alike / 2


def test_beside_a_readout_it_finds_what_that_misses(views: PoolRows, one: Discriminant) -> None:
    before = readout()
    was, now = (log_odds(x, views.pools) for x in (before, beside(before, one, views)))
    assert auc(views, now, "new") > auc(views, was, "new") + 0.1


def test_the_unit_that_matters_least_makes_room(views: PoolRows, one: Discriminant) -> None:
    before = readout()
    after = beside(before, one, views)
    changed = (before["readout.weight"] != after["readout.weight"]).any(axis=0)
    assert np.flatnonzero(changed).tolist() == [2]
    assert before["species.bias"][2] == NEVER < after["species.bias"][2]


def test_it_counts_as_a_species_of_its_own(views: PoolRows, one: Discriminant) -> None:
    before = readout()
    mine = discriminant.STEEP * (given(views, one) - discriminant.BEGINS)
    wanted = np.logaddexp(log_odds(before, views.pools), mine)
    found = log_odds(beside(before, one, views), views.pools)
    assert np.abs(found - wanted).max() < 0.15


def test_a_readout_without_a_species_to_spare_is_refused(
    views: PoolRows, one: Discriminant
) -> None:
    with pytest.raises(ValueError, match="as many species as it has room for"):
        beside(readout(free=0), one, views)


@pytest.mark.parametrize("generated", [(), ("unheard of",)])
def test_without_generated_faces_there_is_none(views: PoolRows, generated: tuple[str, ...]) -> None:
    with pytest.raises(ValueError, match="needs views of generated faces"):
        fitted(views, generated)


def test_a_readout_stays_as_it_is_where_there_are_no_views_for_it(views: PoolRows) -> None:
    before = readout()
    assert discriminant.with_discriminant(before, views, ()) is before
    assert discriminant.with_discriminant(before, views, GENERATORS) is not before
