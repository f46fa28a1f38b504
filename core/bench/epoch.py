"""Speed of a fine-tuning step against plain ports of the published programs, measured side by side."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

import torch
from torch import Tensor

from core import methods
from core.bench.ports import rgrl, udll
from core.bench.ports.common import Session
from core.common import ParameterError, UnknownName
from core.methods.deep_subspace.family import DeepSubspace
from core.methods.deep_subspace.problem import Problem
from core.nets import ConvAutoEncoder, batch_last
from core.training.trainer import Trainer

PORTS: Mapping[str, Any] = {"udll": udll, "rgrl": rgrl}
WARM_UP = 2


@dataclass(frozen=True)
class Task:
    """A published script: the size of its data, its preset here and what differs from it, its constants in the port."""

    method: str
    shape: tuple[int, int, int]  # (n, h, w)
    preset: str
    constants: str
    overrides: tuple[tuple[str, Any], ...] = ()
    loss_scale: float = 1.0  # what the script minimises is this times our objective

    def build(self) -> DeepSubspace:
        """The method with the constants of the script."""
        params = {**methods.method_class(self.method).presets[self.preset].params, **dict(self.overrides)}
        method = methods.build(self.method, **params)
        assert isinstance(method, DeepSubspace)
        return method


_PROGRAM = (("through_graph", True), ("diagonal", "soft"), ("tolerance", 0.0))  # what the published RGRL program does
TASKS = {
    "udll-orl": Task("udll", (400, 32, 32), "orl-code", "ORL"),
    "udll-coil20": Task("udll", (1440, 32, 32), "coil20-code", "COIL20", loss_scale=2.0),
    "rgrl-orl": Task("rgrl", (400, 32, 32), "orl-schedule", "ORL"),
    "rgrl-coil20": Task("rgrl", (1440, 32, 32), "coil20-schedule", "COIL20"),
    "rgrl-coil20-bfloat16": Task("rgrl", (1440, 32, 32), "coil20-schedule", "COIL20", (("precision", "bfloat16"),)),
    "rgrl-orl-program": Task("rgrl", (400, 32, 32), "orl-schedule", "ORL", _PROGRAM),
    "rgrl-coil20-program": Task("rgrl", (1440, 32, 32), "coil20-schedule", "COIL20", _PROGRAM),
}


def contenders(
    name: str, images: Tensor | None = None, *, dtype: torch.dtype = torch.float32, random_state: int = 0
) -> tuple[Problem, Any]:
    """Our step and the port's session on the same images, graph and initial weights.

    Parameters
    ----------
    name : str
        One of `TASKS`.
    images : (n, h, w), optional
        Pixels as training uses them; uniform noise of the same size when left out, which takes the same time.
    dtype : torch.dtype
        Precision of both.
    random_state : int
        Seed of the weights and of the noise.
    """
    if name not in TASKS:
        raise UnknownName("benchmark", name, TASKS)
    task = TASKS[name]
    port, method = PORTS[task.method], task.build()
    generator = torch.Generator().manual_seed(random_state)
    if images is None:
        images = torch.rand(task.shape, generator=generator) * method.coder.pixel_range
    images = batch_last(images.to(dtype))
    coder = method.coder
    net = ConvAutoEncoder(tuple(images.shape[1:]), coder.channels, coder.kernel_sizes, generator=generator).to(dtype)
    constants, _ = method.constants(images, net.encode(images).detach().numpy())
    if "laplacian" in constants:
        constants["laplacian"] = constants["laplacian"].to(dtype)
    L = constants["laplacian"].to_dense() if "laplacian" in constants else None
    program = port.Program(images[:, None].contiguous(), getattr(port, task.constants), L).to(dtype)
    copy_weights(net, program)
    ours = Problem(method, net, program.Coef.detach().clone(), images, **constants)
    return ours, Session(program)


def copy_weights(net: ConvAutoEncoder, program: Any) -> None:
    """Give the port our weights; both store convolution kernels in the same order of axes."""
    ours = ((net.encoder_weights, net.encoder_biases), (net.decoder_weights, net.decoder_biases))
    theirs = (program.encoder, program.decoder)
    with torch.no_grad():
        for (weights, biases), layers in zip(ours, theirs, strict=True):
            for W, b, layer in zip(weights, biases, layers, strict=True):
                layer.weight.copy_(W)
                layer.bias.copy_(b)


def host_scalars(trainer: Trainer) -> dict[str, float]:
    """One step with its scalars on the host, as a run takes it."""
    scalars, _ = trainer.epoch(0)
    return {name: float(term) for name, term in scalars.items()}


def epoch_ratio(name: str, *, steps: int, threads: int = 1, images: Tensor | None = None) -> dict[str, Any]:
    """Median time of a full-batch step (one epoch), ours and the port's, taken in turns in this process.

    Returns
    -------
    dict
        ``task``, ``n``, ``steps``, ``threads``, ``ours_ms``, ``port_ms`` and ``ratio`` = port / ours.

    Raises
    ------
    ParameterError
        If `steps` or `threads` is below 1.
    """
    for parameter, value in (("steps", steps), ("threads", threads)):
        if value < 1:
            raise ParameterError(f"{parameter!r} must be at least 1. Got {value} instead.")
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        ours, port = contenders(name, images)
        trainer = ours.trainer()
        sides: dict[str, Callable[[], Any]] = {"ours": lambda: host_scalars(trainer), "port": port.step}
        times: dict[str, list[float]] = {side: [] for side in sides}
        for _ in range(WARM_UP + steps):
            for side, step in sides.items():
                start = time.perf_counter()
                step()
                times[side].append(time.perf_counter() - start)
    finally:
        torch.set_num_threads(before)
    ours_ms, port_ms = (1e3 * median(times[side][WARM_UP:]) for side in sides)
    return {
        "task": name,
        "n": len(ours.X),
        "steps": steps,
        "threads": threads,
        "ours_ms": ours_ms,
        "port_ms": port_ms,
        "ratio": port_ms / ours_ms,
    }


def bench_epoch(tasks: Sequence[str] = tuple(TASKS), steps: int = 20) -> list[dict[str, Any]]:
    """`epoch_ratio` of several tasks, on noise of their size: the time of a step does not depend on the pixels."""
    return [epoch_ratio(name, steps=steps) for name in tasks]
