"""How many clusters there may be in data that nobody has labelled."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from numpy.typing import NDArray

from core import affinity, datasets
from core.runs import RunStore

NAMED = 3


def clusters(store: RunStore, *, data: Mapping[str, Any]) -> tuple[dict[str, NDArray], dict[str, Any]]:
    """Signs of a number of clusters in the samples of a data spec, see `affinity.number_of_groups`.

    Returns
    -------
    arrays
        ``eigenvalues``, ``tried``, ``gaps``, ``stability``.
    facts
        ``suggested``, the three most likely K, the first one first; ``n_samples`` that were looked at; ``known``, in words how
        often such a suggestion was right.
    """
    found = affinity.number_of_groups(datasets.load(datasets.DataSpec.from_dict(data)).X)
    arrays = {"eigenvalues": found.eigenvalues, "tried": found.tried, "gaps": found.gaps, "stability": found.stability}
    suggested = [int(K) for K in found.ranked[:NAMED]]
    return arrays, {"suggested": suggested, "n_samples": found.n_samples, "known": affinity.KNOWN}
