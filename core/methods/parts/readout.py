"""What self-expressive methods share: from the matrix C of Z ~ C Z to clusters."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from core.affinity import (
    AssignLabels,
    affinity_from_magnitudes,
    affinity_from_representation,
    form,
    shared_cut,
    spectral_labels,
)
from core.common import ParameterError, choice, flag, integer, real
from core.methods.contract import Clusterer
from core.training import Arrays

AFFINITY_GROUP, SCALE_GROUP = "Affinity", "Large data"
FULL_LIMIT = 8000  # samples; a full C of this size takes 256 MB, and four of them while it trains


@dataclass(kw_only=True)
class SelfExpressive(Clusterer):
    """A method that ends with a self-expression matrix C, post-processed and cut as in `core.affinity.cut`.

    Its last arrays hold ``C`` in one of three forms: (n, n) dense; (n, n) sparse, where every sample may use its nearest
    neighbours only; or (n, p) over p anchors. A method that learnt from a part of the samples adds ``rows`` (s,), the
    samples that C (s, s) speaks of, and ``nearest`` (n,), for each sample the position in ``rows`` of the one whose
    cluster it takes.
    """

    reads = "C"
    large_scope: ClassVar[str] = "subset"  # what scope = "auto" stands for above FULL_LIMIT samples

    dim: int = integer(
        4, symbol="d", low=1, high=200, soft=(1, 20), group=AFFINITY_GROUP,
        help="Assumed dimension of each subspace; the affinity keeps d K + 1 components of C.",
    )  # fmt: skip
    power: float = real(
        5.0, symbol="p", low=0.1, high=50, soft=(1, 10), group=AFFINITY_GROUP,
        help="Exponent of the affinity: larger is sparser.",
    )  # fmt: skip
    threshold: float = real(
        0.12, symbol=r"\rho", low=0.001, high=1, soft=(0.01, 1), log=True, group=AFFINITY_GROUP,
        help="Share of each column's absolute sum that is kept before symmetrising; 1 keeps all.",
    )  # fmt: skip
    unit_diagonal: bool = flag(
        False, symbol=r"S_{ii}=1", group=AFFINITY_GROUP, help="Set the diagonal to 1 before the decomposition."
    )
    symmetrize: str = choice(
        "signed", symbol=r"\mathrm{sym}", choices=("signed", "absolute"), group=AFFINITY_GROUP,
        help="Symmetrise the signed entries (the papers' code) or their absolute values (their text).",
    )  # fmt: skip
    assign_labels: str = choice(
        "discretize", symbol=r"\mathrm{cut}", choices=("discretize", "cluster_qr", "kmeans"), group=AFFINITY_GROUP,
        help="How the spectral embedding becomes clusters; cluster_qr has no random step.",
    )  # fmt: skip
    affinity_by: str = choice(
        "cosines", symbol=r"A(C)", choices=("cosines", "magnitudes"), group=AFFINITY_GROUP,
        help="Cosines between rows of the factorised C, sharpened by a power (deep methods), or the entries |C| (SSC).",
    )  # fmt: skip
    scope: str = choice(
        "auto", symbol=r"C \in", choices=("auto", "full", "subset"), group=SCALE_GROUP,
        help="Express all samples by each other, or a random subset, from which the others take the cluster of their nearest "
        f"neighbour; auto is full up to {FULL_LIMIT:,} samples.",
    )  # fmt: skip
    subset_size: int = integer(
        5000, symbol="s", low=10, high=20_000, soft=(500, 10_000), group=SCALE_GROUP,
        help="Samples in the subset, if there is one.",
    )  # fmt: skip
    subset_by: str = choice(
        "random", symbol=r"s \in", choices=("random", "classes"), group=SCALE_GROUP,
        help="Draw the subset at random, or take the first samples of each class, which uses the labels (RGRL's program).",
    )  # fmt: skip

    def check_data(self, X: NDArray) -> None:
        super().check_data(X)
        size = self.expressed(len(X), vars(self))
        if size == len(X):
            return
        if self.n_clusters is not None and size <= self.n_clusters:
            raise ParameterError(
                f"The 'subset_size' parameter of {self.name} must be more than the number of clusters, {self.n_clusters}. "
                f"Got {size} instead."
            )
        if self.subset_by == "classes" and self.true_labels is None:
            raise ParameterError(f"The 'subset_by' parameter of {self.name} must be 'random' for data without labels.")

    def affinity(self, arrays: Arrays) -> NDArray | None:
        """The (n, n) affinity, sparse if C is; None for C over anchors, which is cut without forming one."""
        assert self.n_clusters is not None
        C = arrays["C"]
        if form(C) == "anchors":
            return None
        if self.affinity_by == "magnitudes" or form(C) == "sparse":
            return affinity_from_magnitudes(C, threshold=self.threshold)
        return affinity_from_representation(
            C,
            n_clusters=self.n_clusters,
            dim=self.dim,
            power=self.power,
            threshold=self.threshold,
            unit_diagonal=self.unit_diagonal,
            symmetrize=self.symmetrize,  # type: ignore[arg-type]
        )

    def assign(self, arrays: Arrays, affinity: NDArray | None, *, random_state: int) -> NDArray[np.int64]:
        assert self.n_clusters is not None
        assigner: AssignLabels = self.assign_labels  # type: ignore[assignment]
        if affinity is not None and form(affinity) == "dense":
            labels = spectral_labels(affinity, self.n_clusters, assign_labels=assigner, random_state=random_state)
        else:
            cut = shared_cut(self, arrays["C"] if affinity is None else affinity, self.n_clusters)
            labels = cut.labels(self.n_clusters, assign_labels=assigner, random_state=random_state)
        return labels[arrays["nearest"]] if "nearest" in arrays else labels

    @classmethod
    def scope_for(cls, n: int, params: Mapping[str, Any]) -> str:
        """What expresses n samples under these hyperparameters: "full", "subset", or another choice of `scope`."""
        declared = cls.declared()
        scope, size = (params.get(name, declared[name].default) for name in ("scope", "subset_size"))
        if scope == "auto":
            scope = "full" if n <= FULL_LIMIT else cls.large_scope
        return "full" if scope == "subset" and n <= size else str(scope)

    @classmethod
    def scope_words(cls, n: int, params: Mapping[str, Any]) -> str | None:
        """What a user must know about how n samples are expressed, in a sentence; None if all are, by all others."""
        scope = cls.scope_for(n, params)
        if scope == "full":
            return None
        why = f"More than {FULL_LIMIT:,} samples: " if params.get("scope", "auto") == "auto" else ""
        words = cls._scope_words(scope, n, params)
        return why + (words if why else words[0].upper() + words[1:])

    @classmethod
    def _scope_words(cls, scope: str, n: int, params: Mapping[str, Any]) -> str:
        size = cls.expressed(n, params)
        by_classes = params.get("subset_by", cls.declared()["subset_by"].default) == "classes"
        part = "about {:,} of the {:,} samples, the first of each class" if by_classes else "a random {:,} of the {:,} samples"
        return f"C is over {part.format(size, n)}; the others take the cluster of the nearest one."

    @classmethod
    def expressed(cls, n: int, params: Mapping[str, Any]) -> int:
        """How many samples of n C speaks of: n, or the size of the subset."""
        size: int = params.get("subset_size", cls.declared()["subset_size"].default)
        return size if cls.scope_for(n, params) == "subset" else n

    def chosen_rows(self, n: int) -> NDArray[np.int64] | None:
        """The sorted samples that are expressed by each other, or None for all."""
        size = self.expressed(n, vars(self))
        if size == n:
            return None
        if self.subset_by == "random":
            return np.sort(np.random.default_rng(self.random_state).choice(n, size, replace=False))
        assert self.true_labels is not None
        return _first_of_each(self.true_labels, size)

    def uses_labels(self, n: int) -> bool:
        return self.subset_by == "classes" and self.expressed(n, vars(self)) < n


def _first_of_each(y: NDArray[np.int64], size: int) -> NDArray[np.int64]:
    """The first samples of each class, equally many of each as far as there are any."""
    each = -(-size // int(y.max() + 1))
    return np.sort(np.concatenate([np.flatnonzero(y == label)[:each] for label in np.unique(y)]))


def square_bytes(n: int, copies: Mapping[str, int]) -> dict[str, int]:
    """Bytes of n x n float32 matrices, by what they hold."""
    return {what: 4 * n * n * count for what, count in copies.items()}
