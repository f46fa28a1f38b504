"""Sparse coding unrolled into a network, with clustering losses on its codes (TAGnet, Wang et al., SDM 2016).

Rows are samples. With drive B = X W^T the network makes

    Z_1 = h_theta(B),   Z_(t+1) = h_theta(B + Z_t S^T - rho L Z_t),   h_theta(u) = sign(u) (|u| - theta)_+

the first iterations of graph-regularised sparse coding when W = D / N, S = I - D D^T / N, theta = lam / N and
rho = alpha / N (Theorem 3.1 and 3.5; `core.sparsecoding`). W, S and theta are shared by all stages; L is never trained.

What is trained are N W, N (I - S) and N theta, which start at D, D D^T and lam: N grows with alpha, and a step of Adam on W
itself would change a network with a strong graph branch far more than one without.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.sparse import csr_array, diags_array
from torch import Tensor, nn

from core.orthogonal import Edges

SMALLEST_THETA = 1e-4


class Laplacian:
    """L of W = (A + A^T) / 2, given by the neighbours of each sample; ``L @ Z`` is all that is ever needed of it.

    Of a batch it is the Laplacian of the edges inside it, with their own degrees: a block of the whole one would be none.

    Parameters
    ----------
    edges
        A, as `core.orthogonal.Edges`.
    kind
        "normalized", I - Deg^-1/2 W Deg^-1/2, with a row of zeros for a sample without neighbours; or "plain",
        (Deg - W) / largest degree. Eigenvalues lie in [0, 2].
    """

    def __init__(self, edges: Edges, kind: str = "normalized") -> None:
        self.edges, self.kind = edges, kind
        self.degrees = self._weigh(torch.ones(len(edges.nearest), 1, device=edges.weights.device)).squeeze(1)
        safe = self.degrees.clamp_min(1e-12)
        self.root = torch.where(self.degrees > 0, safe.rsqrt(), torch.zeros_like(safe))

    def _weigh(self, V: Tensor) -> Tensor:
        """W V."""
        nearest, weights = self.edges
        own = (weights[..., None] * V[nearest]).sum(1)
        spread = (weights[..., None] * V[:, None]).flatten(0, 1)
        return 0.5 * (own + torch.zeros_like(V).index_add(0, nearest.flatten(), spread))

    def __matmul__(self, Z: Tensor) -> Tensor:
        if self.kind == "plain":
            return (self.degrees[:, None] * Z - self._weigh(Z)) / self.degrees.max().clamp_min(1e-12)
        return (self.degrees > 0)[:, None] * Z - self.root[:, None] * self._weigh(self.root[:, None] * Z)


def laplacian_of(W: csr_array, kind: str = "normalized") -> csr_array:
    """The same as a sparse matrix, from symmetric weights without a diagonal."""
    degrees = np.asarray(W.sum(axis=1)).ravel()
    if kind == "plain":
        return csr_array((diags_array(degrees) - W) / max(float(degrees.max()), 1e-12))
    root = np.where(degrees > 0, 1 / np.sqrt(np.where(degrees > 0, degrees, 1)), 0)
    return csr_array(diags_array((degrees > 0).astype(float)) - diags_array(root) @ W @ diags_array(root))


class Coder(nn.Module):
    """Samples and their Laplacian to codes, layer by layer; ``unit`` is the scale in which the codes count.

    What is trained is ``stretch`` times the weights of the paper.
    """

    unit: Tensor
    stretch = 1.0

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("unit", torch.ones(()))

    def forward(self, X: Tensor, L: Laplacian) -> list[Tensor]:
        """Codes of samples (n, m) after every layer, (n, p) each."""
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
        self.n_stages, self.rho = n_stages, alpha / N
        self.N = self.stretch = N

    def shrink(self, U: Tensor) -> Tensor:
        """h_theta(u) = theta h_1(u / theta): a neuron of threshold 1 between two diagonal scalings (3.6)."""
        theta = self.theta.clamp_min(SMALLEST_THETA) / self.N
        scaled = U / theta
        return theta * (scaled - scaled.clamp(-1, 1))

    def forward(self, X: Tensor, L: Laplacian) -> list[Tensor]:
        """Codes of samples (n, m) after every iteration, (n, p) each; the last are A."""
        drive = X @ self.W.T / self.N
        codes = [self.shrink(drive)]
        for _ in range(self.n_stages):
            codes.append(self._stage(drive, codes[-1], L @ codes[-1] if self.rho else None))
        return codes

    def continued(self, X: Tensor, own: Tensor, joined: Tensor, known: list[Tensor]) -> list[Tensor]:
        """Codes of new samples (q, m) that are joined to training samples.

        Parameters
        ----------
        own : (q, 1)
        joined : (q, n) sparse
            c and M: L acts on a new sample like c z - sum_j M_j z_j over the training samples z_j.
        known
            Codes of the training samples after every iteration, which stay as they are.
        """
        drive = X @ self.W.T / self.N
        codes = [self.shrink(drive)]
        for Z in known[: self.n_stages]:
            codes.append(self._stage(drive, codes[-1], own * codes[-1] - joined @ Z if self.rho else None))
        return codes

    def _stage(self, drive: Tensor, Z: Tensor, smoothness: Tensor | None) -> Tensor:
        U = drive + Z - Z @ self.gram.T / self.N
        return self.shrink(U if smoothness is None else U - self.rho * smoothness)


class DenseEncoder(Coder):
    """The baseline encoder BE: dense layers of p rectified units, as many as TAGnet has shrinkages."""

    def __init__(self, n_features: int, width: int, depth: int, generator: torch.Generator) -> None:
        super().__init__()
        from core.dualnets import perceptron

        self.layers = nn.ModuleList(
            perceptron([fan_in, width], generator)[0] for fan_in in [n_features, *[width] * (depth - 1)]
        )

    def forward(self, X: Tensor, L: Laplacian) -> list[Tensor]:
        codes: list[Tensor] = []
        for layer in self.layers:
            codes.append(torch.relu(layer(codes[-1] if codes else X)))
        return codes


class Clusters(nn.Module):
    """omega (p, K): what each cluster gives for each unit of a code."""

    def __init__(self, omega: NDArray) -> None:
        super().__init__()
        self.omega = nn.Parameter(torch.from_numpy(np.asarray(omega, dtype=np.float32)))


class Assignment(NamedTuple):
    """Of a batch: p(j | a) (b, K) and its logarithm, and the scores, of which the largest is the cluster."""

    posterior: Tensor
    log_posterior: Tensor
    scores: Tensor


def assignment(A: Tensor, omega: Tensor, loss: str, temperature: float = 1.0) -> Assignment:
    """EML: p_ij = exp(-w_j^T a_i) / sum_l exp(-w_l^T a_i) (3.8). MML: scores w_j^T a_i, p by their softmax."""
    scores = A @ omega if loss == "mml" else -(A @ omega)
    log_posterior = torch.log_softmax(temperature * scores if loss == "mml" else scores, 1)
    return Assignment(log_posterior.exp(), log_posterior, scores)


def entropy_loss(found: Assignment) -> Tensor:
    """EML: the mean entropy -(1/b) sum_ij p_ij log p_ij (3.7)."""
    return -(found.posterior * found.log_posterior).sum(1).mean()


def margin_loss(found: Assignment) -> Tensor:
    """MML: the mean hinge (1/b) sum_i max(0, 1 + f_r(a_i) - f_y(a_i)), y the largest score and r the runner-up (3.9, 3.10)."""
    best = found.scores.topk(2, dim=1).values
    return (1 + best[:, 1] - best[:, 0]).clamp_min(0).mean()


def effective_clusters(posterior: Tensor) -> Tensor:
    """exp of the entropy of the mean posterior: K where clusters are equally large, 1 where one has everything."""
    share = posterior.mean(0)
    return (-(share * share.clamp_min(1e-12).log()).sum()).exp()
