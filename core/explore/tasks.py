"""Closer looks at a run that is over: questions with answers that are kept.

A question is a task with plain arguments; its answer is one .npz under ``<home>/cache`` named after the question. Pages
ask and poll, a separate process answers (`core.jobs.Analyst`), and nothing here changes a run.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import lru_cache
from time import perf_counter
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from core import affinity, datasets, evaluation, runs
from core.common import DataError
from core.explore.consensus import consensus
from core.explore.depth import depth
from core.explore.groups import clusters
from core.explore.matrices import NEIGHBORS_SHOWN, has_square, joined, matrix, recluster, square, stored_matrix
from core.explore.readings import readings
from core.explore.suggesting import suggest
from core.explore.unlabelled import unlabelled
from core.runs import Painter, Run, RunStore, Status, View, this_process

MAX_POINTS = 5000  # of a picture that nobody asked to be larger
MOST_POINTS = 70_000  # of a picture that somebody waits for, and that a browser draws
MAX_SQUARE = 5000
MAX_QUERIES = evaluation.MAX_QUERIES
MAX_RANK = max(evaluation.RANKS)
ENDS_SHOWN = 60
ANCHORS_SHOWN = 400
REFERENCES = ("kmeans", "spectral", "ridge")


def embedding(
    store: RunStore,
    *,
    run: str,
    source: str,
    kind: str,
    n_components: int,
    options: Mapping[str, Any],
    random_state: int,
    most: int = MAX_POINTS,
    progress: evaluation.Progress | None = None,
) -> tuple[dict[str, NDArray], dict[str, Any]]:
    """Project raw samples (``source="raw"``), stored codes (``"Z_pretrained"``, ``"Z"``) or the ``"spectral"`` embedding.

    With ``kind="code"`` the points are codes of two or three numbers as they are. Of more samples than `most`, 70,000 at
    the utmost, a random draw is taken.

    Returns
    -------
    arrays
        ``points`` and ``shown``, the number of the sample that each is of.
    facts
        ``projecting``: the seconds that the projection itself took; ``quality``: how far it can be believed
        (`evaluation.projection_quality`).
    """
    X, samples = _source(store, run, source)
    drawn = random_rows(len(X), min(most, MOST_POINTS), random_state)
    flat, shown = X[drawn].reshape(len(drawn), -1), samples[drawn]
    if kind == "code":
        if flat.shape[1] not in (2, 3):
            raise DataError(f"A code of {flat.shape[1]} numbers cannot be shown without a projection.")
        return {"points": flat.astype(np.float32), "shown": shown}, {"projecting": 0.0}
    evaluation.warm_up(kind)
    began = perf_counter()
    points = evaluation.project(
        flat, kind, n_components=n_components, options=options, random_state=random_state, progress=progress
    )
    facts: dict[str, Any] = {"projecting": perf_counter() - began}
    y = store.files.arrays(run, "final", ["test_y" if source == "test_Z" else "y"])
    facts["quality"] = evaluation.projection_quality(flat, points, *(classes[shown] for classes in y.values()))
    return {"points": points, "shown": shown}, facts


def _source(store: RunStore, run: str, source: str) -> tuple[NDArray, NDArray[np.int64]]:
    """What is to be projected, and the sample that each row is of."""
    if source == "spectral":
        cut = affinity.graph_cut(square(store, run, "affinity"), store.get(run).result["n_clusters"])
        rows = store.files.arrays(run, "final", ["rows"]).get("rows", np.arange(cut.n)).astype(np.int64)
        return cut.embedding, rows[cut.joined]
    X = datasets.load(store.get(run).spec.data).X if source == "raw" else _codes(store, run, source)
    return X, np.arange(len(X))


def random_rows(n: int, most: int, random_state: int = 0) -> NDArray[np.int64]:
    """At most so many of n samples, drawn at random, in their order."""
    return np.sort(np.random.default_rng(random_state).choice(n, min(n, most), replace=False))


def _codes(store: RunStore, run: str, name: str) -> NDArray:
    Z = store.files.arrays(run, "final", [name]).get(name)
    if Z is None:
        raise DataError(f"The run {run} has no codes named {name!r}.")
    return Z


def retrieval(store: RunStore, *, run: str, source: str, held_out: bool = False) -> tuple[dict[str, NDArray], dict[str, Any]]:
    """Nearest neighbours of every sample among the others, and where there are classes the curve of mAP@k.

    ``source`` is "raw" or "codes"; `held_out` takes the samples of the test part, among each other, in place of the
    training samples. Of more than 20,000 samples a random draw is taken, see `random_rows`.

    Returns
    -------
    arrays
        ``nearest`` (q, 12): the nearest samples of each that was drawn, by their number, without itself. ``curve``:
        mAP@1, mAP@2, ... (`metrics.average_precisions`).
    """
    if source == "raw":
        data = datasets.load(store.get(run).spec.data)
        part = data.test if held_out else data
        if part is None:
            raise DataError(f"The run {run} has no held-out samples.")
        Z, y = part.X, part.y
    else:
        Z = _codes(store, run, "test_Z" if held_out else "Z")
        y = store.files.arrays(run, "final", ["test_y", "y"]).get("test_y" if held_out else "y")
    shown = random_rows(len(Z), MAX_QUERIES)
    Z = Z[shown].reshape(len(shown), -1)
    k = min(NEIGHBORS_SHOWN + 1 if y is None else MAX_RANK, len(Z))
    lists, sums = [], np.zeros(k)
    partly = y is not None and bool((y[shown] < 0).any())
    for rows, nearest in evaluation.nearest_lists(Z, k):
        lists.append(nearest[:, 1 : NEIGHBORS_SHOWN + 1])
        if y is not None and not partly:
            sums += evaluation.summed_precisions(y[shown[nearest]] == y[shown[rows], None])
    found: dict[str, NDArray] = {"nearest": shown[np.concatenate(lists)].astype(np.int32)}
    if y is not None and partly:
        return found | _curve(Z, y[shown]), {}
    return found | ({} if y is None else {"curve": sums / len(Z)}), {}


def _curve(Z: NDArray, y: NDArray) -> dict[str, NDArray]:
    """mAP@k among the samples that have a label; nothing where none was drawn."""
    y, Z = evaluation.known(y, Z)
    return {"curve": evaluation.average_precisions(Z, y, min(MAX_RANK, len(y)))} if len(y) else {}


def anchors(store: RunStore, *, run: str) -> tuple[dict[str, NDArray], dict[str, Any]]:
    """What the stored graph S joins samples to: anchors, or each other.

    Returns
    -------
    arrays
        ``ends``, ``weights`` (n, at most 60): of each sample, by falling weight; -1 and 0 where there are no more.
        ``points``, ``shown``: some samples in the plane of the two leading principal components, and with anchors
        ``anchor_points`` in the same plane and ``order``: at most 400 anchors, those of a class (without classes: a
        cluster) side by side, by their first component. ``group`` (p,): the commonest class or cluster at each end.
    facts
        ``n_ends``, ``per_sample``, ``mean_weight``, ``unused`` and, where there are classes, ``purity``: the share of all
        weight that comes from the commonest class at each end.
    """
    S = stored_matrix(store, run, "S")
    if S is None:
        raise DataError(f"The run {run} has no graph over anchors or samples.")
    final = store.files.arrays(run, "final", ("anchors", "y", "labels"))
    ends, weights = strongest(S, ENDS_SHOWN)
    groups = final.get("y", final["labels"])
    mass = S.T @ (groups[:, None] == np.arange(groups.max() + 1)).astype(np.float32)  # (p, groups)
    group = np.asarray(mass.argmax(axis=1), dtype=np.int32)
    X = datasets.load(store.get(run).spec.data).X
    shown = random_rows(len(X), MAX_POINTS)
    centres = final.get("anchors", X[:0])
    points = evaluation.pca(np.concatenate([X[shown], centres]), 2).astype(np.float32)
    uses = np.bincount(S.indices, minlength=S.shape[1])
    facts: dict[str, Any] = {"n_ends": S.shape[1], "per_sample": S.nnz / len(X), "mean_weight": float(S.data.mean())}
    facts["unused"] = int((uses == 0).sum())
    if "y" in final:
        facts["purity"] = float(mass.max(axis=1).sum() / mass.sum()) if mass.sum() else 0.0
    found: dict[str, NDArray] = {
        "ends": ends,
        "weights": weights,
        "shown": shown,
        "points": points[: len(shown)],
        "group": group,
    }
    if "anchors" in final:
        most_used = np.sort(np.argsort(-uses, kind="stable")[:ANCHORS_SHOWN])
        places = points[len(shown) :]
        found["order"] = most_used[np.lexsort((places[most_used, 0], group[most_used]))]
        found["anchor_points"] = places
    return found, facts


def strongest(S: csr_array, most: int) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
    """The columns of the largest entries of each row, by falling value, and these; -1 and 0 where a row has fewer."""
    counts = np.diff(S.indptr)
    row = np.repeat(np.arange(S.shape[0]), counts)
    order = np.lexsort((-S.data, row))
    rank = np.arange(S.nnz) - np.repeat(S.indptr[:-1], counts)
    kept = rank < most
    width = min(most, int(counts.max(initial=0)))
    ends = np.full((S.shape[0], width), -1, dtype=np.int32)
    weights = np.zeros((S.shape[0], width), dtype=np.float32)
    ends[row[kept], rank[kept]] = S.indices[order][kept]
    weights[row[kept], rank[kept]] = S.data[order][kept]
    return ends, weights


def still(store: RunStore, *, run: str) -> tuple[dict[str, NDArray], dict[str, Any]]:
    """The last frame of a run that kept none: runs of an earlier version have no film."""
    record = store.get(run)
    names = ("labels", "Z", "P", "rows", "nearest")
    final = store.files.arrays(run, "final", names)
    if "labels" not in final:
        raise DataError(f"The run {run} ended before it had clusters.")
    arrays: dict[str, Any] = {name: final[name] for name in names[1:] if name in final}
    W, C = stored_matrix(store, run, "W"), stored_matrix(store, run, "C")
    anchored = W is not None or (C is not None and affinity.form(C) == "anchors")
    if anchored:
        arrays |= {"W": W} if W is not None else {"C": C}
    A = None if anchored or not has_square(store, run, C) else square(store, run, "affinity")
    view = View(arrays, final["labels"].astype(np.int64), A)
    frame = Painter(datasets.load(record.spec.data), record.result["n_clusters"]).paint(view)
    return frame, {"scores": dict(record.result["metrics"])}


def preview(store: RunStore, *, spec: Mapping[str, Any]) -> tuple[dict[str, NDArray], dict[str, Any]]:
    """The last frame of a run that is not recorded: what an instant method would do under a spec, to follow a knob.

    Facts are ``scores``, ``n_clusters`` and, where there are classes and a square C, ``in_classes``: the share of |C| that
    lies inside the true blocks, beside its diagonal. Where the method has no codes, ``points`` are the samples themselves.
    """
    asked = runs.RunSpec.from_dict(spec)
    ready = runs.prepare(asked, _data)
    method, data = ready.method, ready.data
    arrays: dict[str, Any] = {}
    for step in method.iter_fit(data.samples):
        arrays |= step.arrays
    view = runs.concluded(method, data, arrays)
    painter = Painter(data, method.K)
    frame = painter.paint(view)
    if "points" not in frame:
        frame |= painter.sketch(data.X)
    facts: dict[str, Any] = {"scores": dict(view.scores), "n_clusters": method.K}
    C = arrays.get("C")
    if data.y is not None and C is not None and C.shape == (data.n_samples,) * 2:
        known = np.flatnonzero(data.y >= 0)
        facts["in_classes"] = evaluation.block_diagonality(abs(C)[known][:, known], data.y[known])
    return frame, facts


@lru_cache(maxsize=2)
def _data(spec: datasets.DataSpec) -> datasets.Dataset:
    return datasets.load(spec)


def references(store: RunStore, *, run: str) -> tuple[dict[str, NDArray], dict[str, Any]]:
    """Run k-means, spectral clustering and ridge on the data of a run, unless that has been done or the run is such a one."""
    record = store.get(run)
    K = record.spec.params.get("n_clusters")
    made = {}
    for method in REFERENCES:
        if method == record.spec.method:
            continue
        known = reference_runs(store, record).get(method)
        if known is None:
            data = datasets.load(record.spec.data)
            if method != "kmeans" and data.n_samples > MAX_SQUARE:
                continue
            spec = runs.make_spec(method, record.spec.data, overrides={"n_clusters": K}, device="cpu", load=_data)
            known = store.create(spec, reference=True, owner=this_process())
            known = runs.execute(store, known.id)
        made[method] = known.id
    return {}, {"runs": made}


def reference_runs(store: RunStore, run: Run) -> dict[str, Run]:
    """The reference runs there are for the data and number of clusters of a run, by method."""
    K = run.spec.params.get("n_clusters")
    same = (
        other
        for other in store.runs()
        if other.reference and other.spec.data == run.spec.data and other.spec.params.get("n_clusters") == K
    )
    return {other.spec.method: other for other in same if other.status == Status.DONE}


def label_new(store: RunStore, *, run: str, data: Mapping[str, Any]) -> tuple[dict[str, NDArray], dict[str, Any]]:
    """Label new samples, given as a data spec, by a finished run."""
    new = runs.label_new(store, run, datasets.DataSpec.from_dict(data))
    return {"labels": new.labels, "nearest": new.nearest, "distances": new.distances}, {"scores": new.scores()}


_TASKS: Mapping[str, Callable[..., tuple[dict[str, NDArray], dict[str, Any]]]] = {
    "embedding": embedding, "matrix": matrix, "recluster": recluster, "references": references,
    "label_new": label_new, "retrieval": retrieval, "anchors": anchors, "still": still, "preview": preview, "joined": joined,
    "suggest": suggest, "unlabelled": unlabelled, "clusters": clusters, "depth": depth,
    "readings": readings, "consensus": consensus,
}  # fmt: skip
_TELLING = frozenset({"consensus", "embedding", "unlabelled"})
"""Tasks that tell how far they are, and can be stopped."""
