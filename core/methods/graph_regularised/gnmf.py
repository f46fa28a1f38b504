r"""GNMF, graph-regularised non-negative matrix factorisation (Cai, He, Han and Huang, TPAMI 2011).

    min_{Z >= 0, H >= 0}  ||X - Z H||_F^2 + gamma Tr(Z^T L Z),    L = D - W

W joins every sample to its nearest neighbours (weights 0 or 1, or Gaussian as GR-DNN has it where it compares with GNMF, with
K of 20 to 30; symmetric), D = diag(W 1). Multiplicative updates, which never
increase the objective (the paper's theorem 1; with gamma = 0 those of Lee and Seung):

    Z <- Z * (X H^T + gamma W Z) / (Z H H^T + gamma D Z),        H <- H * (Z^T X) / (Z^T Z H)

At the end the parts are scaled to unit norm and the codes to match, as the paper does. k-means groups the codes. A new
sample x is coded as if it were joined to its k nearest training samples, whose codes z_j stay as they are:

    min_{z >= 0}  ||x - z H||^2 + gamma sum_j w_j ||z - z_j||^2

The paper has no such extension; without the graph term the codes of new samples would not be like those of their neighbours.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping
from dataclasses import field
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from core.common import choice, held, integer, real
from core.graphs import anchor_weights, half_weights, nearest_neighbors
from core.methods.contract import Cost
from core.methods.graph_regularised.factorization import Factorization, Factors, NonNegative, nonnegative_codes, unit_parts
from core.methods.registry import register
from core.training import Arrays, Stages, Step

TINY = 1e-10


@register
class GNMF(Factorization):
    """Graph-regularised non-negative matrix factorisation."""

    name = "gnmf"
    title = "GNMF"
    summary = "NMF whose codes must vary little between neighbours."
    paper = "Cai et al., TPAMI 2011"
    objective = r"\min_{Z, H \ge 0}\; \lVert X - Z H \rVert_F^2 + \gamma\, \mathrm{Tr}(Z^\top L Z)"
    symbols = {
        "reconstruction": r"\lVert X - ZH \rVert_F^2",
        "graph": r"\gamma\, \mathrm{Tr}(Z^\top L Z)",
    }

    nonnegative = held(NonNegative)

    gamma: float = real(
        100.0, symbol=r"\gamma", low=0, high=1e8, soft=(0.1, 1e4), log=True, group="Objective", help="Weight of the graph."
    )
    n_neighbors: int = integer(
        5, symbol="k", low=1, high=1000, soft=(1, 50), group="Objective", help="Neighbours of each sample."
    )
    weights: str = choice(
        "binary",
        symbol="W",
        choices=("binary", "gaussian"),
        group="Objective",
        help="Weights of the neighbours: 0 or 1, or by distance, with 1/2 at the mean distance (GR-DNN's Eq. 2).",
    )

    samples_: NDArray = field(init=False, repr=False)
    codes_: NDArray = field(init=False, repr=False)

    def check_data(self, X: NDArray) -> None:
        self.nonnegative.check(X)

    def factors(self, X: NDArray, stages: Stages) -> Generator[Step, None, Factors]:
        how, X = self.nonnegative, np.asarray(X, dtype=np.float32)
        W = binary_neighbors(X, min(self.n_neighbors, len(X) - 1), self.random_state).astype(X.dtype)
        W = weighted(W, X) if self.weights == "gaussian" else W
        squares = float(np.einsum("ij,ij->", X, X, dtype=np.float64))
        d = how.rank(X, self.K)
        random = np.random.default_rng(self.random_state)
        scale = np.sqrt(float(X.mean()) / d)
        Z, H = (scale * random.random(size, dtype=np.float32) for size in ((len(X), d), (d, X.shape[1])))
        for iteration in range(how.max_iter):
            Z, H = update(X, Z, H, W, self.gamma)
            reconstruction, graph = objective(X, Z, H, W, self.gamma, squares)
            found = unit_parts(Z, H)
            scalars = {"reconstruction": reconstruction, "graph": graph}
            yield Step("factorize", iteration + 1, how.max_iter, scalars, {"Z": found.Z})
            if stages.stopping:
                break
        self.samples_, self.codes_ = X, found.Z
        return found

    def embed(self, X: NDArray) -> NDArray:
        """Codes on the parts, (n, d), that are near those of the nearest training samples; of training samples too."""
        X, k = X.reshape(len(X), -1).astype(self.parts_.dtype), min(self.n_neighbors, len(self.samples_) - 1)
        joined, _ = anchor_weights(X, self.samples_, k)
        nearest = joined.indices.reshape(len(X), k).astype(np.int64)
        if self.weights == "binary":
            return self._codes(X, nearest, np.ones(k), k)
        found = half_weights(self.samples_, nearest, X)
        one = [self._codes(X[i : i + 1], nearest[i : i + 1], w / w.mean(), w.sum()) for i, w in enumerate(found)]
        return np.concatenate(one)

    def _codes(self, X: NDArray, nearest: NDArray, shares: NDArray, total: float) -> NDArray:
        """Of samples whose neighbours weigh `total` together: gamma sum_j w_j ||z - z_j||^2 is that of their mean."""
        means = (self.codes_[nearest] * shares[:, None]).mean(axis=1)
        weight = np.sqrt(self.gamma * total)
        H = np.hstack([self.parts_, weight * np.eye(len(self.parts_))]).astype(self.parts_.dtype)
        return nonnegative_codes(np.hstack([X, weight * means]).astype(self.parts_.dtype), H)

    def restore(self, samples: NDArray, arrays: Arrays, weights: Arrays) -> Self:
        self.samples_, self.codes_ = samples.reshape(len(samples), -1), arrays["Z"]
        return super().restore(samples, arrays, weights)

    @classmethod
    def cost(cls, shape: tuple[int, ...], params: Mapping[str, Any]) -> Cost:
        return cls.nonnegative.of(params).cost(shape, params["n_clusters"])


def binary_neighbors(X: NDArray, n_neighbors: int, random_state: int) -> csr_array:
    """W_ij = 1 where i is a nearest neighbour of j or the other way round, else 0."""
    found = nearest_neighbors(X, n_neighbors, random_state=random_state)
    n = len(found)
    pointers = np.arange(0, found.size + 1, found.shape[1])
    W = csr_array((np.ones(found.size), found.ravel(), pointers), shape=(n, n))
    return csr_array(W.maximum(W.T))


def weighted(W: csr_array, X: NDArray) -> csr_array:
    """The same neighbours, weighed by their distance."""
    pairs = W.tocoo()
    apart = half_weights(X, pairs.col[:, None].astype(np.int64), X[pairs.row])
    return csr_array((apart[:, 0].astype(W.dtype), (pairs.row, pairs.col)), shape=W.shape)


def update(X: NDArray, Z: NDArray, H: NDArray, W: csr_array, gamma: float) -> tuple[NDArray, NDArray]:
    """One pair of multiplicative updates, first of Z (n, d), then of H (d, m)."""
    degrees = np.asarray(W.sum(axis=1))[:, None]
    Z = Z * ((X @ H.T + gamma * (W @ Z)) / np.maximum(Z @ (H @ H.T) + gamma * degrees * Z, TINY))
    H = H * ((Z.T @ X) / np.maximum((Z.T @ Z) @ H, TINY))
    return Z, H


def objective(X: NDArray, Z: NDArray, H: NDArray, W: csr_array, gamma: float, squares: float) -> tuple[float, float]:
    """||X - Z H||_F^2, from `squares` = ||X||_F^2 and the small products, and gamma Tr(Z^T L Z)."""
    error = squares - 2 * float(np.sum((Z.T @ X) * H)) + float(np.sum((Z.T @ Z) * (H @ H.T)))
    degrees = np.asarray(W.sum(axis=1))
    return error, gamma * float(degrees @ np.square(Z).sum(axis=1) - np.sum(Z * (W @ Z)))
