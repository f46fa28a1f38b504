"""What the runs of a sweep are worth without labels, judged by measures that they share."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core import affinity, evaluation
from core.common import InvalidInput
from core.explore.matrices import has_square, square, stored_matrix
from core.runs import Run, RunStore

MOST = 2000
AT_FULL = 60  # runs; of more, fewer samples are taken, so that the time grows by the runs alone
FEWEST = 500
PART = 1000  # samples that are clustered again and again


def unlabelled(
    store: RunStore, *, runs: Sequence[str], progress: evaluation.Progress | None = None
) -> tuple[dict[str, NDArray], dict[str, Any]]:
    """Score every run by all, on at most 2,000 of the samples.

    A run that leaves clusters empty or tiny neither judges nor is judged: by such measures, codes that collapse are the best.

    Returns
    -------
    facts
        ``scores``: by run, those of ``pooled_silhouette``, ``stability`` and ``relative_eigengap`` that it has;
        ``n_samples``: on how many; ``left_out``: how many runs have empty or tiny clusters.

    Raises
    ------
    InvalidInput
        If the runs are of different data, so that their partitions are not of the same samples; or none has clusters.
    """
    records = [run for run in store.some(list(runs)).values() if "labels" in store.files.array_names(run.id, "final")]
    if not records or len({run.result["fingerprint"] for run in records}) > 1:
        raise InvalidInput(f"Runs are judged by each other on the same data. Got {len(records)} with clusters, on several.")
    n = int(records[0].result["n_samples"])
    most = int(np.clip(MOST * np.sqrt(AT_FULL / len(records)), FEWEST, MOST))
    drawn = np.sort(np.random.default_rng(0).choice(n, min(n, most), replace=False))
    there, records = len(records), [run for run in records if not _collapsed(store, run)]
    steps = 2 * len(records)
    labels = [store.files.arrays(run.id, "final", ["labels"])["labels"][drawn] for run in records]
    codes = [Z for run in records if (Z := _codes(store, run, drawn)) is not None]
    found: dict[str, dict[str, float | None]] = {run.id: {} for run in records}
    if codes:
        pooled = evaluation.pooled_silhouettes(codes, labels, progress and (lambda done, of: progress(done, steps)))
        for run, value in zip(records, pooled.tolist(), strict=True):
            found[run.id]["pooled_silhouette"] = value
    for place, (run, own) in enumerate(zip(records, labels, strict=True)):
        found[run.id] |= _by_itself(store, run, drawn, own)
        if progress is not None:
            progress(len(records) + place + 1, steps)
    scores = {run: {name: value for name, value in of.items() if value is not None} for run, of in found.items()}
    return {}, {"scores": scores, "n_samples": len(drawn), "left_out": there - len(records)}


def _collapsed(store: RunStore, run: Run) -> bool:
    labels = store.files.arrays(run.id, "final", ["labels"])["labels"]
    return evaluation.has_tiny_clusters(labels, int(run.result["n_clusters"]))


def _by_itself(store: RunStore, run: Run, drawn: NDArray, labels: NDArray) -> dict[str, float | None]:
    """Stability and eigengap of one run, by its affinity where it has one of all samples, else by its codes."""
    A, K = _affinity(store, run, drawn), int(run.result["n_clusters"])
    cluster = _by_codes(store, run, drawn, K) if A is None else _by_affinity(A, K, run)
    found: dict[str, float | None] = {}
    if cluster is not None:
        found["stability"] = evaluation.stability(cluster, min(len(drawn), PART))
    if A is not None:
        found["relative_eigengap"] = evaluation.relative_eigengap(A, labels)
    return found


def _by_affinity(A: NDArray, K: int, run: Run) -> Callable[[NDArray, int], NDArray]:
    how = run.spec.params.get("assign_labels", "kmeans")
    return lambda rows, seed: affinity.spectral_labels(A[np.ix_(rows, rows)], K, assign_labels=how, random_state=seed)


def _by_codes(store: RunStore, run: Run, drawn: NDArray, K: int) -> Callable[[NDArray, int], NDArray] | None:
    from sklearn.cluster import KMeans

    Z = _codes(store, run, drawn)
    return None if Z is None else lambda rows, seed: KMeans(K, n_init=3, random_state=seed).fit_predict(Z[rows])


def _codes(store: RunStore, run: Run, drawn: NDArray) -> NDArray | None:
    Z = store.files.arrays(run.id, "final", ["Z"]).get("Z")
    return None if Z is None else Z[drawn].reshape(len(drawn), -1)


def _affinity(store: RunStore, run: Run, drawn: NDArray) -> NDArray | None:
    """The affinity among the samples that were drawn; None where the run has none of all samples."""
    C, n = stored_matrix(store, run.id, "C"), int(run.result["n_samples"])
    if not has_square(store, run.id, C) or (C is not None and C.shape != (n, n)):
        return None
    A = square(store, run.id, "affinity")
    if A.shape[0] != n:
        return None
    part = A[drawn][:, drawn]
    return np.abs(part.toarray() if hasattr(part, "toarray") else part).astype(np.float64)
