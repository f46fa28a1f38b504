"""Every deep method on a device that is not the CPU: the same numbers, and the host seldom waits."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any
from unittest.mock import patch

import numpy as np
import pytest
import torch
from scipy.sparse import issparse
from torch import Tensor

from core import methods
from core.methods import Clusterer
from core.training import Step, to_host
from tests.simulated_device import ROOT, DeviceTensor, PlainAdam, SimulatedDevice
from tests.test_contract import DEEP, digits, small

BRIEF: Mapping[str, Any] = {
    "pretrain_epochs": 2, "epochs": 3, "head_epochs": 2, "layer_epochs": 2, "path_epochs": 2, "batch_size": 64,
    "iterations": 20, "solver_iterations": 5, "max_iter": 5, "n_stages": 1,
}  # fmt: skip
SWITCHES: Mapping[str, Mapping[str, Any]] = {
    "rgrl": {"norm": "l1", "diagonal": "soft", "through_graph": True},
    "udll": {"scope": "subset", "subset_size": 60},
    "dscdan": {"discriminator": "released", "noise": "multiplicative", "head_starts": 2, "refresh": 1},
    "spectralnet": {"graph": "batch", "agreement": 0.3},
    "tagnet": {"loss": "mml", "agreement": 1.0, "optimizer": "sgd", "start": "cut"},
    "grdnn": {"recipe": "layer-wise", "activation": "sigmoid", "base": "cdae"},
}  # that show more of a method than its defaults
PER_EPOCH = 1  # the loss that a schedule, or whoever stops early, looks at
AROUND = 12  # codes for k-means, a graph of codes, the clusters of the start, what is shown at the end
EXCESSES: Mapping[str, int] = {
    "grdnn": 1,  # sizes of sparse rows: once a batch, that of the held-out samples included
    "dscdan": 7,  # each of two heads asks whether its outputs are rank deficient
}  # reads in an epoch beyond one for each step of an optimiser and `PER_EPOCH`; may only fall


@dataclass
class Trained:
    """A method on the device, and the same on the CPU."""

    name: str
    steps: list[Step]
    reads: list[Counter[str]]  # before each step, since the one before
    descents: list[int]
    labels: list[Any]
    expected: list[Step]
    expected_labels: list[Any]


def brief(name: str, device: str) -> Clusterer:
    """A method that trains for two or three epochs a stage."""
    known = methods.method_class(name).declared()
    chosen = {key: value for key, value in BRIEF.items() if key in known}
    return small(name, **chosen, **SWITCHES.get(name, {}), device=device)


def kept(step: Step) -> Step:
    """A step as it is now, on the host."""
    arrays = {name: value if issparse(value) else np.array(value) for name, value in to_host(step.arrays).items()}
    return replace(step, scalars={name: float(value) for name, value in step.scalars.items()}, arrays=arrays)


@pytest.fixture(scope="module", params=DEEP)
@patch("core.methods.sparse_coding.cluster_losses.START_STEPS", 20)  # all of them read the device alike
def trained(request: pytest.FixtureRequest) -> Trained:
    name, X = request.param, digits()
    with patch("torch.optim.Adam", PlainAdam):
        method = brief(name, "cpu")
        expected, expected_labels = [kept(step) for step in method.iter_fit(X)], [method.labels_, method.predict(X[:9] + 0.01)]
    steps: list[Step] = []
    reads: list[Counter[str]] = []
    descents: list[int] = []
    with SimulatedDevice() as device:
        method = brief(name, device.name)
        read, descended = Counter[str](), 0
        for step in method.iter_fit(X):
            reads.append(device.reads - read)
            descents.append(device.steps - descended)
            steps.append(kept(step))
            read, descended = device.reads.copy(), device.steps
        labels = [method.labels_, method.predict(X[:9] + 0.01)]
    return Trained(name, steps, reads, descents, labels, expected, expected_labels)


def test_a_method_finds_the_same_on_every_device(trained: Trained) -> None:
    np.testing.assert_array_equal(trained.labels[0], trained.expected_labels[0])
    np.testing.assert_array_equal(trained.labels[1], trained.expected_labels[1])
    for step, expected in zip(trained.steps, trained.expected, strict=True):
        assert (step.stage, step.step, step.total) == (expected.stage, expected.step, expected.total)
        assert step.scalars == pytest.approx(expected.scalars, rel=1e-5), step.stage
        assert set(step.arrays) == set(expected.arrays)
        for name, value in expected.arrays.items():
            found = step.arrays[name]
            if issparse(value):
                found, value = found.toarray(), value.toarray()
            np.testing.assert_allclose(found, value, atol=1e-5 * max(np.abs(value).max(), 1), err_msg=f"{step.stage} {name}")


def test_the_host_waits_for_the_device_once_a_training_step_at_most(trained: Trained) -> None:
    begun: set[str] = set()
    for step, reads, descents in zip(trained.steps, trained.reads, trained.descents, strict=True):
        around = PER_EPOCH if step.stage in begun else AROUND
        allowed = descents + around + EXCESSES.get(trained.name, 0)
        assert reads.total() <= allowed, f"{step.stage} {step.step}, {descents} descents: {reads.most_common()}"
        begun.add(step.stage)


# ---- the device itself -----------------------------------------------------------------------------------------------


def test_what_a_device_refuses_is_refused() -> None:
    with SimulatedDevice() as device:
        there, here = torch.ones(3, 3).to(device.name), torch.ones(3, 3)
        mixtures: list[Callable[[], object]] = [
            lambda: there + here,
            lambda: there @ here,
            lambda: torch.where(there > 0, there, here),
            lambda: there.add_(here),
            lambda: torch.stack([there[0, 0], here[0, 0]]),
            lambda: here[there.long()],
            lambda: there.index_put_((here.long(),), here),
        ]
        for mixture in mixtures:
            with pytest.raises(RuntimeError, match="on the host and on the device"):
                mixture()
        with pytest.raises((RuntimeError, TypeError)):
            there.numpy()
        assert isinstance(there * torch.tensor(2.0), DeviceTensor), "a single number may lie anywhere"
        assert isinstance(there[torch.tensor([2, 0])], DeviceTensor), "so may an index"
        assert not device.reads
    with pytest.raises(RuntimeError, match="outlived"):
        there + 1


def test_what_makes_the_host_wait_is_counted() -> None:
    with SimulatedDevice() as device:
        x = torch.arange(4.0, device=device.name)
        waits: list[Callable[[], object]] = [
            x.cpu, x.tolist, lambda: x[1].item(), lambda: bool(x[0] > 0), lambda: float(x.sum()), x.nonzero, x.unique,
            lambda: x[x > 1], lambda: torch.empty(4).copy_(x),
            lambda: torch.arange(4, device=x.device).repeat_interleave(x.long()),
        ]  # fmt: skip
        for count, wait in enumerate(waits, start=1):
            wait()
            assert device.reads.total() == count
        free: list[Callable[[], object]] = [
            lambda: x + 1, lambda: x[1:3], lambda: x.masked_fill_(x > 5, 0), lambda: x.copy_(torch.ones(4)), x.sort, x.clone,
            lambda: torch.zeros_like(x, device="cpu"), lambda: torch.tensor([1.0], device=x.device),
            lambda: x.new_tensor(2.0) + x,
        ]  # fmt: skip
        for each in free:
            each()
        assert device.reads.total() == len(waits)


def test_a_read_is_put_down_to_the_line_that_made_it() -> None:
    with SimulatedDevice() as device:
        to_host({"Z": torch.ones(3, device=device.name)})
    (place,) = device.reads
    file, line = place.split(":")
    assert ".cpu()" in (ROOT / file).read_text().splitlines()[int(line) - 1]


def trained_layer(device: str) -> tuple[Tensor, Tensor]:
    """A layer after some steps, and the gradient of one of its weights that several ways of the graph share."""
    generator = torch.Generator(device).manual_seed(3)
    x = torch.randn(6, 3, generator=generator, device=device)
    weight = (torch.arange(6.0).reshape(2, 3) / 5).to(device).requires_grad_()
    optimizer = torch.optim.Adam([weight], lr=0.1, fused=True)
    for _ in range(4):
        y = x @ weight.T
        loss = (y.T.exp().sum(1, keepdim=True) + y.T).square().mean() + weight.T.contiguous().flatten()[::2].cumsum(0).sum()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert weight.grad is not None
    return weight.detach().cpu(), weight.grad.cpu()


def test_gradients_and_adam_are_those_of_the_cpu() -> None:
    expected = trained_layer("cpu")
    with SimulatedDevice() as device:
        found = trained_layer(device.name)
    for ours, theirs in zip(expected, found, strict=True):
        torch.testing.assert_close(theirs, ours)
    assert device.steps == 4


def test_the_device_leaves_nothing_behind() -> None:
    before = torch.Generator, torch.optim.Adam, torch.tensor
    with SimulatedDevice() as device:
        trained_layer(device.name)
    trained_layer("cpu")
    assert device.steps == 4 and (torch.Generator, torch.optim.Adam, torch.tensor) == before
