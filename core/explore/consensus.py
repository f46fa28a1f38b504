"""What several runs on the same samples agree on: one cut of the mean of their affinities."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import count
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from core import affinity, evaluation
from core.common import DataError
from core.explore.matrices import picture, settled_params, square
from core.runs import Run, RunStore, numbered_labels, threads_of_a_run

MOST_AGREEING = 20
CUTS = 5
"""The last step draws: of as many cuts of the mean the one that agrees best with the others is taken."""


def consensus(
    store: RunStore, *, runs: list[str], pixels: int, progress: Callable[[int, int], None] | None = None
) -> tuple[dict[str, NDArray], dict[str, Any]]:
    """Cut the power mean of the affinities of runs (`core.affinity.consensus_affinity`) into K clusters, without labels.

    How the last step reads labels is as the run with the smallest seed has it. The order of the runs makes no difference.

    Returns
    -------
    arrays
        ``labels`` (n,), numbered like the clusters of that run, and the mean as `matrix` gives an affinity.
    facts
        ``scores`` of the labels, with ``block_diagonality``; ``alone``, by run its ``acc``, where there are classes.

    Raises
    ------
    DataError
        If there are fewer than two runs or more than 20, or they do not speak of the same samples and K, or one of them has
        no affinity of all pairs.
    """
    members = _members(store, runs)
    first = members[0]
    K, cut = first.result["n_clusters"], settled_params(first).get("assign_labels", "discretize")
    steps = count(1)

    def done(part: Any) -> Any:
        if progress is not None:
            progress(next(steps), len(members) + CUTS)
        return part

    with threads_of_a_run():
        A = affinity.consensus_affinity(done(square(store, run.id, "affinity")) for run in members)
        labeller = affinity.graph_labeller(A, K, assign_labels=cast(affinity.AssignLabels, cut))
        labellings = [done(labeller(seed)) for seed in range(CUTS)]
        labels = labellings[affinity.medoid(labellings)]
    final = store.files.arrays(first.id, "final", ("labels", "y", "nearest"))
    everyone = labels[final["nearest"].astype(np.int64)] if "nearest" in final else labels
    reference = numbered_labels(store.files.folder(first.id), final["labels"], final.get("y"))
    everyone = evaluation.cluster_numbers(reference, everyone)[everyone]
    scores = evaluation.evaluate(*evaluation.known(final["y"], everyone)) if "y" in final else {}
    scores["block_diagonality"] = evaluation.block_diagonality(A, labels)
    alone = {run.id: run.result["metrics"]["acc"] for run in members if "acc" in run.result["metrics"]}
    return {"labels": everyone, **picture(A, labels, pixels)}, {"scores": scores, "alone": alone}


def clusters_csv(labels: Sequence[int]) -> str:
    """One line for each sample: its number and its cluster."""
    return "\n".join(["sample,cluster", *(f"{sample},{cluster}" for sample, cluster in enumerate(labels)), ""])


def _members(store: RunStore, asked: Sequence[str]) -> list[Run]:
    """The runs, each once, by their seeds, if they can be averaged."""
    members = sorted((store.get(run) for run in set(asked)), key=lambda run: (run.spec.seed, run.id))
    if not 2 <= len(members) <= MOST_AGREEING:
        raise DataError(f"A consensus is of 2 to {MOST_AGREEING} runs. Got {len(members)}.")
    first = members[0]
    for run in members:
        if "n_clusters" not in run.result:
            raise DataError(f"The run {run.id} has no clusters (it is {run.status}).")
        for what, name in (("data", "fingerprint"), ("number of clusters", "n_clusters")):
            if run.result[name] != first.result[name]:
                raise DataError(f"The runs {first.id} and {run.id} differ in their {what}, so they cannot agree on one.")
    rows = [store.files.arrays(run.id, "final", ("rows",)).get("rows") for run in members]
    for run, own in zip(members, rows, strict=True):
        if (own is None) != (rows[0] is None) or (own is not None and not np.array_equal(own, cast(NDArray, rows[0]))):
            raise DataError(
                f"The runs {first.id} and {run.id} learnt C on other samples, so their affinities are not of the same pairs."
            )
    return members
