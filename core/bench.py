"""Speed of a fine-tuning step against a plain port of the published UDLL program, measured side by side."""

from __future__ import annotations

import importlib.util
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from types import ModuleType
from typing import Any

import torch
from torch import Tensor

from core import losses
from core.errors import DataError, ParameterError, UnknownName
from core.graphs import adaptive_neighbors, laplacian, symmetrized_graph
from core.methods.udll import UDLL, FineTuning
from core.nets import ConvAutoEncoder, batch_last
from core.registry import build

REFERENCE = Path(__file__).resolve().parent.parent / "tests" / "reference_udll.py"
WARM_UP = 2


@dataclass(frozen=True)
class Task:
    """A published script: the size of its data, its preset here, its constants in the port."""

    shape: tuple[int, int, int]  # (n, h, w)
    preset: str
    constants: str
    loss_scale: float  # what the script minimises is this times Eq. 18


TASKS = {
    "orl": Task((400, 32, 32), "orl-code", "ORL", 1.0),
    "coil20": Task((1440, 32, 32), "coil20-code", "COIL20", 2.0),
}


def method_of(name: str) -> UDLL:
    """The method with the constants of a published script."""
    method = build("udll", **UDLL.presets[TASKS[name].preset].params)
    assert isinstance(method, UDLL)
    return method


def load_reference(path: Path = REFERENCE) -> ModuleType:
    """The port, which lives with the tests and is no part of the package."""
    if not path.is_file():
        raise DataError(f"The benchmark needs the port of the published program at {path}, which does not exist.")
    spec = importlib.util.spec_from_file_location("reference_udll", path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look their module up by name
    spec.loader.exec_module(module)
    return module


def contenders(
    name: str, images: Tensor | None = None, *, dtype: torch.dtype = torch.float32, random_state: int = 0
) -> tuple[FineTuning, Any]:
    """Our step and the port's session on the same images, graph and initial weights.

    Parameters
    ----------
    name : {"orl", "coil20"}
    images : (n, h, w), optional
        Pixels as training uses them; uniform noise of the same size when left out, which takes the same time.
    dtype : torch.dtype
        Precision of both.
    random_state : int
        Seed of the weights and of the noise.
    """
    if name not in TASKS:
        raise UnknownName("benchmark", name, TASKS)
    task, reference, method = TASKS[name], load_reference(), method_of(name)
    constants = getattr(reference, task.constants)
    generator = torch.Generator().manual_seed(random_state)
    if images is None:
        images = torch.rand(task.shape, generator=generator) * method.pixel_range
    images = images.to(dtype)
    h, w = images.shape[1:]
    net = ConvAutoEncoder((h, w), method.channels, method.kernel_sizes, generator=generator).to(dtype)
    with torch.no_grad():
        codes = net.encode(images)
    L = laplacian(symmetrized_graph(adaptive_neighbors(codes.numpy(), method.n_neighbors)))
    program = reference.Program(images[:, None], torch.from_numpy(L.toarray()).to(dtype), constants).to(dtype)
    copy_weights(net, program)
    C = program.Coef.detach().clone()
    ours = FineTuning(method, net, C, batch_last(images), losses.sparse_tensor(L, dtype=dtype))
    return ours, reference.Session(program)


def copy_weights(net: ConvAutoEncoder, program: Any) -> None:
    """Give the port our weights; both store convolution kernels in the same order of axes."""
    ours = ((net.encoder_weights, net.encoder_biases), (net.decoder_weights, net.decoder_biases))
    theirs = (program.encoder, program.decoder)
    with torch.no_grad():
        for (weights, biases), layers in zip(ours, theirs, strict=True):
            for W, b, layer in zip(weights, biases, layers, strict=True):
                layer.weight.copy_(W)
                layer.bias.copy_(b)


def host_scalars(problem: FineTuning) -> dict[str, float]:
    """One step with its scalars on the host, as a run takes it."""
    return {name: float(term) for name, term in problem.descend().items()}


def epoch_ratio(name: str, *, steps: int, threads: int = 1, images: Tensor | None = None) -> dict[str, Any]:
    """Median time of a full-batch step (one epoch), ours and the port's, taken in turns in this process.

    Returns
    -------
    dict
        ``dataset``, ``n``, ``steps``, ``threads``, ``ours_ms``, ``port_ms`` and ``ratio`` = port / ours.

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
        rivals: dict[str, Callable[[], Any]] = {"ours": lambda: host_scalars(ours), "port": port.step}
        times: dict[str, list[float]] = {rival: [] for rival in rivals}
        for _ in range(WARM_UP + steps):
            for rival, step in rivals.items():
                start = time.perf_counter()
                step()
                times[rival].append(time.perf_counter() - start)
    finally:
        torch.set_num_threads(before)
    ours_ms, port_ms = (1e3 * median(times[rival][WARM_UP:]) for rival in rivals)
    return {
        "dataset": name,
        "n": len(ours.X),
        "steps": steps,
        "threads": threads,
        "ours_ms": ours_ms,
        "port_ms": port_ms,
        "ratio": port_ms / ours_ms,
    }


def bench_epoch(datasets: Sequence[str] = tuple(TASKS), steps: int = 20) -> list[dict[str, Any]]:
    """`epoch_ratio` of several data sets, on noise of their size: the time of a step does not depend on the pixels."""
    return [epoch_ratio(name, steps=steps) for name in datasets]
