"""A discriminant of generated faces, and its place in a student's head."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("efficientnet_lite_pytorch")

from training.data.pools import PoolRows  # noqa: E402
from training.data.species import fake_logit  # noqa: E402
from training.export.export import load  # noqa: E402
from training.fit import discriminant_student as module  # noqa: E402
from training.fit.discriminant import Discriminant  # noqa: E402
from training.fit.discriminant_student import (  # noqa: E402
    BEGINS,
    STEEP,
    seen_by,
    widened,
)
from training.nets.model import FEATURES, FaceNet  # noqa: E402
from training.nets.nets import RECIPES  # noqa: E402

SIDE = 64


@pytest.fixture(scope="module")
def net() -> FaceNet:
    torch.manual_seed(0)
    net: FaceNet = RECIPES["lite0-folded"].make()  # type: ignore[assignment]
    return net.eval()


@pytest.fixture(scope="module")
def one() -> Discriminant:
    return Discriminant(np.random.default_rng(0).normal(0, 0.1, FEATURES), 0.5)


def test_it_counts_as_a_species_of_its_own(net: FaceNet, one: Discriminant, tmp_path: Path) -> None:
    torch.save({"average": widened(net.state_dict(), one)}, tmp_path / "student.pt")
    pooled = torch.rand(6, FEATURES)
    was, now = (fake_logit(head(pooled)) for head in (net.head, load(tmp_path / "student.pt").head))
    mine = STEEP * (pooled @ torch.from_numpy(one.weight).float() + one.bias - BEGINS)
    assert torch.allclose(now, torch.logaddexp(was, mine), atol=1e-4)


def test_the_students_features_stand_in_place_of_the_teachers_pools(
    net: FaceNet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    views = np.random.default_rng(0).integers(0, 255, (4, SIDE, SIDE, 3)).astype(np.uint8)
    names, sources = np.array(["a", "a", "b", "b"]), np.array(["s", "t", "u", "v"])
    read = PoolRows(np.zeros((4, 3), np.float16), np.float32([0, 1, 0, 1]), names, sources)

    def pairs(_: Path, part: str, seed: int) -> Iterator[tuple[None, tuple[np.ndarray, ...]]]:
        assert (part, seed) == ("train", 7)
        while True:
            yield None, (views[0], views[1])
            yield None, (views[2], views[3])

    monkeypatch.setattr(module, "load", lambda _: read)
    monkeypatch.setattr(module, "pairs_of", pairs)
    seen = seen_by(net, tmp_path, [tmp_path / "train-007.npz"])
    with torch.inference_mode():
        maps = net.features(RECIPES["lite0"].tensor(torch.from_numpy(views)))
    assert np.allclose(seen.pools, maps.mean(dim=(2, 3)).numpy(), atol=1e-5)
    assert seen.source.tolist() == sources.tolist()
    assert seen.species.tolist() == names.tolist()
