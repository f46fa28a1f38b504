"""The numbers under which people see the clusters of a run."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from core import evaluation
from core.common import unpacked
from core.runs.frames import frame_files


def numbered_labels(folder: Path, labels: NDArray, y: NDArray | None) -> NDArray[np.int64]:
    """The clusters of the run in a folder under the numbers that all its pictures use (`evaluation.cluster_numbers`)."""
    if y is not None:
        return evaluation.cluster_numbers(y, labels)[labels]
    files = frame_files(folder)
    for _, arrays in unpacked(files[-1].read_bytes()) if files else ():
        if len(arrays.get("labels", ())) == len(labels):
            return arrays["labels"].astype(np.int64)
    return np.asarray(labels, dtype=np.int64)
