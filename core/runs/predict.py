"""Labels for samples that a run has never seen, from what the run stored."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core import datasets, evaluation, methods
from core.common import DataError, stored_file
from core.datasets import Dataset, DataSpec
from core.graphs import nearest_of
from core.methods import Clusterer
from core.runs.store import RunStore


@dataclass(frozen=True)
class NewLabels:
    """Clusters of new samples.

    Attributes
    ----------
    data
        The new samples, scaled as those of the run.
    labels : (n_new,)
        Their clusters.
    nearest : (n_new,)
        The training sample with the nearest code; most methods take the cluster from it.
    distances : (n_new,)
        How far away it is, in the space of the codes.
    """

    data: Dataset
    labels: NDArray[np.int64]
    nearest: NDArray[np.int64]
    distances: NDArray[np.float64]

    def scores(self) -> dict[str, float]:
        """Scores against the classes of the new samples, if they have any."""
        return {} if self.data.y is None else evaluation.evaluate(*evaluation.known(self.data.y, self.labels))


def to_csv(labels: NDArray, nearest: NDArray, distances: NDArray) -> str:
    """One line for each new sample: its number, cluster, nearest training sample and the distance to it."""
    lines = enumerate(zip(labels.tolist(), nearest.tolist(), distances.tolist(), strict=True))
    rows = [f"{i},{cluster},{near},{distance:.6g}" for i, (cluster, near, distance) in lines]
    return "\n".join(["sample,cluster,nearest_training_sample,distance", *rows, ""])


def fitted(store: RunStore, run_id: str) -> Clusterer:
    """The method of a finished run as it was after `fit`.

    Raises
    ------
    DataError
        If the run ended without clusters.
    """
    run = store.get(run_id)
    cls = methods.method_class(run.spec.method)
    arrays = store.files.arrays(run_id, "final", ("labels", "Z", *cls.restored_from))
    if "labels" not in arrays:
        raise DataError(f"The run {run_id} has no clusters that new samples could take.")
    params: dict[str, Any] = {**run.spec.params, "n_clusters": run.result["n_clusters"], "random_state": run.spec.seed}
    method = methods.build(run.spec.method, **params)
    samples = datasets.load(run.spec.data).samples
    method.restore(samples, arrays, _weights(store, run_id))
    if "Z" not in arrays:  # features as the data set holds them are not stored again if they are many
        method.embedding_ = method.embed(samples)
    return method


def label_new(store: RunStore, run_id: str, spec: DataSpec) -> NewLabels:
    """Label the samples of a spec by a finished run, as `Clusterer.label_codes` of its method does.

    Raises
    ------
    DataError
        If the new samples have another shape than those of the run, or the run has no clusters.
    """
    method = fitted(store, run_id)
    data = datasets.load_like(spec, store.get(run_id).spec.data)
    codes = method.embed(data.samples)
    nearest = nearest_of(codes, method.embedding_)
    distances = np.linalg.norm(np.asarray(codes, dtype=np.float64) - method.embedding_[nearest], axis=1)
    return NewLabels(data, method.label_codes(codes), nearest, distances)


def _weights(store: RunStore, run_id: str) -> dict[str, Any]:
    path = store.files.folder(run_id) / "weights.safetensors"
    if not path.is_file():
        return {}
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    with stored_file(path):
        try:
            weights: dict[str, Any] = load_file(path)
        except SafetensorError as error:  # neither an OSError nor a ValueError
            raise ValueError(str(error)) from error
    return weights
