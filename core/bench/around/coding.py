"""Dictionary and start codes of graph-regularised coding: products made once, and pursuit of all samples together.

The old way made (A D - X) D^T in every step of the iteration and coded one sample after another in K-SVD.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch

import numpy as np
from numpy.typing import NDArray

from core import datasets, methods
from core.bench.around.ratio import Ratio, cpu_seconds
from core.datasets import Dataset
from core.evaluation import clustering_accuracy
from core.methods import Clusterer
from core.methods.sparse_coding.learnt_dictionary import LearntDictionary
from core.methods.sparse_coding.sparse_codes import SparseCodes
from core.solvers import KSVD

STEPS, CODINGS, ATOMS, EPOCHS = 300, 10, 128, 20
ALPHA = 1000.0  # of the preset for COIL-20

# ---- the old way -----------------------------------------------------------------------------------------------------


def literal_after(self: SparseCodes, iterations: int, X: NDArray, D: NDArray, L: Any, N: float) -> NDArray[np.float64]:
    """`SparseCodes.after` with both products of samples and atoms made in every step."""
    X, D = X.astype(np.float64), D.astype(np.float64)
    A = np.zeros((len(X), len(D)))
    for _ in range(iterations):
        gradient = (A @ D - X) @ D.T
        if self.alpha:
            gradient += self.alpha * (L @ A)
        U = A - gradient / N
        A = np.sign(U) * np.maximum(np.abs(U) - self.lam / N, 0)
    return A


def single_codes(self: KSVD) -> NDArray[np.float64]:
    """`KSVD.codes` by scikit-learn, which pursues one sample after another."""
    from sklearn.linear_model import orthogonal_mp_gram

    D, X = self.D, self.X
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*Orthogonal matching pursuit ended prematurely")
        found = orthogonal_mp_gram(D @ D.T, D @ X.T, n_nonzero_coefs=self.n_nonzero)
    return np.asarray(found).reshape(len(D), len(X)).T.copy()


@contextmanager
def old_way() -> Iterator[None]:
    """Inside, dictionaries and codes are made as they were."""
    with patch.object(SparseCodes, "after", literal_after), patch.object(KSVD, "codes", single_codes):
        yield


# ---- what is measured ------------------------------------------------------------------------------------------------


def measure() -> Iterator[Ratio]:
    """The iteration, the coding of a K-SVD sweep, and a run of TAGnet, all on COIL-20.

    Raises
    ------
    DataError
        If COIL-20 is not on this machine.
    """
    data = datasets.load("coil20")
    fitted(data, epochs=0, sweeps=1)  # what is loaded late, and only once, counts for neither
    yield of_iteration(data)
    yield of_pursuit(data)
    yield of_run(data)


def of_iteration(data: Dataset) -> Ratio:
    """Codes after some steps, over atoms that are samples."""
    method: Any = methods.build("gsc", alpha=ALPHA, n_clusters=data.n_classes)
    method.set_training_data(data.samples)
    X, L = method.samples_.rows, method.graph_.matrix()
    D = KSVD(X, ATOMS).D
    N = method.sparse.step_bound(D, L)
    return compared(f"{STEPS} steps of graph-regularised coding", lambda: method.sparse.after(STEPS, X, D, L, N), at_most=0.25)


def of_pursuit(data: Dataset) -> Ratio:
    """Codes with ten atoms a sample."""
    learner = KSVD(LearntDictionary().prepare(data.samples).rows, ATOMS)
    return compared(f"Coding of {CODINGS} K-SVD sweeps", lambda: [learner.codes() for _ in range(CODINGS)][-1], at_most=0.25)


def compared(what: str, codes: Callable[[], NDArray], *, at_most: float) -> Ratio:
    """New seconds over old ones, and how far apart the codes are."""
    with old_way():
        before, old = cpu_seconds(codes)
    after, new = cpu_seconds(codes)
    apart = np.abs(new - old).max() / np.abs(old).max()
    return Ratio(what, after / before, at_most=at_most, detail=f"{before:.2f} s and {after:.2f} s, codes apart by {apart:.0e}")


def of_run(data: Dataset) -> Ratio:
    """TAGnet from the samples to the labels."""
    assert data.y is not None
    with old_way():
        before, old = cpu_seconds(lambda: fitted(data, epochs=EPOCHS))
    after, new = cpu_seconds(lambda: fitted(data, epochs=EPOCHS))
    scores = [clustering_accuracy(data.y, method.labels_) for method in (old, new)]
    detail = f"{before:.2f} s and {after:.2f} s, ACC {scores[0]:.4f} and {scores[1]:.4f}"
    return Ratio(f"TAGnet on COIL-20, {EPOCHS} epochs", after / before, at_most=0.5, detail=detail)


def fitted(data: Dataset, **changes: Any) -> Clusterer:
    """TAGnet with the preset for COIL-20."""
    preset = methods.method_class("tagnet").presets["coil20"]
    return methods.build("tagnet", **{**preset.params, "n_clusters": data.n_classes, **changes}).fit(data.samples)
