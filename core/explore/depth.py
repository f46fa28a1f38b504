"""Does depth pay here? One read-out of three things: ridge on the samples, ridge on the pretrained codes, and the trained C.

Each of them may win under a read-out of its own, so they are compared under one (Haeffele, You and Vidal, ICLR 2021).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core import datasets
from core.common import DataError
from core.explore.matrices import graphs_beside
from core.explore.readings import read, trained
from core.methods.parts.readout import LOOK_BEYOND, SAMPLES, AffinityReadout
from core.methods.parts.ridge_strength import ridge_without_labels
from core.runs import RunStore

MOST_SAMPLES = 5000  # that ridge expresses by one another
LEAST = 0.005  # of ACC: less is a handful of samples


def depth(
    store: RunStore, *, run: str, n_clusters: int, random_state: int, zero_diagonal: bool = False, **constants: Any
) -> tuple[dict[str, NDArray], dict[str, Any]]:
    """Read all three under the same constants; the strength of ridge is chosen without labels.

    Returns
    -------
    facts
        ``rows``, each with what it is ``of`` ("samples", "codes" or "trained"), what `core.explore.readings.read` tells, and
        of ridge its ``strength``. A run that did not keep its pretrained codes has no row of them. Where there are classes
        ``gain``, the ACC of the trained C less that of the better ridge, and ``chance``, what of it may be chance: twice its
        deviation over the seeds, and half a point at least.

    Raises
    ------
    DataError
        If the read-out does not look at C, C is not square, or there are too many samples for ridge.
    """
    readout, C = AffinityReadout(**constants), trained(store, run, zero_diagonal)
    if readout.affinity_by == "samples":
        raise DataError("The affinity 'samples' does not look at C, so there is nothing to compare. Choose another.")
    if len(C) > MOST_SAMPLES:
        raise DataError(f"Ridge is worked out for at most {MOST_SAMPLES:,} samples. The run {run} expresses {len(C):,}.")
    final = store.files.arrays(run, "final", ("rows", "Z_pretrained", "y", "nearest"))
    X = datasets.load(store.get(run).spec.data).samples
    rows = final.get("rows", np.arange(len(X))).astype(np.int64)
    beside = graphs_beside(str(store.home), run) if readout.left or readout.affinity_by in LOOK_BEYOND else {}
    of_samples = {name: graph for name, graph in beside.items() if name == SAMPLES}  # what knows nothing of the network
    how = {"n_clusters": n_clusters, "random_state": random_state}
    found = []
    for of, features, graphs in (("samples", X, of_samples), ("codes", final.get("Z_pretrained"), beside)):
        if features is not None:
            ridge, strength = ridge_without_labels(features[rows], n_clusters, random_state)
            found.append({"of": of, "strength": strength, **read(readout, ridge, graphs, final, **how)})
    own = {"of": "trained", **read(readout, C, beside, final, **how)}
    return {}, {"rows": [*found, own], "by": readout.affinity_by, **_gain(own, found)}


def _gain(own: Mapping[str, Any], ridges: list[dict[str, Any]]) -> dict[str, float]:
    if "acc" not in own:
        return {}
    best = max(ridges, key=lambda row: row["acc"])
    return {"gain": own["acc"] - best["acc"], "chance": max(LEAST, 2 * float(np.hypot(own["std"], best["std"])))}
