"""Closer looks at a run that is over: questions with answers that are kept.

A question is a task with plain arguments; its answer is one .npz under ``<home>/cache`` named after the question. Pages
ask and poll, a separate process answers (`core.jobs.Analyst`), and nothing here changes a run.
"""

from __future__ import annotations

import hashlib
import json
import os
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core import datasets, execute, metrics, projections, spectral
from core.errors import AffinityLabError, DataError, UnknownName
from core.plots.blocks import block_mean, cluster_order
from core.processes import this_process
from core.runs import Run, RunStore, Status, atomic_write

KEPT_ANSWERS = 300
ERROR_SECONDS = 20.0
MAX_POINTS = 5000
MAX_SQUARE = 5000
REFERENCES = ("kmeans", "spectral", "ridge")


@dataclass(frozen=True)
class Question:
    """A task and its arguments, which must be plain data."""

    task: str
    arguments: Mapping[str, Any]

    def to_json(self) -> str:
        return json.dumps({"task": self.task, "arguments": dict(self.arguments)}, sort_keys=True)

    @classmethod
    def from_json(cls, plain: Mapping[str, Any]) -> Question:
        return cls(plain["task"], plain["arguments"])

    @property
    def key(self) -> str:
        return f"{self.task}-{hashlib.sha256(self.to_json().encode()).hexdigest()[:20]}"


@dataclass(frozen=True)
class Answer:
    """Arrays and facts; or an error in words; or neither yet, with the seconds waited so far."""

    arrays: Mapping[str, NDArray] = field(default_factory=dict)
    facts: Mapping[str, Any] = field(default_factory=dict)
    error: str | None = None
    pending: bool = False
    seconds: float = 0.0


def _path(store: RunStore, question: Question) -> Path:
    return store.home / "cache" / f"{question.key}.npz"


def read_answer(store: RunStore, question: Question) -> Answer | None:
    """The kept answer, or None."""
    path = _path(store, question)
    if not path.exists():
        return None
    with np.load(path, allow_pickle=False) as stored:
        arrays = {name: stored[name] for name in stored.files if name != "facts"}
        facts = json.loads(str(stored["facts"]))
    if "error" in facts and time.time() - path.stat().st_mtime > ERROR_SECONDS:
        path.unlink(missing_ok=True)  # what went wrong may have passed: worth another try
        return None
    if "error" not in facts:
        os.utime(path)  # the oldest unread answers are dropped first
    return Answer(arrays=arrays, facts=facts, error=facts.get("error"))


def answer(store: RunStore, question: Question) -> None:
    """Work a question out and keep the answer; a failure is an answer too."""
    if _path(store, question).exists():
        return
    started = time.perf_counter()
    arrays: Mapping[str, NDArray] = {}
    try:
        if question.task not in _TASKS:
            raise UnknownName("task", question.task, _TASKS)
        arrays, facts = _TASKS[question.task](store, **question.arguments)
    except AffinityLabError as error:
        facts = {"error": str(error)}
    except Exception as error:  # the asking page waits for an answer, whatever went wrong
        facts = {"error": f"{type(error).__name__}: {error}"}
    facts = {**facts, "seconds": time.perf_counter() - started}
    with atomic_write(_path(store, question)) as file:
        np.savez(file, allow_pickle=False, facts=np.array(json.dumps(facts)), **arrays)
    _prune(store.home / "cache")


def _prune(folder: Path) -> None:
    answers = sorted(folder.glob("*.npz"), key=lambda path: path.stat().st_mtime, reverse=True)
    for path in answers[KEPT_ANSWERS:]:
        path.unlink(missing_ok=True)


# ---- tasks -----------------------------------------------------------------------------------------------------------


def embedding(
    store: RunStore,
    *,
    run: str,
    source: str,
    kind: str,
    n_components: int,
    options: Mapping[str, Any],
    random_state: int,
) -> tuple[dict[str, NDArray], dict[str, Any]]:
    """Project the raw samples (``source="raw"``) or stored codes (``"Z_pretrained"``, ``"Z"``); at most 5,000 samples."""
    record = store.get(run)
    if source == "raw":
        X: NDArray | None = datasets.load(record.spec.data).X
    else:
        X = store.arrays(run, "final", [source]).get(source)
        if X is None:
            raise DataError(f"The run {run} has no codes named {source!r}.")
    assert X is not None
    rng = np.random.default_rng(random_state)
    shown = np.sort(rng.choice(len(X), min(len(X), MAX_POINTS), replace=False))
    flat = X[shown].reshape(len(shown), -1)
    points = projections.project(flat, kind, n_components=n_components, options=options, random_state=random_state)
    return {"points": points, "shown": shown}, {}


