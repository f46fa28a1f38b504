"""Speed of a fine-tuning step against a plain port of the published UDLL program, measured side by side."""

from __future__ import annotations

import importlib.util
import sys
import time
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from types import ModuleType
from typing import Any

import numpy as np
import torch
from torch import Tensor

from core import losses
from core.errors import DataError, ParameterError, UnknownName
from core.graphs import adaptive_neighbors, laplacian, symmetrized_graph
from core.nets import ConvAutoEncoder, batch_last

REFERENCE = Path(__file__).resolve().parent.parent / "tests" / "reference_udll.py"
N_NEIGHBORS = 3
WARM_UP = 2


@dataclass(frozen=True)
class Task:
    """Size of a data set, and the weights of Eq. 18 that equal those of its published script."""

    shape: tuple[int, int, int]  # (n, h, w)
    pixel_range: float
    constants: str  # name in the port
    loss_scale: float  # what the script minimises is this times Eq. 18
    alpha: float
    beta: float
    gamma: float


TASKS = {
    "orl": Task((400, 32, 32), 255.0, "ORL", 1.0, 5.0, 1.0, 4.0),
    "coil20": Task((1440, 32, 32), 1.0, "COIL20", 2.0, 500.0, 0.5, 4.5),
}


class Step:
    """One fine-tuning step of UDLL on the building blocks of this package.

    Minimises 0.5||X - X_hat||^2 + alpha||Z - C Z||^2 + beta||C||^2 + gamma 2 Tr(Z^T L Z), X_hat = decoder(C Z), over
    the auto-encoder and C with Adam. With `symmetric`, beta weighs the symmetric part of C without its diagonal.
    """

    def __init__(
        self, net: ConvAutoEncoder, X: Tensor, L: Tensor, C: Tensor, task: Task, *, symmetric: bool, lr: float = 1e-3
    ) -> None:
        self.net, self.X, self.L, self.task, self.symmetric = net, batch_last(X), L, task, symmetric
        self.C = torch.nn.Parameter(C)
        self.optimizer = torch.optim.Adam([*net.parameters(), self.C], lr=lr, fused=True)

    def terms(self) -> dict[str, Tensor]:
        """The four weighted terms of Eq. 18."""
        Z = self.net.encode(self.X)
        Z_hat = losses.combine(self.C, Z)
        penalised = losses.symmetric_part(self.C) if self.symmetric else self.C
        return {
            "reconstruction": losses.reconstruction(self.X, self.net.decode(Z_hat)),
            "self_expression": self.task.alpha * losses.self_expression(Z, Z_hat),
            "regularization": self.task.beta * losses.squared_frobenius(penalised),
            "locality": self.task.gamma * losses.locality(Z, self.L),
        }

    def __call__(self) -> dict[str, float]:
        """One update; the values of the terms before it."""
        terms = self.terms()
        self.optimizer.zero_grad(set_to_none=True)
        torch.stack(list(terms.values())).sum().backward()
        self.optimizer.step()
        return {name: float(term.detach()) for name, term in terms.items()}


def sparse_tensor(A: Any, dtype: torch.dtype = torch.float32) -> Tensor:
    """SciPy CSR -> torch CSR."""
    with warnings.catch_warnings():  # torch announces that its CSR layout is in beta
        warnings.simplefilter("ignore", UserWarning)
        return torch.sparse_csr_tensor(
            torch.from_numpy(A.indptr), torch.from_numpy(A.indices), torch.from_numpy(A.data).to(dtype), A.shape
        )


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
) -> tuple[Step, Any]:
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
    task, reference = TASKS[name], load_reference()
    constants = getattr(reference, task.constants)
    generator = torch.Generator().manual_seed(random_state)
    if images is None:
        images = torch.rand(task.shape, generator=generator) * task.pixel_range
    images = images.to(dtype)
    h, w = images.shape[1:]
    net = ConvAutoEncoder((h, w), constants.channels, constants.kernel_sizes, generator=generator).to(dtype)
    with torch.no_grad():
        codes = net.encode(images)
    L = laplacian(symmetrized_graph(adaptive_neighbors(codes.numpy(), N_NEIGHBORS)))
    program = reference.Program(images[:, None], torch.from_numpy(L.toarray()).to(dtype), constants).to(dtype)
    copy_weights(net, program)
    C = program.Coef.detach().clone()
    ours = Step(net, images, sparse_tensor(L, dtype), C, task, symmetric=constants.symmetric)
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
        rivals: dict[str, Callable[[], Any]] = {"ours": ours, "port": port.step}
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


def bench_epoch(
    datasets: Sequence[str] = tuple(TASKS), steps: int = 20, *, data_dir: Path | None = None
) -> list[dict[str, Any]]:
    """`epoch_ratio` of several data sets; images come from ``<data_dir>/<name>.npz`` where that exists."""
    return [epoch_ratio(name, steps=steps, images=_stored_images(name, data_dir)) for name in datasets]


def _stored_images(name: str, data_dir: Path | None) -> Tensor | None:
    """Images of a stored data set on the scale that training uses, or None."""
    if data_dir is None or name not in TASKS or not (data_dir / f"{name}.npz").is_file():
        return None
    with np.load(data_dir / f"{name}.npz") as stored:
        return torch.from_numpy(stored["images"]).float() * (TASKS[name].pixel_range / 255)
