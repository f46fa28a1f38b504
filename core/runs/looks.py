"""What is seen of a method while it trains: scores and alarms, taken from the arrays of a step.

Nothing here flows back into training.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
from numpy.linalg import LinAlgError
from numpy.typing import NDArray

from core import affinity, evaluation
from core.datasets import Dataset
from core.methods import Clusterer
from core.training import Arrays, to_host

LIVE_SILHOUETTE = 500
IDENTITY_MASS = 0.5
FEW = 0.5  # of the clusters
WORSE = 0.01  # of accuracy: less may be chance
SHRUNK = 0.1  # of the norm of the codes at the start: that alone makes the loss of self-expression a hundredth
BETTER = 0.5  # of the relative error at the start: below it, C has come to explain more, and that halved the loss at least


@dataclass(frozen=True)
class Alarm:
    """Something a user should know about a run: what was seen, and what to try."""

    kind: str
    message: str
    stage: str
    step: int

    def to_dict(self) -> dict[str, Any]:
        return {"kind": self.kind, "message": self.message, "stage": self.stage, "step": self.step}


@dataclass(frozen=True)
class View:
    """One look at a method: the host arrays of a step, and what can be read off them.

    The affinity may be sparse, and speaks of ``arrays["rows"]`` only where a method learnt from a part of the samples.
    """

    arrays: Mapping[str, Any]
    labels: NDArray[np.int64] | None = None
    affinity: Any = None
    scores: Mapping[str, float] = field(default_factory=dict)
    failure: str | None = None

    @property
    def rows(self) -> Any:
        """Which samples the affinity speaks of."""
        return self.arrays.get("rows", slice(None))

    @cached_property
    def factor(self) -> Any:
        """B of the graph B B^T that a method with anchors cuts in place of an affinity; None for other methods."""
        return anchor_factor(self.arrays) if self.affinity is None else None


def look(method: Clusterer, data: Dataset, arrays: Arrays, *, last: bool = False) -> View:
    """Read the clusters off the arrays of a step, the last of its stage or not, and score them."""
    from scipy.sparse.linalg import ArpackError  # not at the top: listing methods and runs stays quick

    host = to_host(arrays)
    if method.reads not in host or not _any(host[method.reads]):
        return View(host)
    try:
        found = method.reading_of(host)
        affinity, labels = found.affinity, found.labeller(method.random_state)
        if last:
            method.keep(found)
    except (ArpackError, LinAlgError) as error:  # a look that fails must not end the training
        return View(host, failure=str(error))
    return View(host, labels, affinity, score(data, host, labels, affinity, max_samples=LIVE_SILHOUETTE))


def concluded(method: Clusterer, data: Dataset, arrays: Arrays) -> View:
    """The state in which a method ended, scored, from the arrays of its steps."""
    host = to_host(arrays)
    affinity = getattr(method, "affinity_matrix_", None)
    return View(host, method.labels_, affinity, score(data, host, method.labels_, affinity))


def _any(value: Any) -> bool:
    return bool(value.count_nonzero() if hasattr(value, "tocoo") else np.any(value))


def against_classes(y: NDArray, arrays: Mapping[str, Any], labels: NDArray) -> dict[str, float]:
    """`metrics.evaluate`; of a method that learnt from ``arrays["rows"]`` also on the other samples, as ``rest_...``."""
    scores = evaluation.evaluate(*evaluation.known(y, labels))
    if "rows" in arrays:
        rest = np.setdiff1d(np.arange(len(y)), arrays["rows"])
        classes, clusters = evaluation.known(y[rest], labels[rest])
        if classes.size:  # equally many of each class may be all of them
            scores |= {f"rest_{name}": value for name, value in evaluation.evaluate(classes, clusters).items()}
    return scores


def against_columns(data: Dataset, clusterings: Mapping[str, NDArray]) -> list[dict[str, Any]]:
    """ACC and NMI of several clusterings against the classes and every further column of labels.

    Returns
    -------
    list of dict
        ``codes`` (what is clustered), ``clusters`` (how many), ``column`` (its name; None: the classes), ``acc`` and
        ``nmi_geometric``.
    """
    columns = [(None, data.y)] if data.y is not None else []
    found = []
    for column, y in [*columns, *((name, attribute.y) for name, attribute in data.attributes.items())]:
        for codes, labels in clusterings.items():
            scores = evaluation.evaluate(*evaluation.known(y, labels))
            about = {"codes": codes, "clusters": int(np.unique(labels).size), "column": column}
            found.append({**about, "acc": scores["acc"], "nmi_geometric": scores["nmi_geometric"]})
    return found


def expressed_labels(arrays: Mapping[str, Any], labels: NDArray) -> NDArray:
    """Clusters of the samples that C and the affinity speak of."""
    return labels[arrays["rows"]] if "rows" in arrays else labels


def anchor_factor(arrays: Mapping[str, Any]) -> Any:
    """B of such a graph, from the arrays of a step."""
    if "W" in arrays:
        return affinity.anchor_factor(arrays["W"])
    if "C" in arrays and affinity.form(arrays["C"]) == "anchors":
        return affinity.anchor_factor(affinity.anchor_affinities(arrays["C"]))
    return None


def score(
    data: Dataset,
    arrays: Mapping[str, Any],
    labels: NDArray,
    affinity: Any,
    *,
    max_samples: int = evaluation.SILHOUETTE_SAMPLES,
) -> dict[str, float]:
    """Scores of a clustering: against the classes if there are any, and without them always.

    The silhouette is that of the codes where the method has codes and of the data otherwise, on at most `max_samples`.
    """
    scores = against_classes(data.y, arrays, labels) if data.y is not None else {}
    silhouette = evaluation.silhouette(arrays.get("Z", data.X), labels, max_samples=max_samples)
    if silhouette is not None:
        scores["silhouette"] = silhouette
    factor = anchor_factor(arrays) if affinity is None else None
    if "C" in arrays and factor is None:
        scores["diagonal_mass"] = evaluation.diagonal_mass(arrays["C"])
    if affinity is not None:
        scores["block_diagonality"] = evaluation.block_diagonality(affinity, expressed_labels(arrays, labels))
    elif factor is not None:
        scores["block_diagonality"] = evaluation.factor_block_diagonality(factor, labels)
    if "unexplained" in arrays:
        rows = arrays.get("rows", slice(None))
        scores |= evaluation.code_signs(arrays["Z"][rows], arrays["Z_pretrained"][rows], arrays["unexplained"])
    return scores


def alarms(view: View, n_clusters: int, stage: str, step: int) -> list[Alarm]:
    """Signs of a collapsed solution."""
    found = []
    Z, C = view.arrays.get("Z"), view.arrays.get("C")
    if Z is not None and not np.any(Z):
        found.append(Alarm("zero codes", "Every code is zero: the network is dead. Lower the learning rate.", stage, step))
    elif Z is not None and float(Z.std(axis=0).max()) < 1e-6 * max(float(np.abs(Z).max()), 1e-12):
        text = "All samples have the same code. Lower gamma, or pretrain longer."
        found.append(Alarm("constant codes", text, stage, step))
    mass = 0.0 if C is None or affinity.form(C) == "anchors" else evaluation.diagonal_mass(C)
    if mass > IDENTITY_MASS:
        text = f"C is close to the identity: {mass:.0%} of its mass lies on the diagonal. Forbid the diagonal, or stop earlier."
        found.append(Alarm("identity", text, stage, step))
    if view.failure is not None:
        text = f"The clusters could not be read off: {view.failure}. Often the affinity has fallen apart."
        found.append(Alarm("no clusters", text, stage, step))
    if view.labels is not None and np.unique(view.labels).size < n_clusters:
        filled = np.unique(view.labels).size
        text = f"Only {filled} of {n_clusters} clusters hold samples: the solution has collapsed."
        found.append(Alarm("empty clusters", text, stage, step))
    if isinstance(view.affinity, np.ndarray) and (parts := affinity.pieces(view.affinity)) > n_clusters:
        text = (
            f"The affinity has fallen into {parts} parts that no weight joins, for {n_clusters} clusters: which of them belong "
            "together is chance. Keep more of C (threshold), or lower the power."
        )
        found.append(Alarm("fragments", text, stage, step))
    P = view.arrays.get("P")
    if P is not None and (effective := _effective_number(P.mean(axis=0))) < FEW * P.shape[1]:
        text = (
            f"The memberships gather in few clusters: {effective:.1f} of {P.shape[1]} by the entropy of their mean. "
            "Raise the balance, or lower the learning rate."
        )
        found.append(Alarm("few clusters", text, stage, step))
    return found


def _effective_number(shares: NDArray) -> float:
    """How many equal shares have the entropy of these."""
    p = shares[shares > 0] / shares.sum()
    return float(np.exp(-(p * np.log(p)).sum()))


def history_alarms(
    rescued: int, start: float | None, scores: Mapping[str, float], stage: str, step: int, *, unexplained: float | None = None
) -> list[Alarm]:
    """Signs that show in the course of a run.

    Parameters
    ----------
    rescued
        Batches so far whose orthonormalisation was rescued.
    start
        Accuracy at the end of pretraining; None until something else has been trained.
    unexplained
        Relative error of the self-expression when it was first looked at; None before. More than 1, which is that of C = 0,
        is the passing trouble of a C that has just begun.
    """
    found = []
    if rescued:
        text = (
            f"The outputs of the spectral head were linearly dependent in some batches ({rescued:,} so far), and their "
            "orthonormalisation had to be rescued. Take larger batches, lower the learning rate, or raise the balance."
        )
        found.append(Alarm("rescued", text, stage, step))
    if start is not None and scores.get("acc", start) < start - WORSE:
        text = (
            f"Training has made it worse than its start: ACC {start:.3f} with the pretrained codes, {scores['acc']:.3f} now "
            "(seen with the labels)."
        )
        found.append(Alarm("worse than its start", text, stage, step))
    norm, error = scores.get("code_norm", 1.0), scores.get("relative_error", 0.0)
    if unexplained is not None and norm < SHRUNK and error > BETTER * min(unexplained, 1.0):
        text = (
            f"The loss of self-expression fell because the codes shrank: their norm is {norm:.1%} of what it was at the start, "
            f"while C still leaves {error:.0%} of them unexplained. Lower the weight of the self-expression, or raise that of "
            "the reconstruction."
        )
        found.append(Alarm("shrunk codes", text, stage, step))
    return found
