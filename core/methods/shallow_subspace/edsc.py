"""EDSC, efficient dense subspace clustering (Ji, Salzmann and Li, WACV 2014).

The squared norm alone already separates independent subspaces. Rows are samples, G = X X^T:

    min_C  ||C||_F^2 + 1/lambda ||X - C X||_F^2,   C = (G + lambda I)^-1 G

Nothing forbids the diagonal: the ridge moderates it, so a small lambda runs to C = I. What became standard is the paper's
affinity: cosines between the rows of the factor U S^(1/2) of C, sharpened by a power (`core.affinity.cut`).
"""

from __future__ import annotations

from core.common import held
from core.methods.parts.readout import AffinityReadout
from core.methods.registry import register
from core.methods.shallow_subspace.family import ShallowSubspace
from core.methods.shallow_subspace.scope import AnchorScope
from core.methods.shallow_subspace.solver import RidgeSolver


@register
class EDSC(ShallowSubspace):
    """Ridge self-expression with a free diagonal."""

    name = "edsc"
    title = "EDSC"
    summary = "Explains every sample by all of them, itself included, with a ridge; its affinity outlived it."
    paper = "Ji, Salzmann and Li, WACV 2014 (EDSC)"
    objective = r"\min_C\; \lVert C \rVert_F^2 + \frac1\lambda \lVert X - CX \rVert_F^2"

    solver = held(RidgeSolver, strength=1.0)
    readout = held(AffinityReadout, threshold=1.0)
    extent = held(AnchorScope)
