"""Windows cover the speech, and little else."""

from __future__ import annotations

import pytest

from service.analysis.voice.speech import RATE
from service.analysis.voice.windows import MOST, spoken, windows

Pairs = list[tuple[float, float]]


def cut(*stretches: tuple[float, float], seconds: float = 4.0) -> Pairs:
    samples = [(round(a * RATE), round(b * RATE)) for a, b in stretches]
    return [(a / RATE, b / RATE) for a, b in windows(samples, seconds)]


@pytest.mark.parametrize(
    ("stretches", "expected"),
    [
        ([(1, 3)], [(1, 3)]),
        ([(0, 8)], [(0, 4), (4, 8)]),
        ([(0, 9)], [(0, 3), (3, 6), (6, 9)]),
        ([(0, 2), (2.5, 4)], [(0, 4)]),  # a short pause belongs to it
        ([(0, 2), (4, 6)], [(0, 2), (4, 6)]),  # a long one does not
        ([(0, 2), (9, 9.3)], [(0, 2)]),  # a word that is too short to be judged
        ([(5, 5.3)], [(5, 5.3)]),  # unless there is nothing else
    ],
)
def test_windows(stretches: Pairs, expected: Pairs) -> None:
    assert cut(*stretches) == expected


def test_of_a_long_recording_as_many_as_are_bearable() -> None:
    found = cut((0, 3600))
    assert len(found) == MOST
    assert found[0][0] == 0
    assert found[-1][0] > 3500


def test_speech_in_a_window() -> None:
    assert spoken((10, 20), [(0, 12), (15, 16), (19, 30)]) == 2 + 1 + 1
