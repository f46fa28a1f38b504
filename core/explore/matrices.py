"""The matrices of a run: ordered and shrunk to be looked at, row by row, and cut again under other constants."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array, issparse

from core import affinity, datasets, evaluation, methods
from core.common import DataError
from core.explore.scene import class_groups
from core.methods.parts.readout import CODES, LOOK_BEYOND, SAMPLES, AffinityReadout
from core.plots.blocks import block_mean, cluster_order, factor_block_mean
from core.runs import Run, RunStore, numbered_labels, threads_of_a_run

NEIGHBORS_SHOWN = 12
CONSTANTS = (
    "affinity_by", "threshold", "dim", "power", "unit_diagonal", "symmetrize", "exponent", "kept_neighbors", "unit_rows",
    "smoothing",
)  # fmt: skip
"""Of the read-out of a dense C, but for how its graph is cut."""


def matrix(
    store: RunStore,
    *,
    run: str,
    which: str,
    order: str,
    pixels: int,
    clusters: list[int] | None = None,
    span: list[int] | None = None,
) -> tuple[dict[str, NDArray], dict[str, Any]]:
    """A square matrix of a run, ordered by cluster or class and shrunk.

    ``which`` is "C", "affinity", "prior", or "graph", the graph of the samples through anchors. The matrix speaks of the
    samples of the subset, if the run learnt from one. `clusters` takes only some of the groups, `span` only a part:
    rows from one position to another, then columns, each up to but not with its second number.
    """
    final = store.files.arrays(run, "final", ("labels", "y", "rows"))
    if ("y" if order == "class" else "labels") not in final:
        raise DataError(f"The run {run} has no labels to order by {order}.")
    by_class = order == "class"
    groups = class_groups(final["y"]) if by_class else numbered_labels(store.files.folder(run), final["labels"], final.get("y"))
    groups = groups[final["rows"].astype(np.int64)] if "rows" in final else groups
    return picture(square(store, run, which), groups, pixels, clusters, span), {}


@dataclass(frozen=True)
class _Product:
    """B B^T by its factor, an (n, n) matrix that is too large to be written down."""

    B: csr_array


def picture(
    A: Any, groups: NDArray, pixels: int, chosen: list[int] | None = None, span: list[int] | None = None
) -> dict[str, NDArray]:
    """A matrix ordered by `groups` and shrunk: ``blocks``, the ``order`` of its rows, their ``borders`` and ``groups``."""
    order, _ = cluster_order(groups)
    if chosen:
        order = order[np.isin(groups[order], chosen)]
    top, bottom, left, right = span or (0, len(order), 0, len(order))
    rows, columns = order[top:bottom], order[left:right]
    if span and min(len(rows), len(columns)) < 2:
        raise DataError(f"A part of the matrix must hold at least two samples of {len(order)}. Got the positions {span}.")
    _, borders = cluster_order(groups[rows])
    if isinstance(A, _Product):
        blocks = factor_block_mean(A.B, rows, pixels, columns)
    else:
        blocks = block_mean(abs(A), rows, pixels, columns)
    return {"blocks": blocks, "order": rows, "borders": borders, "groups": groups[rows]}


def joined(store: RunStore, *, run: str, sample: int) -> tuple[dict[str, NDArray], dict[str, Any]]:
    """The samples that one sample has the largest affinity with.

    Returns
    -------
    arrays
        ``nearest`` (k,), by falling ``weights`` (k,); fewer than 12 where it is joined to fewer.
    facts
        ``place``, the position of the sample in the matrix ordered by cluster, and its ``size``; None outside the subset.

    Raises
    ------
    DataError
        If the run has no affinity.
    """
    final = store.files.arrays(run, "final", ("labels", "y", "rows"))
    labels = numbered_labels(store.files.folder(run), final["labels"], final.get("y"))
    rows = final["rows"].astype(np.int64) if "rows" in final else np.arange(len(labels))
    where = np.flatnonzero(rows == sample)
    if not where.size:
        return {"nearest": np.zeros(0, dtype=np.int64), "weights": np.zeros(0, dtype=np.float32)}, {"place": None, "size": 0}
    weights = _affinities_of(store, run, int(where[0]))
    weights[where[0]] = 0
    best = np.argsort(-weights, kind="stable")[:NEIGHBORS_SHOWN]
    best = best[weights[best] > 0]
    order, _ = cluster_order(labels[rows])
    facts = {"place": int(np.flatnonzero(order == where[0])[0]), "size": len(rows)}
    return {"nearest": rows[best], "weights": weights[best].astype(np.float32)}, facts


def _affinities_of(store: RunStore, run: str, row: int) -> NDArray:
    """One row of the affinity, dense."""
    W, C = stored_matrix(store, run, "W"), stored_matrix(store, run, "C")
    if W is not None or (C is not None and affinity.form(C) == "anchors"):
        B: Any = _anchor_factor(str(store.home), run)
        return np.asarray((B @ B[[row]].T).toarray()).ravel()
    A = square(store, run, "affinity")
    return np.abs(A[row]).astype(np.float64) if isinstance(A, np.ndarray) else np.abs(A[[row]].toarray()).ravel()


def has_square(store: RunStore, run: str, C: Any) -> bool:
    """Whether the run has an affinity of all pairs of samples."""
    shows = methods.method_class(store.get(run).spec.method).shows
    return stored_matrix(store, run, "A") is not None or (C is not None and "affinity constants" in shows)


def settled_params(run: Run) -> dict[str, Any]:
    """Hyperparameters of a finished run, those that were left to the data as they were taken."""
    return methods.completed(run.spec.method, run.spec.params) | run.result.get("taken", {})


def square(store: RunStore, run: str, which: str) -> Any:
    record, home = store.get(run), str(store.home)
    if which == "prior":
        prior = stored_matrix(store, run, "prior")
        if prior is None:
            raise DataError(f"The run {run} has no prior graph.")
        return prior
    if which == "graph":
        return _Product(_anchor_factor(home, run))
    if which == "C":
        return full_representation(home, run)
    A = stored_matrix(store, run, "A")
    if A is not None:
        return A
    K, params = record.result["n_clusters"], settled_params(record)
    if "affinity constants" not in methods.method_class(record.spec.method).shows:
        raise DataError(f"The method {record.spec.method} has no affinity.")
    C = full_representation(home, run)
    method = methods.build(record.spec.method, **{**params, "n_clusters": K})
    if not issparse(C):
        return _affinity(store, run, n_clusters=K, **{name: getattr(method, name) for name in CONSTANTS})
    return method.affinity({"C": C})


def stored_matrix(store: RunStore, run: str, name: str) -> Any:
    """A matrix of the run, dense or sparse as it was; None if there is none of that name."""
    names = [f"{name}.{part}" for part in ("row", "col", "val", "shape")]
    found = store.files.arrays(run, "final", [name, *names])
    if name in found:
        return found[name]
    if names[0] not in found:
        return None
    if names[3] in found:
        n, columns = map(int, found[names[3]])
    else:  # as runs were stored before there were other than square ones
        n = columns = len(store.files.array(run, "final", "labels"))
    row, col, values = (found[part] for part in names[:3])
    return csr_array((values, (row, col)), shape=(n, columns))


@lru_cache(maxsize=2)
def representation(home: str, run: str) -> Any:
    C = stored_matrix(RunStore(home), run, "C")
    if C is None:
        raise DataError(f"The run {run} has no self-expression matrix.")
    return C


def full_representation(home: str, run: str) -> Any:
    """C (n, n), dense or sparse."""
    C = representation(home, run)
    if affinity.form(C) == "anchors":
        raise DataError(
            f"C of the run {run} expresses samples by {C.shape[1]:,} anchors, so it is not square and has no affinity; "
            "its graph through the anchors can be shown."
        )
    return C


@lru_cache(maxsize=2)
def _anchor_factor(home: str, run: str) -> csr_array:
    W = stored_matrix(RunStore(home), run, "W")
    if W is None:
        C = representation(home, run)
        if affinity.form(C) != "anchors":
            raise DataError(f"The run {run} has no anchors.")
        W = affinity.anchor_affinities(C)
    return affinity.anchor_factor(W)


@lru_cache(maxsize=3)
def _decomposition(
    home: str,
    run: str,
    threshold: float,
    symmetrize: affinity.Symmetrize,
    unit_diagonal: bool,
    zero_diagonal: bool,
    rank: int | None,
) -> affinity.Decomposition:
    """The costly link of the chain, kept while the sliders after it move; whole, or the leading pairs where a run has these.

    To the last bit what the run had: an affinity with more pieces than clusters is cut by its rounding errors.
    """
    C = full_representation(home, run)
    if issparse(C):
        raise DataError(f"C of the run {run} is sparse; its affinity is |C| and has no constants to change.")
    if zero_diagonal:
        C = C - np.diag(np.diagonal(C))
    return affinity.decompose(affinity.symmetrized(affinity.threshold_columns(C, threshold), symmetrize, unit_diagonal), rank)


@threads_of_a_run()
def _affinity(store: RunStore, run: str, *, n_clusters: int, zero_diagonal: bool = False, **constants: Any) -> Any:
    """The affinity of a dense C under other constants; what is costly in the published chain is kept for the next question."""
    readout, home = AffinityReadout(**constants), str(store.home)
    beside = graphs_beside(home, run) if readout.left or readout.affinity_by in LOOK_BEYOND else {}
    if readout.left:
        readout = readout.settled(full_representation(home, run), n_clusters, beside)
    if readout.affinity_by == "cosines":
        n = full_representation(home, run).shape[0]
        rank = affinity.kept_rank(n, n_clusters, cast(int, readout.dim))
        parts = _decomposition(
            home, run, readout.threshold, readout.symmetrize, readout.unit_diagonal, zero_diagonal,
            rank if affinity.is_small_share(rank, n) else None,
        )  # fmt: skip
        return affinity.affinity_from_decomposition(
            parts, n_clusters=n_clusters, dim=cast(int, readout.dim), power=readout.power,
            exponent=cast(float, readout.exponent), unit_rows=readout.unit_rows,
        )  # fmt: skip
    C = full_representation(home, run)
    if zero_diagonal:
        C = C - np.diag(np.diagonal(C))
    return readout.affinity(C, n_clusters, beside)


@lru_cache(maxsize=2)
def graphs_beside(home: str, run: str) -> Mapping[str, Any]:
    """The neighbours of the samples that C speaks of, and of their pretrained codes, of a run that kept none of them."""
    store = RunStore(home)
    found = {name: stored_matrix(store, run, name) for name in (SAMPLES, CODES)}
    kept = {name: graph for name, graph in found.items() if graph is not None}
    if kept:
        return kept
    X = datasets.load(store.get(run).spec.data).samples
    final = store.files.arrays(run, "final", ["rows", "Z_pretrained"])
    rows, Z = final.get("rows", np.arange(len(X))).astype(np.int64), final.get("Z_pretrained")
    return AffinityReadout(affinity_by="medoid").beside(X[rows], None if Z is None else Z[rows])


@lru_cache(maxsize=2)
def _coded(home: str, run: str) -> NDArray:
    """The codes of the samples that C speaks of, or these themselves where the method has no codes."""
    store = RunStore(home)
    final = store.files.arrays(run, "final", ["Z", "rows"])
    X = final["Z"] if "Z" in final else datasets.load(store.get(run).spec.data).samples
    return X[final["rows"].astype(np.int64)] if "rows" in final else X


def recluster(
    store: RunStore, *, run: str, n_clusters: int, assign_labels: affinity.AssignLabels, random_state: int, pixels: int,
    judged: bool = False, **constants: Any,
) -> tuple[dict[str, NDArray], dict[str, Any]]:  # fmt: skip
    """Cluster a stored, dense C again under other affinity constants, without training; `judged` by scores without labels."""
    A = _affinity(store, run, n_clusters=n_clusters, **constants)
    with threads_of_a_run():
        labels = affinity.spectral_labels(A, n_clusters, assign_labels=assign_labels, random_state=random_state)
    final = store.files.arrays(run, "final", ("y", "nearest"))
    everyone = labels[final["nearest"].astype(np.int64)] if "nearest" in final else labels
    scores = evaluation.evaluate(*evaluation.known(final["y"], everyone)) if "y" in final else {}
    scores["block_diagonality"] = evaluation.block_diagonality(A, labels)
    if judged:
        scores |= evaluation.scores_of_a_cut(A, labels, _coded(str(store.home), run), n_clusters)
    return {"labels": everyone, **picture(A, labels, pixels)}, {"scores": scores}
