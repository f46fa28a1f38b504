"""The ablation of DSCDAN (its Table 4): what each part of the objective adds, over seeds, beside the paper's numbers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from core import datasets, evaluation, methods
from core.affinity import embedded_labels, spectral_labels
from core.common import ParameterError
from core.datasets import DataSpec
from core.papers import table
from core.training import to_host

ROWS: dict[str, dict[str, bool]] = {
    "ConvAE": {"relative_reconstruction": False, "mutual_information": False},
    "ConvAE+MI": {"relative_reconstruction": False, "mutual_information": True},
    "ConvAE+RS": {"relative_reconstruction": True, "mutual_information": False},
    "ConvAE+MI+RS": {"relative_reconstruction": True, "mutual_information": True},
}
LAST = "ConvAE+MI+RS+SN"
TABLE = "dscdan/table4"


def bench_ablation(
    dataset: str = "mnist_test",
    *,
    n_samples: int | None = None,
    preset: str = "auto",
    seeds: Sequence[int] = (0, 1, 2),
    changes: Mapping[str, Any] | None = None,
) -> list[dict[str, Any]]:
    """Accuracy and NMI of every row of the ablation, mean and deviation over seeds, with `changes` of the preset.

    The paper does not say how the rows before the last are clustered. Here by two rules: k-means on the codes, and the
    normalised cut of their 3-neighbour graph. The last row reads the labels as the preset says.

    Returns
    -------
    list of dict
        ``row``, ``labels`` (the rule), ``acc``, ``acc_std``, ``nmi``, ``nmi_std``, ``seeds``, and ``paper``, the published
        ACC, or None.

    Raises
    ------
    ParameterError
        Without seeds.
    """
    if not seeds:
        raise ParameterError("'seeds' must hold at least one number. Got none.")
    data = datasets.load(DataSpec(dataset, n_samples=n_samples))
    if data.y is None:
        raise ParameterError(f"The ablation needs classes. The data set {dataset!r} has none.")
    chosen = methods.preset_for("dscdan", dataset, preset)[1]
    params = {**(chosen.params if chosen else {}), **(changes or {}), "n_clusters": data.n_classes}
    found: dict[tuple[str, str], list[tuple[float, float]]] = {}
    for seed in seeds:
        for name, switches in ROWS.items():
            full = name == "ConvAE+MI+RS"
            method = methods.build("dscdan", **{**params, **switches, "spectral_stage": full}, random_state=seed)
            for row, rule, labels in _readings(method, data.samples, name):
                scores = evaluation.evaluate(*evaluation.known(data.y, labels))
                found.setdefault((row, rule), []).append((scores["acc"], scores["nmi_max"]))
    order, paper = [*ROWS, LAST], _published(dataset) if n_samples is None else {}
    return [
        _summary(row, rule, found[row, rule], paper.get(row))
        for row, rule in sorted(found, key=lambda key: order.index(key[0]))
    ]


def _published(dataset: str) -> dict[str, float]:
    """ACC of the table by row; empty for data that it does not have."""
    printed = table(TABLE)
    labels = [column.label for column in printed.columns if column.data == {"name": dataset}]
    return {row.label: printed.fraction(row.values[label]["ACC"]) for row in printed.rows for label in labels}


def _readings(method: Any, X: NDArray, name: str) -> Iterator[tuple[str, str, NDArray]]:
    """Row, rule and labels: of the pretrained codes by both rules, and of the spectral stage where there is one."""
    from core.methods.deep_spectral.heads import neighbors_of

    last = list(method.iter_fit(X))[-1]
    host = to_host(last.arrays)
    Z = np.ascontiguousarray(host.get("Z_pretrained", host["Z"]))
    if method.spectral_stage:
        yield LAST, method.labels, method.labels_
    yield name, "k-means", embedded_labels(Z, method.n_clusters, random_state=method.random_state)
    graph = neighbors_of(torch.from_numpy(Z))
    yield (
        name,
        "3-neighbour cut",
        spectral_labels(graph, method.n_clusters, assign_labels="kmeans", random_state=method.random_state),
    )


def _summary(row: str, rule: str, scores: list[tuple[float, float]], paper: float | None) -> dict[str, Any]:
    (acc, nmi), (acc_std, nmi_std) = np.mean(scores, axis=0), np.std(scores, axis=0)
    return {
        "row": row, "labels": rule, "acc": float(acc), "acc_std": float(acc_std), "nmi": float(nmi), "nmi_std": float(nmi_std),
        "seeds": len(scores), "paper": paper,
    }  # fmt: skip
