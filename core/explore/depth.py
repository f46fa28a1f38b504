"""Does depth pay here? One read-out of three things: ridge on the samples, ridge on the pretrained codes, and the trained C.

Each of them may win under a read-out of its own, so they are compared under one (Haeffele, You and Vidal, ICLR 2021).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import issparse

from core import affinity, datasets, evaluation
from core.common import DataError
from core.explore.matrices import full_representation, graphs_beside
from core.methods.parts.readout import LOOK_BEYOND, SAMPLES, AffinityReadout
from core.methods.parts.ridge_strength import ridge_without_labels
from core.runs import RunStore

SEEDS = 5
"""Of the last step: less than their deviation is chance."""
MOST_SAMPLES = 5000  # that ridge expresses by one another
LEAST = 0.005  # of ACC: less is a handful of samples
MOST_JUDGED = 2000  # samples among which the eigengap is looked for


def depth(
    store: RunStore, *, run: str, n_clusters: int, random_state: int, zero_diagonal: bool = False, **constants: Any
) -> tuple[dict[str, NDArray], dict[str, Any]]:
    """Read all three under the same constants; the strength of ridge is chosen without labels.

    Returns
    -------
    facts
        ``rows``, each with what it is ``of`` ("samples", "codes" or "trained"), where there are classes ``acc`` and its
        deviation ``std`` over five seeds of the last step, where it has one the ``eigengap``
        (`evaluation.relative_eigengap`), and of ridge its ``strength``. A run that did not keep its pretrained codes has no
        row of them. Where there are classes ``gain``, the ACC of the trained C less that of the better ridge, and ``chance``,
        what of it may be chance: twice its deviation over the seeds, and half a point at least.

    Raises
    ------
    DataError
        If the read-out does not look at C, C is not square, or there are too many samples for ridge.
    """
    readout, C = AffinityReadout(**constants), _trained(store, run, zero_diagonal)
    if readout.affinity_by == "samples":
        raise DataError("The affinity 'samples' does not look at C, so there is nothing to compare. Choose another.")
    final = store.files.arrays(run, "final", ("rows", "Z_pretrained", "y", "nearest"))
    X = datasets.load(store.get(run).spec.data).samples
    rows = final.get("rows", np.arange(len(X))).astype(np.int64)
    beside = graphs_beside(str(store.home), run) if readout.affinity_by in LOOK_BEYOND else {}
    of_samples = {name: graph for name, graph in beside.items() if name == SAMPLES}  # what knows nothing of the network

    def read(of: str, C: NDArray, beside: Mapping[str, Any], **facts: Any) -> dict[str, Any]:
        A = readout.affinity(C, n_clusters, beside)
        cut = affinity.graph_labeller(A, n_clusters, assign_labels=readout.assign_labels)
        labels = [cut(random_state + seed) for seed in range(SEEDS)]
        return {"of": of, **facts, **_scores(labels, final), **_eigengap(A, labels[0])}

    found = []
    for of, features, graphs in (("samples", X, of_samples), ("codes", final.get("Z_pretrained"), beside)):
        if features is not None:
            ridge, strength = ridge_without_labels(features[rows], n_clusters, random_state)
            found.append(read(of, ridge, graphs, strength=strength))
    trained = read("trained", C, beside)
    return {}, {"rows": [*found, trained], "by": readout.affinity_by, **_gain(trained, found)}


def _trained(store: RunStore, run: str, zero_diagonal: bool) -> NDArray:
    C = full_representation(str(store.home), run)
    if issparse(C):
        raise DataError(f"C of the run {run} is sparse; ridge of all samples by all others cannot be read as it is.")
    if len(C) > MOST_SAMPLES:
        raise DataError(f"Ridge is worked out for at most {MOST_SAMPLES:,} samples. The run {run} expresses {len(C):,}.")
    return np.asarray(C - np.diag(np.diagonal(C)) if zero_diagonal else C)


def _scores(labels: list[NDArray], final: Mapping[str, NDArray]) -> dict[str, float]:
    """Mean and deviation of ACC over the seeds, where there are classes."""
    if "y" not in final:
        return {}
    everyone = [one[final["nearest"].astype(np.int64)] if "nearest" in final else one for one in labels]
    found = [evaluation.evaluate(*evaluation.known(final["y"], one))["acc"] for one in everyone]
    return {"acc": float(np.mean(found)), "std": float(np.std(found))}


def _gain(trained: Mapping[str, Any], ridges: list[dict[str, Any]]) -> dict[str, float]:
    if "acc" not in trained:
        return {}
    best = max(ridges, key=lambda row: row["acc"])
    return {"gain": trained["acc"] - best["acc"], "chance": max(LEAST, 2 * float(np.hypot(trained["std"], best["std"])))}


def _eigengap(A: Any, labels: NDArray) -> dict[str, float]:
    drawn = np.sort(np.random.default_rng(0).choice(len(labels), min(len(labels), MOST_JUDGED), replace=False))
    part = A[drawn][:, drawn]
    gap = evaluation.relative_eigengap(part.toarray() if hasattr(part, "toarray") else part, labels[drawn])
    return {} if gap is None else {"eigengap": gap}
