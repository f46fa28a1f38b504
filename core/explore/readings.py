"""One C under every read-out: how much of a result is the C, and how much the way in which it is read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.linalg import LinAlgError
from numpy.typing import NDArray
from scipy.sparse import issparse

from core import affinity, evaluation
from core.common import DataError
from core.explore.matrices import full_representation, graphs_beside
from core.methods.parts.readout import AffinityReadout
from core.runs import RunStore, threads_of_a_run

SEEDS = 5
"""Of the last step: less than their deviation is chance."""
MOST_JUDGED = 2000  # samples among which the eigengap is looked for
OF_C = ("cosines", "magnitudes", "nearest", "stochastic", "rows", "neighbors")
"""The affinities that look at C alone."""


def readings(
    store: RunStore, *, run: str, n_clusters: int, random_state: int, zero_diagonal: bool = False, **constants: Any
) -> tuple[dict[str, NDArray], dict[str, Any]]:
    """Read the C of a run by every affinity that looks at C alone, all other constants as they are.

    Returns
    -------
    facts
        ``rows``, for each its name ``by`` with what `read` tells, or the ``error`` that it ended in.

    Raises
    ------
    DataError
        If C is not square and dense.
    """
    C, asked = trained(store, run, zero_diagonal), AffinityReadout(**constants)
    final = store.files.arrays(run, "final", ("y", "nearest"))
    rows = []
    for by in OF_C:
        readout = replace(asked, affinity_by=by)
        beside = graphs_beside(str(store.home), run) if readout.left else {}
        try:
            told: dict[str, Any] = read(readout, C, beside, final, n_clusters=n_clusters, random_state=random_state)
        except LinAlgError as error:
            told = {"error": str(error)}
        rows.append({"by": by, **told})
    return {}, {"rows": rows}


def trained(store: RunStore, run: str, zero_diagonal: bool = False) -> NDArray:
    """C (n, n) of a run, dense.

    Raises
    ------
    DataError
        If it is not.
    """
    C = full_representation(str(store.home), run)
    if issparse(C):
        raise DataError(f"C of the run {run} is sparse; its affinity is |C| and there is nothing to compare.")
    return np.asarray(C - np.diag(np.diagonal(C)) if zero_diagonal else C)


@threads_of_a_run()
def read(
    readout: AffinityReadout, C: NDArray, beside: Mapping[str, Any], final: Mapping[str, NDArray], *,
    n_clusters: int, random_state: int,
) -> dict[str, float]:  # fmt: skip
    """What a C is worth under a read-out.

    Returns
    -------
    dict
        Where there are classes ``acc`` and its deviation ``std`` over five seeds of the last step; where it has one, the
        ``eigengap`` of its affinity (`evaluation.relative_eigengap`).
    """
    A = readout.affinity(C, n_clusters, beside)
    cut = affinity.graph_labeller(A, n_clusters, assign_labels=readout.assign_labels)
    labels = [cut(random_state + seed) for seed in range(SEEDS)]
    return {**_scores(labels, final), **_eigengap(A, labels[0])}


def _scores(labels: list[NDArray], final: Mapping[str, NDArray]) -> dict[str, float]:
    if "y" not in final:
        return {}
    everyone = [one[final["nearest"].astype(np.int64)] if "nearest" in final else one for one in labels]
    found = [evaluation.evaluate(*evaluation.known(final["y"], one))["acc"] for one in everyone]
    return {"acc": float(np.mean(found)), "std": float(np.std(found))}


def _eigengap(A: Any, labels: NDArray) -> dict[str, float]:
    drawn = np.sort(np.random.default_rng(0).choice(len(labels), min(len(labels), MOST_JUDGED), replace=False))
    part = A[drawn][:, drawn]
    gap = evaluation.relative_eigengap(part.toarray() if hasattr(part, "toarray") else part, labels[drawn])
    return {} if gap is None else {"eigengap": gap}
