"""Species told apart: their numbers, what they say together, and what a wrong one costs."""

from __future__ import annotations

import math

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("efficientnet_lite_pytorch")

from training.data.species import fake_logit, loss_of, numbers  # noqa: E402
from training.fit.train import loss_on  # noqa: E402
from training.nets.model import FaceNet  # noqa: E402


def test_numbers_are_by_name_from_one() -> None:
    assert numbers(["swap", "dfdc", "swap"]) == {"dfdc": 1, "swap": 2}


def test_more_than_there_is_room_for_are_refused() -> None:
    with pytest.raises(ValueError, match="17 species of fakes are more than 16"):
        numbers(map(str, range(17)))


def test_all_species_count_against_genuine() -> None:
    odds = fake_logit(torch.log(torch.tensor([[0.2, 0.3, 0.5], [0.9, 0.1, 0.0]])))
    assert odds.tolist() == pytest.approx([math.log(0.8 / 0.2), math.log(0.1 / 0.9)])


def test_another_species_costs_less_than_genuine_and_more_than_the_right_one() -> None:
    costs = [
        float(loss_of(torch.eye(3)[[n]] * 4, torch.tensor([1]))) for n in (1, 2, 0)
    ]  # fmt: skip
    assert costs == sorted(costs)
    assert costs[0] < costs[1] - 1 < costs[2] - 2


def test_a_network_with_species_is_told_of_them() -> None:
    torch.manual_seed(0)
    net, images = FaceNet(dropout=0.0).eval(), torch.randn(2, 3, 224, 224)
    with torch.no_grad():
        net.head.weight[2] = 0
        net.head.bias[2] = 9  # all of it is species 2
        costs = [float(loss_on(net, images, torch.tensor([k, k]))) for k in (1, 2)]
    assert costs[1] < costs[0] - 1


def test_one_without_is_told_genuine_or_fake() -> None:
    def net(images: torch.Tensor) -> torch.Tensor:
        return images[:, 0, 0, 0]

    images = torch.tensor([9.0, -9.0]).reshape(2, 1, 1, 1)
    right, wrong = (loss_on(net, images, torch.tensor(kinds)) for kinds in ([3, 0], [0, 3]))
    assert right < wrong - 1
