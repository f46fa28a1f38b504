"""Sparse coding unrolled into a network, with clustering losses on its codes (TAGnet, Wang et al., SDM 2016).

Rows are samples. With drive B = X W^T the network makes

    Z_1 = h_theta(B),   Z_(t+1) = h_theta(B + Z_t S^T - rho L Z_t),   h_theta(u) = sign(u) (|u| - theta)_+

the first iterations of graph-regularised sparse coding when W = D / N, S = I - D D^T / N, theta = lam / N and
rho = alpha / N (Theorem 3.1 and 3.5; `core.solvers.dictionary`). W, S and theta are shared by all stages; L is never trained.

What is trained are N W, N (I - S) and N theta, which start at D, D D^T and lam: N grows with alpha, and a step of Adam on W
itself would change a network with a strong graph branch far more than one without.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from core.graphs import Extension
from core.graphs.batches import Laplacian
from core.graphs.laplacians import Beside

SMALLEST_THETA = 1e-4


class Coder(nn.Module):
    """Samples and their Laplacian to codes, layer by layer; ``unit`` is the scale in which the codes count.

    What is trained is ``stretch`` times the weights of the paper. ``n_layers`` of codes are there to be seen.
    """

    unit: Tensor
    stretch = 1.0
    n_layers = 1
    sees_graph = True

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("unit", torch.ones(()))

    def forward(self, X: Tensor, L: Laplacian) -> list[Tensor]:
        """Codes of samples (n, m) after every layer, (n, p) each."""
        raise NotImplementedError  # pragma: no cover

    def continued(self, X: Tensor, joined: Extension | None, known: Sequence[Tensor]) -> list[Tensor]:
        """Codes of new samples (q, m).

        Parameters
        ----------
        joined
            How they hang together with the training samples; None for a coder that sees no graph.
        known
            Codes of the training samples after every layer, which stay as they are.
        """
        raise NotImplementedError  # pragma: no cover


class TAGNet(Coder):
    """Unrolled graph-regularised sparse coding.

    Parameters
    ----------
    D : (p, m)
        Atoms of unit norm.
    n_stages
        K_s, the stages after the first shrinkage: K_s + 1 iterations in all.
    lam, alpha, N
        Weights of sparsity and graph, and the step bound, which set the start.
    """

    def __init__(self, D: NDArray, n_stages: int, *, lam: float, alpha: float, N: float) -> None:
        super().__init__()
        atoms = torch.from_numpy(np.array(D, dtype=np.float32))  # a copy: training must leave D alone
        self.W = nn.Parameter(atoms)
        self.gram = nn.Parameter(atoms @ atoms.T)
        self.theta = nn.Parameter(torch.full((len(atoms),), lam))
        self.n_layers, self.rho = n_stages + 1, alpha / N
        self.N = self.stretch = N

    def shrink(self, U: Tensor) -> Tensor:
        """h_theta(u) = theta h_1(u / theta): a neuron of threshold 1 between two diagonal scalings (3.6)."""
        theta = self.theta.clamp_min(SMALLEST_THETA) / self.N
        scaled = U / theta
        return theta * (scaled - scaled.clamp(-1, 1))

    def forward(self, X: Tensor, L: Laplacian) -> list[Tensor]:
        """Codes of samples (n, m) after every iteration, (n, p) each; the last are A."""
        return self._iterations(X, [L] * (self.n_layers - 1))

    def continued(self, X: Tensor, joined: Extension | None, known: Sequence[Tensor]) -> list[Tensor]:
        assert joined is not None
        return self._iterations(X, [joined.beside(Z) for Z in known[:-1]])

    def _iterations(self, X: Tensor, graphs: Sequence[Laplacian | Beside]) -> list[Tensor]:
        drive = X @ self.W.T / self.N
        codes = [self.shrink(drive)]
        for L in graphs:
            Z = codes[-1]
            smoothing = self.rho * (L @ Z) if self.rho else 0
            codes.append(self.shrink(drive + Z - Z @ self.gram.T / self.N - smoothing))
        return codes


class DenseEncoder(Coder):
    """The baseline encoder BE: dense layers of p rectified units, as many as TAGnet has shrinkages."""

    sees_graph = False

    def __init__(self, n_features: int, width: int, depth: int, generator: torch.Generator) -> None:
        super().__init__()
        from core.nets.perceptron import perceptron

        self.n_layers = depth
        self.layers = nn.ModuleList(
            perceptron([fan_in, width], generator)[0] for fan_in in [n_features, *[width] * (depth - 1)]
        )

    def forward(self, X: Tensor, L: Laplacian) -> list[Tensor]:
        return self._activations(X)

    def continued(self, X: Tensor, joined: Extension | None, known: Sequence[Tensor]) -> list[Tensor]:
        return self._activations(X)

    def _activations(self, X: Tensor) -> list[Tensor]:
        codes: list[Tensor] = []
        for layer in self.layers:
            codes.append(torch.relu(layer(codes[-1] if codes else X)))
        return codes


class Clusters(nn.Module):
    """omega (p, K): what each cluster gives for each unit of a code."""

    def __init__(self, omega: Tensor) -> None:
        super().__init__()
        self.omega = nn.Parameter(omega)
