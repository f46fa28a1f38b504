"""The learning rate of a stage, and means over batches."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch

from core.training.descent import Averages, descend
from core.training.schedules import SMALLEST_RATE, Pace


def optimizer(rate: float = 0.1) -> torch.optim.Optimizer:
    return torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=rate)


def rates(kind: str, losses: list[float], **options: Any) -> tuple[list[float], list[bool]]:
    pace = Pace(optimizer(), kind, epochs=len(losses), **options)
    over = [pace.after(loss) for loss in losses]
    return [pace.rate], over


def test_a_constant_rate_stays() -> None:
    assert rates("constant", [3.0, 2.0, 1.0]) == ([0.1], [False] * 3)


def test_a_cosine_falls_to_zero() -> None:
    pace = Pace(optimizer(), "cosine", epochs=4)
    seen = []
    for _ in range(4):
        pace.after(1.0)
        seen.append(pace.rate)
    assert seen == pytest.approx([0.1 * 0.5 * (1 + math.cos(math.pi * t / 4)) for t in (1, 2, 3, 4)])


def test_a_plateau_lowers_the_rate_and_ends_the_stage() -> None:
    pace = Pace(optimizer(), "plateau", epochs=10, patience=2)
    over = [pace.after(loss) for loss in (3.0, 2.0, 2.0, 1.5, 1.5)]
    assert pace.rate == pytest.approx(0.1) and not any(over)
    assert not pace.after(1.6) and pace.rate == pytest.approx(0.01)
    ended = False
    for _ in range(2 * 6):
        ended = pace.after(2.0)
    assert ended and pace.rate < SMALLEST_RATE


def test_a_loss_that_stays_ends_the_stage_within_its_tolerance() -> None:
    assert rates("constant", [3.0, 2.0, 1.9995, 1.99949], tolerance=1e-3)[1] == [False, False, True, True]
    assert not any(rates("constant", [1.0, 1.0, 1.0])[1])


def test_the_pace_goes_on_where_it_was_even_if_the_optimizer_is_loaded_too() -> None:
    first, other = optimizer(), optimizer()
    pace, again = Pace(first, "cosine", epochs=6), Pace(other, "cosine", epochs=6)
    for _ in range(2):
        pace.after(1.0)
    other.load_state_dict(first.state_dict())
    again.load_state_dict(pace.state_dict())
    assert again.rate == pace.rate < 0.1
    assert not pace.after(1.0) and not again.after(1.0)
    assert again.rate == pace.rate


def test_means_are_weighted_by_the_samples_of_a_batch() -> None:
    averages = Averages()
    averages.add({"a": torch.tensor(1.0), "b": torch.tensor([1.0, 2.0])}, 3)
    averages.add({"a": torch.tensor(5.0)}, 1)
    assert averages.means()["a"].item() == 2.0
    assert averages.means()["b"].tolist() == [1.0, 2.0]


def test_a_step_goes_down_the_sum_of_all_terms() -> None:
    x = torch.tensor([1.0, -2.0], requires_grad=True)
    total = descend(torch.optim.SGD([x], lr=0.1), {"one": x.square(), "two": 3 * x})
    assert total.tolist() == [4.0, -2.0]
    assert x.tolist() == pytest.approx([1 - 0.1 * 5, -2 - 0.1 * -1])
