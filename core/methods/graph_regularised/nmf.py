r"""Non-negative matrix factorisation (Lee and Seung 1999): samples are sums of parts.

    min_{Z >= 0, H >= 0}  ||X - Z H||_F^2

The rows of H (d x m) are the parts, those of Z (n x d) the codes, which k-means groups. scikit-learn solves it by coordinate
descent. New samples are coded by non-negative least squares with H fixed.
"""

from __future__ import annotations

import warnings
from collections.abc import Generator, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.common import held
from core.methods.contract import Cost
from core.methods.graph_regularised.factorization import Factorization, Factors, NonNegative, nonnegative_codes, unit_parts
from core.methods.registry import register
from core.training import Stages, Step


@register
class NMF(Factorization):
    """Non-negative matrix factorisation."""

    name = "nmf"
    title = "NMF"
    summary = "Writes every sample as a sum of non-negative parts, then groups the weights."
    paper = "Lee and Seung, Nature 1999"
    objective = r"\min_{Z, H \ge 0}\; \lVert X - Z H \rVert_F^2"

    nonnegative = held(NonNegative)

    def check_data(self, X: NDArray) -> None:
        self.nonnegative.check(X)

    def factors(self, X: NDArray, stages: Stages) -> Generator[Step, None, Factors]:
        from sklearn.decomposition import NMF as Solver
        from sklearn.exceptions import ConvergenceWarning

        how = self.nonnegative
        solver = Solver(how.rank(X, self.K), init="random", max_iter=how.max_iter, random_state=self.random_state)
        with warnings.catch_warnings():  # the number of iterations is a parameter: to end there is no news
            warnings.simplefilter("ignore", ConvergenceWarning)
            Z = solver.fit_transform(np.asarray(X, dtype=np.float32))
        found = unit_parts(Z, solver.components_)
        yield Step("factorize", 1, 1, {}, {"Z": found.Z})
        return found

    def embed(self, X: NDArray) -> NDArray:
        """Codes on the parts, (n, d): of training samples too, for they live among new ones."""
        return nonnegative_codes(X.reshape(len(X), -1), self.parts_)

    @classmethod
    def cost(cls, shape: tuple[int, ...], params: Mapping[str, Any]) -> Cost:
        return cls.nonnegative.of(params).cost(shape, params["n_clusters"])
