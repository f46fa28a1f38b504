r"""Non-negative matrix factorisation (Lee and Seung 1999): samples are sums of parts.

    min_{Z >= 0, H >= 0}  ||X - Z H||_F^2

The rows of H (d x m) are the parts, those of Z (n x d) the codes, which k-means groups. scikit-learn solves it by coordinate
descent. New samples are coded by non-negative least squares with H fixed.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from core.common import DataError, integer
from core.methods.contract import Cost
from core.methods.parts.kmeans import GroupsCodes
from core.methods.presets import Preset
from core.methods.registry import register
from core.training import Arrays, Stages, Step

SWEEPS = 200


@dataclass(kw_only=True)
class Factorization(GroupsCodes):
    """A method that writes non-negative samples as non-negative sums of parts."""

    published_on_test = True
    restored_from: ClassVar[tuple[str, ...]] = ("H",)

    parts_: NDArray = field(init=False, repr=False)
    samples_: NDArray = field(init=False, repr=False)
    codes_: NDArray = field(init=False, repr=False)

    n_components: int | None = integer(
        None, symbol="d", low=1, high=2000, soft=(2, 200), optional=True, group="Objective", none_means="clusters",
        help="Number of parts, the length of a code; none takes the number of clusters.",
    )  # fmt: skip
    max_iter: int = integer(
        200, symbol="T", low=1, high=100_000, soft=(10, 1000), group="Training", help="Iterations of the solver, at most."
    )

    @classmethod
    def cost(cls, shape: tuple[int, ...], params: Mapping[str, Any]) -> Cost:
        n, m = shape[0], int(np.prod(shape[1:]))
        d = params["n_components"] or params["n_clusters"] or 10
        return Cost(matrices={"data": 4 * n * m, "factors": 4 * (n + m) * d})

    def check_data(self, X: NDArray) -> None:
        super().check_data(X)
        if float(X.min()) < 0:
            raise DataError(f"{self.name} needs data without negative values, as with the scaling 'unit' and no noise.")

    def factors(self, X: NDArray, stages: Stages) -> Iterator[Step]:
        """Find ``parts_``; the last step's arrays hold Z."""
        raise NotImplementedError  # pragma: no cover

    def unit_parts(self, Z: NDArray, H: NDArray) -> Arrays:
        """Keep the parts with unit norm and scale the codes to match: else the solver decides how much each part counts."""
        lengths = np.linalg.norm(H, axis=1)
        self.parts_ = H / np.maximum(lengths, np.finfo(H.dtype).tiny)[:, None]
        return {"Z": Z * lengths}

    def iter_fit(self, X: NDArray, stages: Stages | None = None) -> Iterator[Step]:
        self.clusters(X)
        self.check_data(X)
        flat = np.asarray(X, dtype=np.float32).reshape(len(X), -1)
        arrays: Arrays = {}
        for step in self.factors(flat, stages or Stages()):
            arrays = step.arrays
            yield step
        X_hat = (arrays["Z"] @ self.parts_).reshape(X.shape)
        self.samples_, self.codes_ = flat, arrays["Z"]
        codes = self.embed(X)
        step = self.conclude({"Z": arrays["Z"], "X_hat": X_hat, "H": self.parts_})
        self.embedding_ = codes
        yield step

    def embed(self, X: NDArray) -> NDArray:
        """Codes by non-negative least squares on the parts, (n, d): of training samples too, for they live among new ones.

        So many sweeps of coordinate descent, whatever the batch: the code of a sample does not depend on its company.
        """
        from sklearn.decomposition import non_negative_factorization
        from sklearn.exceptions import ConvergenceWarning

        targets, parts = self.system(np.ascontiguousarray(np.asarray(X).reshape(len(X), -1), dtype=self.parts_.dtype))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            codes: NDArray = non_negative_factorization(
                targets, H=parts, n_components=len(parts), update_H=False, tol=0, max_iter=SWEEPS
            )[0]
        return codes

    def system(self, X: NDArray) -> tuple[NDArray, NDArray]:
        """T (n, q) and P (d, q) whose ||T - Z P||_F^2 the codes of new samples minimise."""
        return X, self.parts_

    def restore(self, samples: NDArray, arrays: Arrays, weights: Arrays) -> Self:
        super().restore(samples, arrays, weights)
        self.samples_, self.codes_ = samples.reshape(len(samples), -1), arrays["Z"]
        self.parts_ = arrays["H"]
        self.embedding_ = self.embed(samples)
        return self


@register
class NMF(Factorization):
    """Non-negative matrix factorisation."""

    name = "nmf"
    title = "NMF"
    summary = "Writes every sample as a sum of non-negative parts, then groups the weights."
    paper = "Lee and Seung, Nature 1999"
    objective = r"\min_{Z, H \ge 0}\; \lVert X - Z H \rVert_F^2"
    published = {"coil20": 0.6481, "mnist": 0.5376, "mnist2": 0.4649}
    presets: ClassVar[Mapping[str, Preset]] = {}

    def factors(self, X: NDArray, stages: Stages) -> Iterator[Step]:
        from sklearn.decomposition import NMF as Solver
        from sklearn.exceptions import ConvergenceWarning

        d = min(self.n_components or self.n_clusters or 2, *X.shape)
        solver = Solver(d, init="random", max_iter=self.max_iter, random_state=self.random_state)
        with warnings.catch_warnings():  # the number of iterations is a parameter: to end there is no news
            warnings.simplefilter("ignore", ConvergenceWarning)
            Z = solver.fit_transform(X)
        yield Step("factorize", 1, 1, {}, self.unit_parts(Z, solver.components_))
