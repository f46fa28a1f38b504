"""Shallow self-expression of many samples: over neighbours or anchors, chosen by itself where n x n is too much."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from core.common import choice, integer, real
from core.graphs import find_anchors, nearest_neighbors
from core.methods.contract import Cost
from core.methods.parts.readout import FULL_LIMIT, SCALE_GROUP, square_bytes
from core.methods.shallow_subspace.family import Shallow
from core.solvers import Progress, anchored_ridge, expression_residual, neighbors_ridge


@dataclass(kw_only=True)
class NeighborExpression(Shallow):
    """A shallow method that can express every sample by its nearest neighbours alone, see `solve_neighbors`."""

    large_scope: ClassVar[str] = "neighbors"

    scope: str = choice(
        "auto", symbol=r"C \in", choices=("auto", "full", "neighbors", "subset"), group=SCALE_GROUP,
        help="Express samples by all others, by their nearest neighbours (a sparse C), or only a random subset by each other; "
        f"auto is full up to {FULL_LIMIT:,} samples and neighbors beyond.",
    )  # fmt: skip
    n_candidates: int = integer(
        20, symbol="k", low=2, high=500, soft=(5, 100), group=SCALE_GROUP,
        help="Nearest neighbours that may express a sample, where not all others may.",
    )  # fmt: skip

    def solve_neighbors(self, X: NDArray[np.float64], candidates: NDArray[np.int64]) -> Iterator[Progress]:
        """As `solve`, where row i may use `candidates[i]` only; C is a csr_array."""
        raise NotImplementedError  # pragma: no cover

    def solve_scope(self, scope: str, X: NDArray[np.float64]) -> Iterator[Progress]:
        if scope != "neighbors":
            return super().solve_scope(scope, X)
        k = min(self.n_candidates, len(X) - 1)
        return self.solve_neighbors(X, nearest_neighbors(X, k, random_state=self.random_state))

    @classmethod
    def _scope_words(cls, scope: str, n: int, params: Mapping[str, Any]) -> str:
        if scope == "neighbors":
            k = params.get("n_candidates", cls.declared()["n_candidates"].default)
            return f"every sample is expressed by its {min(k, n - 1)} nearest neighbours, so C is sparse."
        return super()._scope_words(scope, n, params)

    @classmethod
    def scope_bytes(cls, n: int, params: Mapping[str, Any], copies: Mapping[str, int]) -> dict[str, int]:
        """What a method keeps under the scope for n samples; `copies` counts its n x n float32 matrices, were it full."""
        if cls.scope_for(n, params) == "neighbors":
            k = min(params.get("n_candidates", cls.declared()["n_candidates"].default), n - 1)
            return {"sparse C and affinity": 16 * n * k * 4}  # value and index; C, and A of both directions twice
        return square_bytes(cls.expressed(n, params), copies)


@dataclass(kw_only=True)
class ScalableExpression(NeighborExpression):
    """One that can also express all samples by a few anchors, k-means centres of the data, see `solve_anchors`."""

    scope: str = choice(
        "auto", symbol=r"C \in", choices=("auto", "full", "neighbors", "anchors", "subset"), group=SCALE_GROUP,
        help="Express samples by all others, by their nearest neighbours (a sparse C), by a few k-means centres (anchors), or "
        f"only a random subset by each other; auto is full up to {FULL_LIMIT:,} samples and neighbors beyond.",
    )  # fmt: skip
    n_anchors: int = integer(
        500, symbol=r"\lvert A \rvert", low=2, high=5000, soft=(100, 2000), group=SCALE_GROUP,
        help="Anchors, where there are any; at most half as many as samples are taken.",
    )  # fmt: skip

    def solve_anchors(self, X: NDArray[np.float64], anchors: NDArray[np.float64]) -> Iterator[Progress]:
        """As `solve`, for C (n, p) with X ~ C A."""
        raise NotImplementedError  # pragma: no cover

    def solve_scope(self, scope: str, X: NDArray[np.float64]) -> Iterator[Progress]:
        if scope != "anchors":
            return super().solve_scope(scope, X)
        return self.solve_anchors(X, find_anchors(X, anchor_count(self.n_anchors, len(X)), random_state=self.random_state))

    @classmethod
    def _scope_words(cls, scope: str, n: int, params: Mapping[str, Any]) -> str:
        if scope == "anchors":
            p = anchor_count(params.get("n_anchors", cls.declared()["n_anchors"].default), n)
            return f"every sample is expressed by {p:,} anchors (k-means centres), so C has {p:,} columns."
        return super()._scope_words(scope, n, params)

    @classmethod
    def scope_bytes(cls, n: int, params: Mapping[str, Any], copies: Mapping[str, int]) -> dict[str, int]:
        if cls.scope_for(n, params) == "anchors":
            p = anchor_count(params.get("n_anchors", cls.declared()["n_anchors"].default), n)
            return {"C over anchors": 4 * n * p, "products of anchors": 3 * 8 * p * p}
        return super().scope_bytes(n, params, copies)


@dataclass(kw_only=True)
class RidgeExpression(ScalableExpression):
    """Ridge over neighbours or anchors; a subclass gives the full solution, with or without the diagonal."""

    strength: float = real(
        10.0, symbol=r"\lambda", low=1e-6, high=1e4, soft=(1e-2, 100), log=True,
        help="Weight of the ridge penalty, relative to the mean squared norm of a sample.",
    )  # fmt: skip

    @classmethod
    def cost(cls, shape: tuple[int, ...], params: Mapping[str, Any]) -> Cost:
        copies = {"Gram matrix and inverse": 4, "C and affinity": 6}
        return Cost(matrices=cls.scope_bytes(shape[0], params, copies))

    def solve_neighbors(self, X: NDArray[np.float64], candidates: NDArray[np.int64]) -> Iterator[Progress]:
        C = neighbors_ridge(X, candidates, self.strength)
        yield Progress(1, 1, {"residual": expression_residual(X, C)}, C)

    def solve_anchors(self, X: NDArray[np.float64], anchors: NDArray[np.float64]) -> Iterator[Progress]:
        C = anchored_ridge(X, anchors, self.strength)
        yield Progress(1, 1, {"residual": expression_residual(X, C, anchors)}, C)


def anchor_count(wanted: int, n: int) -> int:
    """At most half as many anchors as samples: more would not be fewer in any useful sense."""
    return max(1, min(wanted, n // 2))
