"""Laplacians of graphs, L = diag(c) - diag(r) W diag(r): the one place that says how they are normalised."""

from __future__ import annotations

from typing import Any, Literal, NamedTuple

import numpy as np
from scipy.sparse import csr_array, diags_array

Kind = Literal["unnormalized", "normalized", "plain"]


def scales(degrees: Any, kind: Kind, largest: Any = None) -> tuple[Any, Any]:
    """c and r of the Laplacian of a graph with the degrees d = W 1; arrays or tensors, as the degrees are.

    - "unnormalized", D - W: c = d and r = 1;
    - "normalized", I - D^-1/2 W D^-1/2: c = 1 and r = d^-1/2, and both 0 for a sample without neighbours;
    - "plain", (D - W) / max d: c = d / max d and r = (max d)^-1/2.

    Eigenvalues of the last two lie in [0, 2], whatever the graph.

    Parameters
    ----------
    largest
        max d, if it is not that of these degrees: they are of samples that are joined to a graph.
    """
    if kind == "unnormalized":
        return degrees, 0 * degrees + 1
    if kind == "plain":
        share = 1 / (degrees.max() if largest is None else largest).clip(min=1e-12)
        return share * degrees, 0 * degrees + share**0.5
    joined = degrees > 0
    return joined + 0 * degrees, joined * (degrees + ~joined) ** -0.5


def scaled(left: Any, W: csr_array, right: Any) -> csr_array:
    """diag(left) W diag(right)."""
    return csr_array(diags_array(left) @ W @ diags_array(right))


def laplacian(W: csr_array, kind: Kind = "unnormalized") -> csr_array:
    """The Laplacian of symmetric weights without a diagonal, sparse and positive semi-definite (see `scales`)."""
    c, r = scales(W.sum(axis=1), kind)
    return csr_array(diags_array(c) - scaled(r, W, r), dtype=np.float64)


class Beside(NamedTuple):
    """What a Laplacian does to codes of new samples, those of the graph's own samples given: z to c z - constant."""

    c: Any
    constant: Any

    def __matmul__(self, z: Any) -> Any:
        return self.c * z - self.constant


class Extension(NamedTuple):
    """How new samples hang together with those of a graph, without each other: L acts on their codes z like c z - M Z.

    Attributes
    ----------
    c : (q, 1)
    M : (q, n) sparse
        Z (n, p) are the codes of the samples of the graph.
    """

    c: Any
    M: Any

    def beside(self, Z: Any) -> Beside:
        return Beside(self.c, self.M @ Z)


def extension(joining: csr_array, W: csr_array, kind: Kind) -> Extension:
    """The Laplacian of a graph W for new samples that are joined to its samples by the weights `joining` (q, n)."""
    degrees = W.sum(axis=1)
    _, known = scales(degrees, kind)
    c, r = scales(joining.sum(axis=1), kind, largest=degrees.max())
    return Extension(c[:, None], scaled(r, joining, known))
