"""Ridge self-expression: every sample as a linear combination of the others, in closed form.

min_C ||X - C X||_F^2 + lambda ||C||_F^2, rows of X are samples, G = X X^T:

- free diagonal: C = G (G + lambda I)^-1
- diag(C) = 0: with P = (G + lambda I)^-1, C_ij = -P_ij / P_ii for i != j (Lu et al., ECCV 2012, LSR1)

Row i of the latter is the ridge of sample i over all others, so with many samples it can be had over its k nearest
neighbours alone (sparse C), or with anchors A in place of X: C = X A^T (A A^T + lambda I)^-1.

There is no training, only one inverse. With the affinity constants of the deep subspace methods it comes close to them,
which is why it stands beside every run as a reference.
"""

from __future__ import annotations

from dataclasses import dataclass

from core.common import flag, held
from core.methods.parts import rules as parts
from core.methods.registry import register
from core.methods.shallow_subspace import rules
from core.methods.shallow_subspace.family import ShallowSubspace
from core.methods.shallow_subspace.scope import AnchorScope
from core.methods.shallow_subspace.solver import RidgeSolver


@dataclass(frozen=True, kw_only=True)
class LeastSquares(RidgeSolver):
    """Ridge, with the diagonal forbidden or free."""

    zero_diagonal: bool = flag(True, symbol=r"C_{ii}=0", help="Forbid a sample to explain itself.")

    def forbids_diagonal(self) -> bool:
        return self.zero_diagonal


@register
class Ridge(ShallowSubspace):
    """Closed-form self-expression with the affinity of the deep subspace methods."""

    name = "ridge"
    title = "Ridge self-expression"
    summary = "Explains every sample by the others in closed form: no training, a second of work, hard to beat."
    paper = "Lu et al., ECCV 2012 (LSR)"
    objective = r"\min_C\; \lVert X - CX \rVert_F^2 + \lambda \lVert C \rVert_F^2 \quad \text{s.t. } \mathrm{diag}(C) = 0"

    rules = (parts.readout_of_features, rules.strength)

    solver = held(LeastSquares)
    extent = held(AnchorScope)
