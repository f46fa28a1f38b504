"""Reading clusters off the rows of a spectral embedding."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from core.common import ParameterError

AssignLabels = Literal["discretize", "cluster_qr", "kmeans"]


def embedded_labels(
    embedding: NDArray, n_clusters: int, *, assign_labels: AssignLabels = "kmeans", random_state: int = 0, n_init: int = 10
) -> NDArray[np.int64]:
    """Read clusters off the rows of a spectral embedding, k-means as the best of `n_init`.

    Raises
    ------
    ParameterError
        If there is no such way to read them.
    """
    if assign_labels == "kmeans":
        from sklearn.cluster import KMeans

        return KMeans(n_clusters, n_init=n_init, random_state=random_state).fit_predict(embedding).astype(np.int64)
    from sklearn.cluster import _spectral

    if assign_labels == "cluster_qr":
        return np.asarray(_spectral.cluster_qr(embedding), dtype=np.int64)
    if assign_labels == "discretize":
        return _discretized(embedding, n_clusters, random_state)
    raise ParameterError(f"'assign_labels' must be one of {', '.join(get_args(AssignLabels))}. Got {assign_labels!r} instead.")


def _discretized(embedding: NDArray, n_clusters: int, random_state: int) -> NDArray[np.int64]:
    """scikit-learn's discretize of the rows that are not zero; the others go to the largest cluster.

    It divides by the lengths of rows, and with one of length 0 tries its 30 decompositions of what is not a number in vain.
    """
    from sklearn.cluster import _spectral

    said = np.abs(embedding).max(axis=1) > 0
    if said.all():
        return np.asarray(_spectral.discretize(embedding, random_state=random_state), dtype=np.int64)
    if said.sum() <= n_clusters:
        return np.zeros(len(embedding), dtype=np.int64)
    found = np.asarray(_spectral.discretize(embedding[said], random_state=random_state), dtype=np.int64)
    labels = np.full(len(embedding), np.bincount(found, minlength=n_clusters).argmax(), dtype=np.int64)
    labels[said] = found
    return labels


@dataclass(frozen=True)
class Cut:
    """A cut but for its seed: an embedding that is worked out once and read with as many seeds as wanted.

    Attributes
    ----------
    embedding : (m, d)
        Rows of the samples that are joined to enough others.
    joined : (m,)
        Which samples these are.
    n : int
        All samples.
    by_kmeans : bool
        The embedding has other than K columns, which only k-means can read.
    """

    embedding: NDArray[np.float64]
    joined: NDArray[np.int64]
    n: int
    by_kmeans: bool = False

    def labels(self, n_clusters: int, *, assign_labels: AssignLabels = "kmeans", random_state: int = 0) -> NDArray[np.int64]:
        """Clusters of all samples; those that are joined to too few others go to the largest one."""
        how: AssignLabels = "kmeans" if self.by_kmeans else assign_labels
        found = embedded_labels(self.embedding, n_clusters, assign_labels=how, random_state=random_state)
        labels = np.full(self.n, np.bincount(found, minlength=n_clusters).argmax(), dtype=np.int64)
        labels[self.joined] = found
        return labels
