"""Which views make a batch: half genuine, half synthetic, couple by couple from one source."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence

import numpy as np

from training.voice.clips import Clip

HOME, SAME = 0.4, 0.7  # shares: of copies made here; of couples that say the same sentence

Shelf = Mapping[str, list[int]]  # system -> views


class Couples:
    """Draws couples; sources and systems with many clips are held back by a square root."""

    def __init__(self, clips: Sequence[Clip], rng: np.random.Generator) -> None:
        self._clips, self._rng = clips, rng
        self._genuine: dict[str, dict[str, list[int]]] = defaultdict(lambda: defaultdict(list))
        self._given: dict[str, dict[str, list[int]]] = defaultdict(lambda: defaultdict(list))
        self._home: dict[str, dict[str, list[int]]] = defaultdict(lambda: defaultdict(list))
        self._same: dict[str, list[int]] = defaultdict(list)
        for number, clip in enumerate(clips):
            shelf = self._home if clip.home else self._given if clip.fake else self._genuine
            shelf[clip.source][clip.system].append(number)
            if not clip.fake:
                self._same[clip.pair or clip.path].append(number)
        self._sources = sorted({*self._given, *self._home})
        weights = [self._weight(source) for source in self._sources]
        self._weights = np.array(weights) / sum(weights)

    def draw(self) -> tuple[int, int]:
        """(synthetic, genuine)."""
        source = self._sources[self._rng.choice(len(self._sources), p=self._weights)]
        given, home = self._given.get(source), self._home.get(source)
        copied = bool(home) and (not given or self._rng.random() < HOME)
        fake = self._from(home if copied else given)
        same = self._same.get(self._clips[fake].pair, [])
        if same and self._rng.random() < SAME:
            return fake, same[self._rng.integers(len(same))]
        return fake, self._from(self._genuine.get(source) or self._any_genuine())

    def _weight(self, source: str) -> float:
        given, home = self._given.get(source, {}), self._home.get(source, {})
        count = sum(map(len, given.values())) + 0.15 * sum(map(len, home.values()))
        return float(np.sqrt(count + 5))

    def _from(self, shelf: Shelf | None) -> int:
        assert shelf
        systems = list(shelf)
        weights = np.sqrt([len(shelf[system]) for system in systems])
        system = systems[self._rng.choice(len(systems), p=weights / weights.sum())]
        return int(shelf[system][self._rng.integers(len(shelf[system]))])

    def _any_genuine(self) -> Shelf:
        sources = list(self._genuine)
        return self._genuine[sources[self._rng.integers(len(sources))]]
