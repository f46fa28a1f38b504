"""EDSC, efficient dense subspace clustering (Ji, Salzmann and Li, WACV 2014).

The squared norm alone already separates independent subspaces. Rows are samples, G = X X^T:

    min_C  ||C||_F^2 + 1/lambda ||X - C X||_F^2,   C = (G + lambda I)^-1 G

Nothing forbids the diagonal: the ridge moderates it, so a small lambda runs to C = I. What became standard is the paper's
affinity: cosines between the rows of the factor U S^(1/2) of C, sharpened by a power (`core.affinity.cut`).
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from core.common import redeclared
from core.methods.contract import Preset
from core.methods.parts.readout import SelfExpressive, affinity_constants
from core.methods.registry import register
from core.methods.shallow_subspace.scalable import RidgeExpression
from core.solvers import Progress, ridge_representation

_WITH_LABELS = "lambda and the affinity were chosen with the labels, as in the papers of this family."


@register
class EDSC(RidgeExpression):
    """Ridge self-expression with a free diagonal."""

    name = "edsc"
    title = "EDSC"
    summary = "Explains every sample by all of them, itself included, with a ridge; its affinity outlived it."
    paper = "Ji, Salzmann and Li, WACV 2014 (EDSC)"
    objective = r"\min_C\; \lVert C \rVert_F^2 + \frac1\lambda \lVert X - CX \rVert_F^2"
    published = {"mnist_1000": 0.5650, "yaleb": 0.8814, "orl": 0.7038, "coil20": 0.8371, "coil40": 0.6870, "umist": 0.6937}
    presets = {
        "coil20": Preset(
            title="COIL-20", dataset="coil20", note=_WITH_LABELS,
            params={"strength": 20.0, **affinity_constants(16, 6, 0.04, True), "assign_labels": "cluster_qr"},
        ),
        "orl": Preset(
            title="ORL", dataset="orl", note=_WITH_LABELS,
            params={"strength": 1.0, **affinity_constants(3, 1.2, 0.2), "assign_labels": "cluster_qr"},
        ),
        "mnist_1000": Preset(
            title="MNIST-1000", dataset="mnist_1000", note=_WITH_LABELS,
            params={"strength": 3.0, **affinity_constants(4, 2, 0.12)},
        ),
        "coil40": Preset(
            title="COIL-40", dataset="coil40", note=_WITH_LABELS,
            params={"strength": 20.0, **affinity_constants(12, 8, 0.04, True), "assign_labels": "cluster_qr"},
        ),
        "digits": Preset(
            title="Digits", dataset="digits", note=_WITH_LABELS,
            params={"strength": 50.0, **affinity_constants(16, 6, 0.03, True)},
        ),
        "yaleb": Preset(
            title="Extended Yale B", dataset="yaleb", note=_WITH_LABELS,
            params={"strength": 0.03, **affinity_constants(9, 4, 1)},
        ),
    }  # fmt: skip

    strength: float = redeclared(RidgeExpression, "strength", 1.0)
    threshold: float = redeclared(SelfExpressive, "threshold", 1.0)

    def solve(self, X: NDArray[np.float64]) -> Iterator[Progress]:
        C = ridge_representation(X, self.strength, zero_diagonal=False)
        yield Progress(1, 1, {"residual": float(np.square(X - C @ X).sum())}, C)
