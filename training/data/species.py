"""Species logits: one for genuine faces and one for each species of fakes.

Told only genuine or fake a network misses far more of them. The species' logits are added up to
one; half of what is learned from is the species, half whether it is any.
"""

from __future__ import annotations

from collections.abc import Iterable

from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits, cross_entropy

SPECIES = 16  # that a graph has room for
NEVER = -1e4  # log-odds of a species that there is not
SMOOTHING = 0.03  # of labels


def numbers(names: Iterable[str]) -> dict[str, int]:
    """Of species by name, from 1. Raises ValueError where there are more than SPECIES."""
    found = {name: number for number, name in enumerate(sorted(set(names)), 1)}
    if len(found) > SPECIES:
        raise ValueError(f"{len(found)} species of fakes are more than {SPECIES}.")
    return found


def fake_logit(kinds: Tensor) -> Tensor:
    """Log-odds of any species against genuine."""
    return kinds[:, 1:].logsumexp(dim=1) - kinds[:, 0]


def loss_of(found: Tensor, kinds: Tensor) -> Tensor:
    """`found`: Nx(1 + species) logits; `kinds`: N numbers of species, 0 for genuine."""
    return (cross_entropy(found, kinds) + decided(fake_logit(found), kinds)) / 2


def decided(logits: Tensor, kinds: Tensor) -> Tensor:
    """What N log-odds of fake cost, labels smoothed."""
    soft = (kinds > 0) * (1 - 2 * SMOOTHING) + SMOOTHING
    return binary_cross_entropy_with_logits(logits, soft)
