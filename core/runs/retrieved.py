"""mAP of codes, worked out once in a process for the same codes."""

from __future__ import annotations

import hashlib

import numpy as np
from numpy.typing import NDArray

from core import evaluation

MOST = 100  # sets of codes, a few numbers each
_known: dict[bytes, dict[str, float]] = {}


def retrieval(y: NDArray, Z: NDArray) -> dict[str, float]:
    """mAP of the codes of labelled samples, as `core.evaluation.retrieval` has it.

    Samples that no method changes are the same codes in every run on a data set: a sweep of a shallow method asks for
    theirs a single time.
    """
    y, codes = evaluation.known(y, Z)
    digest = hashlib.sha256(np.ascontiguousarray(y).data)
    digest.update(np.ascontiguousarray(codes).data)
    if (key := digest.digest()) not in _known:
        if len(_known) == MOST:
            _known.clear()
        _known[key] = evaluation.retrieval(codes, y)
    return dict(_known[key])
