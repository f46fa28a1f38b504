"""What of the samples a self-expression speaks of: all of them, a subset, their neighbours, or anchors."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from core.common import ParameterError, Part, choice, integer

SCALE_GROUP = "Large data"
FULL_LIMIT = 8000  # samples; a full C of this size takes 256 MB, and four of them while it trains


@dataclass(frozen=True, kw_only=True)
class SubsetScope(Part):
    """All samples by each other, or a subset of them, from which the others take the cluster of their nearest neighbour."""

    when_large: ClassVar[str] = "subset"  # what "auto" stands for above FULL_LIMIT samples
    without_labels: ClassVar[str] = "'random'"

    scope: str = choice(
        "auto",
        symbol=r"C \in",
        choices=("auto", "full", "subset"),
        group=SCALE_GROUP,
        help="Express all samples by each other, or a random subset, from which the others take the cluster of their nearest "
        f"neighbour; auto is full up to {FULL_LIMIT:,} samples.",
    )
    subset_size: int = integer(
        5000, symbol="n_s", low=10, high=20_000, soft=(500, 10_000), group=SCALE_GROUP,
        help="Samples in the subset, if there is one.",
    )  # fmt: skip
    subset_by: str = choice(
        "random",
        symbol=r"n_s \in",
        choices=("random", "classes"),
        group=SCALE_GROUP,
        help="Draw the subset at random, or take the first samples of each class, which uses the labels (RGRL's program).",
    )

    def chosen(self, n: int) -> str:
        """What expresses n samples: "full", "subset", or another choice of `scope`."""
        scope = self.scope
        if scope == "auto":
            scope = "full" if n <= FULL_LIMIT else self.when_large
        return "full" if scope == "subset" and n <= self.subset_size else scope

    def is_square(self, n: int) -> bool:
        """Whether C joins all pairs of the samples that it speaks of."""
        return self.chosen(n) in ("full", "subset")

    def size(self, n: int) -> int:
        """How many samples of n C speaks of: n, or the size of the subset."""
        return self.subset_size if self.chosen(n) == "subset" else n

    def uses_labels(self, n: int) -> bool:
        return self.subset_by == "classes" and self.size(n) < n

    def check(self, n: int, n_clusters: int | None, labelled: bool) -> None:
        """Refuse a subset that is too small, or that needs labels where there are none."""
        if self.size(n) == n:
            return
        if n_clusters is not None and self.subset_size <= n_clusters:
            raise ParameterError(
                f"The 'subset_size' parameter of {self.owner} must be more than the number of clusters, {n_clusters}. "
                f"Got {self.subset_size} instead."
            )
        if self.subset_by == "classes" and not labelled:
            raise ParameterError(
                f"The 'subset_by' parameter of {self.owner} must be {self.without_labels} for data without labels."
            )

    def rows(self, n: int, y: NDArray[np.int64] | None, random_state: int) -> NDArray[np.int64] | None:
        """The sorted samples that are expressed by each other, or None for all; `y` are their classes if it uses them."""
        size = self.size(n)
        if size == n:
            return None
        if self.subset_by == "classes":
            assert y is not None
            return _first_of_each(y, size)
        return np.sort(np.random.default_rng(random_state).choice(n, size, replace=False))

    def words(self, n: int) -> str | None:
        """What a user must know about how n samples are expressed, in a sentence; None if all are, by all others."""
        scope = self.chosen(n)
        if scope == "full":
            return None
        words = self._words(scope, n)
        if self.scope == "auto":
            return f"More than {FULL_LIMIT:,} samples: {words}"
        return words[0].upper() + words[1:]

    def _words(self, scope: str, n: int) -> str:
        return f"C is over {self._part().format(self.size(n), n)}; the others take the cluster of the nearest one."

    def _part(self) -> str:
        """What the subset is, with places for its size and the number of samples."""
        if self.subset_by == "classes":
            return "about {:,} of the {:,} samples, the first of each class"
        return "a random {:,} of the {:,} samples"

    def bytes(self, n: int, copies: Mapping[str, int]) -> dict[str, int]:
        """Memory by what it holds for n samples; `copies` counts n x n float32 matrices, were it full."""
        return {what: 4 * self.size(n) ** 2 * count for what, count in copies.items()}


def _first_of_each(y: NDArray[np.int64], size: int) -> NDArray[np.int64]:
    """The first samples of each class, equally many of each as far as there are any."""
    each = -(-size // int(y.max() + 1))
    return np.sort(np.concatenate([np.flatnonzero(y == label)[:each] for label in np.unique(y)]))


def anchor_count(wanted: int, n: int) -> int:
    """At most half as many anchors as samples: more would not be fewer in any useful sense."""
    return max(1, min(wanted, n // 2))
