"""Sparse codes as a differentiable function of their dictionary, the layer of SC-EML and SC-MML (Wang et al., IJCAI 2015).

Rows are samples. With samples X and a graph's Laplacian L,

    A(D) = argmin_A 1/2 ||X - A D||_F^2 + lam sum |a_ij| + alpha/2 Tr(A^T L A)

has no formula, but a derivative: where no entry is about to become zero or to leave it, the entries that are not zero solve
G(A, D) = (A D - X) D^T + alpha L A + lam sign(A) = 0, so that dA = -H^-1 dG with H V = V D D^T + alpha L V, both on those
entries alone. The minimum is found by accelerated proximal steps, H^-1 is applied by conjugate gradients, and neither needs
its steps kept.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from core.graphs import Extension
from core.graphs.batches import Laplacian
from core.nets import Coder

Smooth = Callable[[Tensor], Tensor]
LARGEST = 2.0  # eigenvalue that a `Laplacian` can have


def minimum(drive: Tensor, gram: Tensor, smooth: Smooth, *, lam: float, alpha: float, iterations: int) -> Tensor:
    """Codes (n, p) of the smallest objective, by accelerated proximal steps whose momentum is dropped when it misleads.

    Parameters
    ----------
    drive : (n, p)
        X D^T.
    gram : (p, p)
        D D^T.
    smooth
        What the graph does to codes, Z to L Z.
    """
    N = float(torch.linalg.eigvalsh(gram)[-1]) + LARGEST * alpha  # the one number that the host waits for
    Z = Y = torch.zeros_like(drive)
    t = first = torch.ones((), dtype=torch.float64, device=drive.device)
    for _ in range(iterations):
        moved = torch.nn.functional.softshrink(Y - (_quadratic(Y, gram, smooth, alpha) - drive) / N, lam / N)
        uphill = torch.sum((Y - moved) * (moved - Z)) > 0  # where the momentum points (O'Donoghue and Candes 2015)
        t = torch.where(uphill, first, t)
        following = (1 + (1 + 4 * t * t) ** 0.5) / 2
        Y = moved + (t - 1) / following * (moved - Z)
        Z, t = moved, following
    return Z


def _quadratic(V: Tensor, gram: Tensor, smooth: Smooth, alpha: float) -> Tensor:
    """V D D^T + alpha L V."""
    return V @ gram + alpha * smooth(V) if alpha else V @ gram


def solve_active(wanted: Tensor, active: Tensor, gram: Tensor, smooth: Smooth, *, alpha: float, iterations: int) -> Tensor:
    """V with H V = `wanted` on the `active` entries and 0 elsewhere, by conjugate gradients.

    Once the residual is small, steps have length 0: to end there the host would have to ask the device after each of them.
    """
    residual = active * wanted
    V, direction = torch.zeros_like(wanted), residual
    size = residual.square().sum()
    enough = 1e-12 * size
    for _ in range(iterations):
        image = active * _quadratic(direction, gram, smooth, alpha)
        step = size / (direction * image).sum().clamp_min(1e-30) * (size > enough)
        V, residual = V + step * direction, residual - step * image
        before, size = size, residual.square().sum()
        direction = residual + size / before.clamp_min(1e-30) * direction
    return V


class _AtMinimum(torch.autograd.Function):
    """Codes that solve G = 0: the gradient g for codes is the gradient -H^-1 g for G."""

    @staticmethod
    def forward(ctx: Any, G: Tensor, codes: Tensor, solve: Smooth) -> Tensor:
        ctx.solve = solve
        return codes.clone()

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None, None]:
        return -ctx.solve(gradients[0]), None, None


class SparseCoder(Coder):
    """Samples to sparse codes at the minimum; what is learnt are the atoms, which count at unit norm.

    Parameters
    ----------
    D : (p, m)
    lam, alpha
        Weights of sparsity and graph.
    iterations, solver_iterations
        Proximal steps of the codes, and conjugate gradients of the derivative.
    """

    def __init__(self, D: NDArray, *, lam: float, alpha: float, iterations: int, solver_iterations: int) -> None:
        super().__init__()
        self.D = torch.nn.Parameter(torch.from_numpy(np.asarray(D, dtype=np.float32).copy()))
        self.lam, self.alpha = lam, alpha
        self.iterations, self.solver_iterations = iterations, solver_iterations

    def atoms(self) -> Tensor:
        """The dictionary (p, m), rows of unit norm."""
        return torch.nn.functional.normalize(self.D, dim=1)

    def forward(self, X: Tensor, L: Laplacian) -> list[Tensor]:
        """Codes of samples (n, m), alone in a list."""
        D = self.atoms()
        with torch.no_grad():
            gram = D @ D.T
            codes = minimum(X @ D.T, gram, L.__matmul__, lam=self.lam, alpha=self.alpha, iterations=self.iterations)
            active = (codes != 0).to(codes.dtype)

        def solve(gradient: Tensor) -> Tensor:
            return solve_active(gradient, active, gram, L.__matmul__, alpha=self.alpha, iterations=self.solver_iterations)

        G = (codes @ D - X) @ D.T  # the rest of G does not depend on D
        return [_AtMinimum.apply(G, codes, solve)]

    def continued(self, X: Tensor, joined: Extension | None, known: Sequence[Tensor]) -> list[Tensor]:
        assert joined is not None
        D, L = self.atoms(), joined.beside(known[-1])
        return [minimum(X @ D.T, D @ D.T, L.__matmul__, lam=self.lam, alpha=self.alpha, iterations=self.iterations)]
