"""Factorisations: samples are codes times parts, X ~ Z H with codes Z >= 0, and k-means groups the codes."""

from __future__ import annotations

import warnings
from collections.abc import Generator, Iterator
from dataclasses import dataclass, field
from typing import ClassVar, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from core.common import DataError, Part, held, integer
from core.methods.contract import Clusterer, Cost, Labeller
from core.methods.parts.kmeans import KMeansReadout
from core.training import Arrays, Stages, Step

SWEEPS = 200


class Factors(NamedTuple):
    """Codes Z (n, d) and parts H (d, m), these with unit norm."""

    Z: NDArray
    H: NDArray


@dataclass(kw_only=True)
class Factorization(Clusterer):
    """A method that writes samples as non-negative codes times parts.

    A method gives `factors`, and codes samples on the parts it has found (`embed`).
    """

    groups_test = True
    shows = frozenset({"reconstructs"})
    restored_from: ClassVar[tuple[str, ...]] = ("H",)

    readout = held(KMeansReadout)

    parts_: NDArray = field(init=False, repr=False)

    def factors(self, X: NDArray, stages: Stages) -> Generator[Step, None, Factors]:
        """Factorise samples (n, m)."""
        raise NotImplementedError  # pragma: no cover

    def iter_fit(self, X: NDArray, stages: Stages | None = None) -> Iterator[Step]:
        self.clusters(X)
        self.check_data(X)
        Z, H = yield from self.factors(X.reshape(len(X), -1), stages or Stages())
        self.parts_ = H.astype(np.float32)
        codes = self.embed(X)
        step = self.conclude({"Z": Z, "X_hat": (Z @ H).astype(np.float32).reshape(X.shape), "H": self.parts_})
        self.embedding_ = codes
        yield step

    def labeller(self, arrays: Arrays, affinity: NDArray | None) -> Labeller:
        return self.readout.labeller(arrays["Z"], self.K)

    def test_labeller(self, Z: NDArray) -> Labeller:
        return self.readout.labeller(Z, self.K)

    def restore(self, samples: NDArray, arrays: Arrays, weights: Arrays) -> Self:
        super().restore(samples, arrays, weights)
        self.parts_ = arrays["H"]
        self.embedding_ = self.embed(samples)
        return self


@dataclass(frozen=True, kw_only=True)
class NonNegative(Part):
    """Samples, codes and parts that are all non-negative: how many parts, and how long they are looked for."""

    n_components: int | None = integer(
        None, symbol="d", low=1, high=2000, soft=(2, 200), optional=True, group="Objective", none_means="clusters",
        help="Number of parts, the length of a code; none takes the number of clusters.",
    )  # fmt: skip
    max_iter: int = integer(
        200, symbol="T", low=1, high=100_000, soft=(10, 1000), group="Training", help="Iterations of the solver, at most."
    )

    def check(self, X: NDArray) -> None:
        """Refuse data that no sum of such parts can be."""
        if float(X.min()) < 0:
            raise DataError(f"{self.owner} needs data without negative values, as with the scaling 'unit' and no noise.")

    def rank(self, X: NDArray, n_clusters: int) -> int:
        """d, for samples (n, m)."""
        return min(self.n_components or n_clusters, *X.shape)

    def cost(self, shape: tuple[int, ...], n_clusters: int | None) -> Cost:
        n, m = shape[0], int(np.prod(shape[1:]))
        d = self.n_components or n_clusters or 10
        return Cost(matrices={"data": 4 * n * m, "factors": 4 * (n + m) * d})


def unit_parts(Z: NDArray, H: NDArray) -> Factors:
    """Parts with unit norm, and the codes to match: else the solver decides how much each part counts."""
    lengths = np.linalg.norm(H, axis=1)
    return Factors(Z * lengths, H / np.maximum(lengths, np.finfo(H.dtype).tiny)[:, None])


def nonnegative_codes(X: NDArray, H: NDArray) -> NDArray:
    """The Z >= 0 that minimises ||X - Z H||_F^2, (n, d), in the precision of H.

    So many sweeps of coordinate descent, whatever the batch: the code of a sample does not depend on its company.
    """
    from sklearn.decomposition import non_negative_factorization
    from sklearn.exceptions import ConvergenceWarning

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        codes: NDArray = non_negative_factorization(
            np.ascontiguousarray(X, dtype=H.dtype), H=H, n_components=len(H), update_H=False, tol=0, max_iter=SWEEPS
        )[0]
    return codes
