"""Stages as whoever resumes them needs them: what is over stays over, and what nobody needs is not kept."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch

from core.training import Arrays, Stages, Step


def trained(stages: Stages, ends_at: int | None = None) -> tuple[list[Step], torch.nn.Linear]:
    """A stage of five steps that may end by itself."""
    net = torch.nn.Linear(2, 1)
    optimizer = torch.optim.Adam(net.parameters())

    def body(index: int) -> tuple[Mapping[str, Any], Arrays]:
        optimizer.zero_grad()
        net.weight.sum().backward()
        optimizer.step()
        return {"loss": float(index), "converged": index + 1 == ends_at}, {}

    return list(stages.run("stage", 5, {"net": net, "optimizer": optimizer}, body)), net


def test_a_stage_that_ended_by_itself_does_not_go_on_when_it_is_resumed() -> None:
    stages = Stages()
    steps, net = trained(stages, ends_at=2)
    assert [step.step for step in steps] == [1, 2] and stages.over("stage") and not stages.over("another")
    resumed = Stages(stages.state_dict())
    again, same = trained(resumed)
    assert again == [] and torch.equal(same.weight, net.weight)


def test_a_stage_that_was_stopped_goes_on() -> None:
    stages = Stages()
    stages.stop()
    assert trained(stages)[0] == [] and not stages.over("stage")
    assert len(trained(Stages(stages.state_dict()))[0]) == 5


def test_of_a_stage_that_is_done_the_network_is_kept_and_not_its_optimiser() -> None:
    stages = Stages()
    _, net = trained(stages)
    state = stages.state_dict()["stage"]["state"]
    assert set(state) == {"net"} and state["net"]["weight"] is not net.weight
    net.weight.data.zero_()
    assert state["net"]["weight"].any(), "as it was when the stage ended"
    assert set(stages.weights()) == {"net.weight", "net.bias"}
