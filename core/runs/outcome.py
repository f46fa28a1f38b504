"""How a run ends: its scores with their spread, its arrays and weights."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.datasets import Dataset
from core.methods import Clusterer, repeated
from core.runs import heldout, looks
from core.runs.filming import Filming
from core.runs.handle import RunHandle
from core.runs.recorder import Recorder
from core.runs.retrieved import retrieval
from core.training import Stages, to_host

SPREAD_SEEDS = 10
MAX_VALUES = 20_000_000


def conclude(
    run: RunHandle, data: Dataset, method: Clusterer, arrays: Mapping[str, Any], stages: Stages,
    record: Recorder, filming: Filming,
) -> dict[str, Any]:  # fmt: skip
    """Score the final state, store what can be explored later, and return the result of the run.

    A run that was stopped before its method had anything to read clusters from ends without labels and scores.
    """
    host = to_host(arrays)
    stored = {"indices": np.arange(data.n_samples)} | _storable(host, method)
    if data.y is not None:
        stored["y"] = data.y
    result: dict[str, Any] = {"metrics": {}, "spread": {}}
    if hasattr(method, "labels_"):
        stored["labels"] = method.labels_
        view = looks.concluded(method, data, host)
        result = {"metrics": dict(view.scores), "spread": spread(method, data, host)}
        if taken := method.taken(host):
            result["taken"] = dict(taken)
        if data.partly_labelled:
            result["n_labelled"] = data.n_labelled
        side = method.side_labels(host)
        if side or data.attributes:
            result["columns"] = looks.against_columns(data, {**side, "result": method.labels_})
        if data.test is None and data.y is not None and "Z" in host:
            result["metrics"] |= retrieval(data.y, host["Z"])
        if data.test is not None:
            held_out, scores, repeats = heldout.assess(method, data.test)
            stored |= _storable(held_out, method)
            result["metrics"] |= scores
            result["spread"] |= {name: summarize(values) for name, values in repeats.items()}
        found = looks.alarms(view, method.clusters(data.X), "final", 1)
        record.alarms([*found, *record.history_alarms(view.scores, "final", 1)])
        record.consider(view.scores, "final", 1)
        filming.end(view)
    run.save_arrays("final", stored, shared=("Z_pretrained",) if method.learns == "deep" else ("Z", "test_Z"))
    _save_weights(run, stages)
    record.flush()
    return {**result, "params": method.get_params(), "n_clusters": method.n_clusters}


def spread(method: Clusterer, data: Dataset, arrays: Mapping[str, Any]) -> dict[str, Any]:
    """Mean and standard deviation of the scores when only the seed of the last step changes.

    Returns
    -------
    dict
        Score name to ``{mean, std, min, max, n}``; empty without labels.
    """
    if data.y is None:
        return {}
    found = repeated(method.labeller_, method.random_state, SPREAD_SEEDS)
    scores = [looks.against_classes(data.y, arrays, labels) for labels in found]
    return {name: summarize([s[name] for s in scores]) for name in scores[0]}


def summarize(values: list[float]) -> dict[str, float]:
    return {
        "mean": float(np.mean(values)),
        "std": float(np.std(values)),
        "min": min(values),
        "max": max(values),
        "n": len(values),
    }


def _storable(arrays: Mapping[str, Any], method: Clusterer) -> dict[str, NDArray]:
    """Arrays as .npz holds them.

    Floats as float32 and whole numbers as they are; a sparse matrix as its triplets and shape. Of reconstructions of very
    many values only those of samples at equal steps are kept, numbered in ``X_hat_rows``; very many features that a method
    without a network takes from the data as they are, are left out.
    """
    limits = {} if method.learns == "deep" else {"Z": 2 * MAX_VALUES, "test_Z": MAX_VALUES // 2}
    stored: dict[str, NDArray] = {}
    for name, value in arrays.items():
        if hasattr(value, "tocoo"):
            triplets = value.tocoo()
            row, col = (index.astype(np.int32) for index in (triplets.row, triplets.col))
            shape = np.array(triplets.shape, dtype=np.int64)
            stored |= {f"{name}.row": row, f"{name}.col": col, f"{name}.val": triplets.data, f"{name}.shape": shape}
        elif value.size <= limits.get(name, value.size):
            if name == "X_hat" and value.size > MAX_VALUES:
                rows = np.arange(0, len(value), -(-value.size // MAX_VALUES))
                stored["X_hat_rows"], value = rows, value[rows]
            whole = np.issubdtype(np.asarray(value).dtype, np.integer)
            stored[name] = np.asarray(value, dtype=None if whole else np.float32)
    return stored


def _save_weights(run: RunHandle, stages: Stages) -> None:
    weights = {name: value for name, value in stages.weights().items() if not name.startswith("representation.")}
    if weights:  # C is among the arrays of the run
        from safetensors.torch import save

        with run.writing("weights.safetensors") as file:
            file.write(save(weights))
