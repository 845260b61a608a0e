"""A student that learns what its teacher says of each view."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("efficientnet_lite_pytorch")

from training.data.pools import PoolRows  # noqa: E402
from training.fit import student as module  # noqa: E402
from training.fit.student import Lesson, Student, lessons, loss_on, teach  # noqa: E402
from training.nets.nets import RECIPES  # noqa: E402

UNITS, SIDE = 4, 64


def lesson(seed: int = 0) -> Lesson:
    """Fakes are brighter on their left side."""
    rng = np.random.default_rng(seed)
    fake = np.arange(8) % 2
    views = rng.integers(60, 160, (8, SIDE, SIDE, 3))
    views[:, :, : SIDE // 2] += 80 * fake[:, None, None, None]
    hints = np.repeat(fake[:, None] * 2.0 - 1, UNITS, axis=1).astype(np.float32)
    given = torch.from_numpy(views.astype(np.uint8)), torch.from_numpy(fake)
    return Lesson(*given, torch.from_numpy(fake * 8.0 - 4).float(), torch.from_numpy(hints))


def endless() -> Iterator[Lesson]:
    seed = 0
    while True:
        yield lesson(seed)
        seed += 1


@pytest.fixture
def student() -> Student:
    torch.manual_seed(0)
    return Student(RECIPES["lite0-folded"].make(), UNITS)  # type: ignore[arg-type]


def test_it_learns_and_its_first_blocks_stay_as_they_are(
    student: Student, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "rate_at", lambda _: 1.0)
    stem = student.net.backbone._conv_stem.weight.detach().clone()
    last = student.net.backbone._conv_head.weight.detach().clone()
    before = float(loss_on(student.eval(), lesson(99)).detach())
    clock = iter(range(0, 60, 3))
    assert teach(student, endless(), tmp_path / "student.pt", 0.5, lambda: next(clock)) == 9
    assert float(loss_on(student.eval(), lesson(99)).detach()) < before
    assert torch.equal(student.net.backbone._conv_stem.weight, stem)
    assert not torch.equal(student.net.backbone._conv_head.weight, last)
    kept = torch.load(tmp_path / "student.pt", weights_only=True)["average"]
    RECIPES["lite0-folded"].make().load_state_dict(kept)


def test_interrupted_it_goes_on_where_it_was(
    student: Student, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "SAVED", 1)
    clock = iter(range(0, 600, 3))
    steps = teach(student, endless(), tmp_path / "student.pt", 0.1, lambda: next(clock))
    assert teach(student, endless(), tmp_path / "student.pt", 0.2, lambda: next(clock)) > steps


def test_a_lesson_is_of_the_views_whose_pools_are_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The file's number draws the pairs again, each view beside what the teacher says of it."""
    pools = np.arange(12, dtype=np.float16).reshape(4, 3)
    read = PoolRows(
        pools, np.float32([0, 1, 0, 1]), np.array(["a", "a", "b", "b"]), np.array(["s"] * 4)
    )
    monkeypatch.setattr(module, "load", lambda _: read)
    drawn: list[tuple[str, int]] = []

    def pairs(
        _: Path, part: str, seed: int
    ) -> Iterator[tuple[None, tuple[np.ndarray, np.ndarray]]]:
        drawn.append((part, seed))
        yield from (
            (None, (np.full((2, 2, 3), 2 * n), np.full((2, 2, 3), 2 * n + 1))) for n in (0, 1)
        )

    monkeypatch.setattr(module, "pairs_of", pairs)
    teacher = {
        "readout.weight": np.eye(3, dtype=np.float32), "readout.bias": np.zeros(3, np.float32),
        "species.weight": np.float32([[1], [0], [0]]), "species.bias": np.zeros(1, np.float32),
    }  # fmt: skip
    found = next(lessons(tmp_path, [tmp_path / "train-007.npz"], teacher, {"a": 1, "b": 2}))
    assert drawn == [("train", 7)]
    assert found.kinds.tolist() == [0, 1, 0, 2]
    assert found.said.tolist() == [0, 3, 6, 9]
    assert found.views[:, 0, 0, 0].tolist() == [0, 1, 2, 3]
    assert found.units.mean().abs() < 1e-5
