"""A species left out of the readout's views, where what tells it is known."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("efficientnet_lite_pytorch")

from training import readout  # noqa: E402
from training.pools import Read  # noqa: E402
from training.transfer_readout import joined, transfer, without  # noqa: E402

PAIRS = 1500


@pytest.fixture(scope="module", autouse=True)
def narrow() -> Iterator[None]:
    """The pools here come in parts of one value."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(readout, "WIDTH", 1)
        yield


@pytest.fixture(scope="module")
def views() -> Read:
    """Fakes of `one` differ in the first value, those of `other` in the second."""
    rng = np.random.default_rng(0)
    pools = rng.normal(0, 1, (2 * PAIRS, 6))
    species = np.repeat(np.where(np.arange(PAIRS) % 2, "one", "other"), 2)
    fake = np.tile([0.0, 1.0], PAIRS)
    for column, name in enumerate(("one", "other")):
        pools[(fake == 1) & (species == name), column] += 4
    return Read(pools.astype(np.float16), fake.astype(np.float32), species)


def test_a_species_with_a_mark_of_its_own_is_found_only_if_seen(
    views: Read, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(readout, "RATE", 1e-2)
    found = transfer(views, views, epochs=6)
    assert set(found) == {"one", "other"}
    for figures in found.values():
        assert figures["fakes"] == PAIRS // 2
        assert figures["seen"]["value"] > 0.9
        assert figures["left_out"]["value"] < 0.7
        assert figures["seen"]["low"] < figures["seen"]["value"] < figures["seen"]["high"]


def test_both_views_of_its_pairs_are_left_out(views: Read) -> None:
    rest = without(views, "one")
    assert (len(rest.fake), set(rest.species), rest.fake.mean()) == (PAIRS, {"other"}, 0.5)


def test_what_is_made_in_two_ways_is_one_species(views: Read) -> None:
    names = {
        "latent": "latent copies", "recoding inlay": "latent copies", "swap": "composites",
        "self_blend": "composites", "restoration": "restored faces", "dfdc": "dfdc",
        "restoration inlay": "restored faces",
    }  # fmt: skip
    made = views._replace(species=np.array([*names]))
    assert joined(made).species.tolist() == [*names.values()]