def matrix(
    store: RunStore, *, run: str, which: str, order: str, pixels: int, clusters: list[int] | None = None
) -> tuple[dict[str, NDArray], dict[str, Any]]:
    """A square matrix of a run, ordered by cluster or class and shrunk: ``which`` is "C", "affinity" or "prior"."""
    final = store.arrays(run, "final", ("labels", "y"))
    groups = final.get("y" if order == "class" else "labels")
    if groups is None:
        raise DataError(f"The run {run} has no labels to order by {order}.")
    return _picture(_square(store, run, which), groups, pixels, clusters), {}


def _picture(A: NDArray, groups: NDArray, pixels: int, chosen: list[int] | None) -> dict[str, NDArray]:
    order, _ = cluster_order(groups)
    if chosen:
        order = order[np.isin(groups[order], chosen)]
    _, borders = cluster_order(groups[order])
    return {"blocks": block_mean(np.abs(A), order, pixels), "order": order, "borders": borders, "groups": groups[order]}


def _square(store: RunStore, run: str, which: str) -> NDArray:
    record = store.get(run)
    if which == "prior":
        return _prior(store, run)
    if which == "C":
        return _representation(str(store.home), run)
    if "A" in store.array_names(run, "final"):
        return store.arrays(run, "final", ["A"])["A"]
    names = ("threshold", "dim", "power", "unit_diagonal", "symmetrize")
    constants = {name: record.spec.params[name] for name in names if name in record.spec.params}
    if len(constants) < len(names):
        raise DataError(f"The method {record.spec.method} has no affinity.")
    return _affinity(store, run, n_clusters=record.result["n_clusters"], **constants)


def _prior(store: RunStore, run: str) -> NDArray:
    parts = store.arrays(run, "final", ("prior.row", "prior.col", "prior.val", "labels"))
    if "prior.row" not in parts:
        raise DataError(f"The run {run} has no prior graph.")
    n = len(parts["labels"])
    dense = np.zeros((n, n), dtype=np.float32)
    dense[parts["prior.row"], parts["prior.col"]] = parts["prior.val"]
    return dense


@lru_cache(maxsize=2)
def _representation(home: str, run: str) -> NDArray:
    C = RunStore(home).arrays(run, "final", ["C"]).get("C")
    if C is None:
        raise DataError(f"The run {run} has no self-expression matrix.")
    return C


@lru_cache(maxsize=3)
def _decomposition(
    home: str, run: str, threshold: float, symmetrize: spectral.Symmetrize, unit_diagonal: bool, zero_diagonal: bool
) -> spectral.Decomposition:
    """The costly link of the chain, kept while the sliders after it move."""
    C = _representation(home, run)
    if zero_diagonal:
        C = C - np.diag(np.diagonal(C))
    return spectral.decompose(spectral.symmetrized(spectral.threshold_columns(C, threshold), symmetrize, unit_diagonal))


def _affinity(
    store: RunStore, run: str, *, n_clusters: int, threshold: float, dim: int, power: float, symmetrize: spectral.Symmetrize,
    unit_diagonal: bool, zero_diagonal: bool = False,
) -> NDArray:  # fmt: skip
    parts = _decomposition(str(store.home), run, threshold, symmetrize, unit_diagonal, zero_diagonal)
    return spectral.affinity_from_decomposition(parts, n_clusters=n_clusters, dim=dim, power=power)


def recluster(
    store: RunStore, *, run: str, n_clusters: int, assign_labels: spectral.AssignLabels, random_state: int, pixels: int,
    **constants: Any,
) -> tuple[dict[str, NDArray], dict[str, Any]]:  # fmt: skip
    """Cluster a stored C again under other affinity constants, without training."""
    A = _affinity(store, run, n_clusters=n_clusters, **constants)
    labels = spectral.spectral_labels(A, n_clusters, assign_labels=assign_labels, random_state=random_state)
    y = store.arrays(run, "final", ["y"]).get("y")
    scores = metrics.evaluate(y, labels) if y is not None else {}
    scores["block_diagonality"] = metrics.block_diagonality(A, labels)
    return {"labels": labels, **_picture(A, labels, pixels, None)}, {"scores": scores}


def references(store: RunStore, *, run: str) -> tuple[dict[str, NDArray], dict[str, Any]]:
    """Run k-means, spectral clustering and ridge on the data of a run, unless that has been done."""
    record = store.get(run)
    K = record.spec.params.get("n_clusters")
    made = {}
    for method in REFERENCES:
        known = reference_runs(store, record).get(method)
        if known is None:
            data = datasets.load(record.spec.data)
            if method != "kmeans" and data.n_samples > MAX_SQUARE:
                continue
            spec = execute.make_spec(method, record.spec.data, overrides={"n_clusters": K}, device="cpu")
            known = store.create(spec, reference=True, owner=this_process())
            known = execute.execute(store, known.id)
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


_TASKS: Mapping[str, Callable[..., tuple[dict[str, NDArray], dict[str, Any]]]] = {
    "embedding": embedding, "matrix": matrix, "recluster": recluster, "references": references,
}  # fmt: skip
