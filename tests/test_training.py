"""The one training loop: its steps, means, schedules, early ends, and that it goes on where it was."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from core.training import Stages, Step
from core.training.descent import Averages, Terms, adam, descend
from core.training.restarts import Restarts, side_by_side
from core.training.schedules import SMALLEST_RATE, Schedule
from core.training.trainer import Trainer


def optimizer(rate: float = 0.1) -> torch.optim.Optimizer:
    return torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=rate)


# ---- schedules ---------------------------------------------------------------------------------------------------------


def after(schedule: Schedule, loss: float) -> bool:
    return schedule.after_epoch(lambda: loss)


def rates(kind: str, losses: list[float], **options: Any) -> tuple[list[float], list[bool]]:
    schedule = Schedule(optimizer(), kind, length=len(losses), **options)
    seen, over = [], []
    for loss in losses:
        over.append(after(schedule, loss))
        seen.append(schedule.rate)
    return seen, over


def test_a_constant_rate_stays() -> None:
    assert rates("constant", [3.0, 2.0, 1.0]) == ([0.1] * 3, [False] * 3)


def test_a_cosine_falls_to_zero() -> None:
    expected = [0.1 * 0.5 * (1 + math.cos(math.pi * t / 4)) for t in (1, 2, 3, 4)]
    assert rates("cosine", [1.0] * 4)[0] == pytest.approx(expected)


def test_a_cosine_may_count_steps() -> None:
    schedule, seen = Schedule(optimizer(), "cosine", length=4, per="step"), []
    for _ in range(4):
        schedule.after_step()
        seen.append(schedule.rate)
        after(schedule, 1.0)  # the end of an epoch changes nothing
        assert schedule.rate == seen[-1]
    assert seen == pytest.approx([0.1 * 0.5 * (1 + math.cos(math.pi * t / 4)) for t in (1, 2, 3, 4)])


def test_a_stepped_rate_loses_a_tenth_every_ten_epochs() -> None:
    seen = rates("stepped", [1.0] * 21)[0]
    assert seen[8] == 0.1 and seen[9] == pytest.approx(0.09) and seen[18] == pytest.approx(0.09)
    assert seen[19] == pytest.approx(0.081)


def test_a_plateau_lowers_the_rate_and_ends_the_stage() -> None:
    schedule = Schedule(optimizer(), "plateau", patience=2)
    over = [after(schedule, loss) for loss in (3.0, 2.0, 2.0, 1.5, 1.5)]
    assert schedule.rate == pytest.approx(0.1) and not any(over)
    assert not after(schedule, 1.6) and schedule.rate == pytest.approx(0.01)
    ended = False
    for _ in range(2 * 6):
        ended = after(schedule, 2.0)
    assert ended and schedule.rate < SMALLEST_RATE


def test_a_loss_that_stays_ends_the_stage_within_its_tolerance() -> None:
    assert rates("constant", [3.0, 2.0, 1.9995, 1.99949], tolerance=1e-3)[1] == [False, False, True, True]
    assert not any(rates("constant", [1.0, 1.0, 1.0])[1])


@pytest.mark.parametrize("kind", ["constant", "cosine", "stepped"])
def test_a_loss_that_decides_nothing_is_not_read(kind: str) -> None:
    """Reading it would make the host wait for the device."""
    schedule = Schedule(optimizer(), kind, length=3)
    assert not schedule.after_epoch(lambda: pytest.fail("read"))


def test_a_schedule_goes_on_where_it_was_even_if_the_optimizer_is_loaded_too() -> None:
    first, other = optimizer(), optimizer()
    schedule, again = Schedule(first, "cosine", length=6), Schedule(other, "cosine", length=6)
    for _ in range(2):
        after(schedule, 1.0)
    other.load_state_dict(first.state_dict())
    again.load_state_dict(schedule.state_dict())
    assert again.rate == schedule.rate < 0.1
    assert not after(schedule, 1.0) and not after(again, 1.0)
    assert again.rate == schedule.rate


# ---- steps and means -----------------------------------------------------------------------------------------------------


def test_means_are_weighted_by_the_samples_of_a_batch() -> None:
    averages = Averages()
    averages.add({"a": torch.tensor(1.0), "b": torch.tensor([1.0, 2.0])}, 3)
    averages.add({"a": torch.tensor(5.0)}, 1)
    assert averages.means()["a"].item() == 2.0 and averages.sums()["a"].item() == 8.0
    assert averages.means()["b"].tolist() == [1.0, 2.0]


def test_a_step_goes_down_the_sum_of_all_terms() -> None:
    x = torch.tensor([1.0, -2.0], requires_grad=True)
    total = descend(torch.optim.SGD([x], lr=0.1), {"one": x.square(), "two": 3 * x})
    assert total.tolist() == [4.0, -2.0]
    assert x.tolist() == pytest.approx([1 - 0.1 * 5, -2 - 0.1 * -1])


def test_gradients_may_be_adjusted_before_the_step() -> None:
    x = torch.tensor([1.0, -2.0], requires_grad=True)

    def adjust() -> None:
        assert x.grad is not None
        x.grad[0] = 0

    descend(torch.optim.SGD([x], lr=0.1), {"one": x.square()}, adjust)
    assert x.tolist() == pytest.approx([1.0, -2 + 0.4])


def test_adam_takes_tensors_or_groups_with_rates_of_their_own() -> None:
    a, b = torch.zeros(2, requires_grad=True), torch.zeros(2, requires_grad=True)
    assert [group["lr"] for group in adam([a, b], 0.3).param_groups] == [0.3]
    assert [group["lr"] for group in adam([{"params": [a], "lr": 0.1}, {"params": [b]}], 0.3).param_groups] == [0.1, 0.3]


# ---- restarts ------------------------------------------------------------------------------------------------------------


def test_the_lowest_loss_is_kept_but_not_that_of_a_rescued_network_if_another_is_left() -> None:
    restarts, losses = Restarts(), torch.tensor([3.0, 1.0, 2.0])
    assert restarts.compare(losses, np.zeros(3)) == 1.0 and restarts.best == 1
    assert restarts.compare(losses, np.array([0, 1, 0])) == 2.0 and restarts.best == 2
    assert restarts.compare(losses, np.ones(3)) == 1.0 and restarts.best == 1
    again = Restarts()
    again.set_state(restarts.get_state())
    assert again.best == 1


def test_terms_side_by_side_are_vectors_over_the_networks() -> None:
    found = side_by_side([Terms({"a": torch.tensor(float(r))}, rescued=(r == 1,)) for r in range(3)])
    assert found.losses["a"].tolist() == [0.0, 1.0, 2.0] and found.rescued == (False, True, False)


# ---- the loop ------------------------------------------------------------------------------------------------------------


class Line(nn.Module):
    """y = w x, whose least squares fit to y = 2 x is what the trainer finds."""

    def __init__(self, w: float = 0.0) -> None:
        super().__init__()
        self.w = nn.Parameter(torch.tensor(w))


X = torch.linspace(-1, 1, 12)


def trainer(net: Line, kind: str = "constant", epochs: int = 8, **options: Any) -> Trainer:
    order = torch.Generator().manual_seed(0)
    optimizer = torch.optim.SGD(net.parameters(), lr=0.2)

    def terms(rows: Tensor | None) -> Terms:
        x = X if rows is None else X[rows]
        return Terms({"fit": (net.w * x - 2 * x).square().mean()}, {"rows": torch.tensor(float(len(x)))})

    given: dict[str, Any] = {
        "batches": lambda: torch.randperm(12, generator=order).split(4),
        "terms": terms,
        "views": lambda: {"w": net.w.detach()},
        "schedule": Schedule(optimizer, kind, length=epochs),
        "parts": {"order": order},
        **options,
    }
    return Trainer(networks={"net": net}, optimizer=optimizer, **given)


def run(how: Trainer, epochs: int = 8, stages: Stages | None = None) -> list[Step]:
    return list(how.run(stages or Stages(), "fit", epochs))


def test_it_finds_the_minimum_and_reports_every_epoch() -> None:
    net = Line()
    steps = run(trainer(net), 60)
    assert net.w.item() == pytest.approx(2.0, abs=1e-3)
    assert [step.step for step in steps] == list(range(1, 61)) and {step.total for step in steps} == {60}
    assert float(steps[-1].scalars["fit"]) < 1e-6 < float(steps[0].scalars["fit"])
    assert float(steps[0].scalars["rows"]) == 4.0, "a gauge is averaged and no part of the loss"


def test_all_at_once_is_one_step_an_epoch_and_sums_are_sums() -> None:
    steps: list[int] = []
    whole = run(trainer(Line(), batches=lambda: [None], stepped=lambda: steps.append(1)), 3)
    assert len(steps) == 3 and float(whole[0].scalars["rows"]) == 12.0
    assert float(run(trainer(Line(), summed=True), 1)[0].scalars["rows"]) == 12.0


def test_it_stops_when_it_is_told_to() -> None:
    def soon(means: Mapping[str, Tensor]) -> Mapping[str, Any]:
        return {"small": 1.0, "converged": bool(means["fit"] < 0.05)}

    steps = run(trainer(Line(), after=soon), 60)
    fits = [float(step.scalars["fit"]) for step in steps]
    assert len(steps) < 60 and fits[-1] < 0.05 <= min(fits[:-1])
    assert steps[0].scalars["small"] == 1.0 and "converged" not in steps[0].scalars


def test_a_stage_that_is_resumed_ends_where_an_unbroken_one_does() -> None:
    whole, broken = Line(), Line()
    run(trainer(whole, "cosine"), 8)
    stages = Stages()
    for step in trainer(broken, "cosine").run(stages, "fit", 8):
        if step.step == 3:
            saved = {name: dict(state) for name, state in stages.state_dict().items()}
            saved["fit"]["state"] = {
                name: {key: value.clone() if isinstance(value, Tensor) else value for key, value in part.items()}
                if isinstance(part, Mapping)
                else part.clone()
                for name, part in saved["fit"]["state"].items()
            }
            break
    resumed = Line(5.0)
    steps = run(trainer(resumed, "cosine"), 8, Stages(saved))
    assert [step.step for step in steps] == [4, 5, 6, 7, 8]
    assert resumed.w.item() == whole.w.item() != broken.w.item()


def test_networks_side_by_side_are_reported_by_the_best_one() -> None:
    nets = nn.ModuleList([Line(0.0), Line(1.9), Line(-4.0)])
    optimizer = torch.optim.SGD(nets.parameters(), lr=1e-3)

    def terms(_: None) -> Terms:
        return side_by_side([Terms({"fit": (net.w * X - 2 * X).square().mean()}, rescued=(False,)) for net in nets])

    restarts = Restarts()
    (step,) = Trainer(
        networks={"nets": nets}, optimizer=optimizer, schedule=Schedule(optimizer), batches=lambda: [None], terms=terms,
        views=dict, restarts=restarts,
    ).run(Stages(), "fit", 1)  # fmt: skip
    assert restarts.best == 1 and float(step.scalars["fit"]) == pytest.approx(float((0.1 * X).square().mean()))
    assert step.scalars["rate"] == pytest.approx(1e-3) and step.scalars["rescued"] == 0
