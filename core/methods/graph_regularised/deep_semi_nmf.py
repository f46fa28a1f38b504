r"""Deep semi-NMF (Trigeorgis, Bousmalis, Zafeiriou and Schuller, ICML 2014).

    min  1/2 ||X - H_L Z_L ... Z_1||_F^2    over Z_1 .. Z_L of any sign and H_L >= 0

with samples as rows (the paper has columns): X (n, m) of any sign, mixing matrices Z_l, codes of shrinking width. The stage
"pretrain" factorises layer by layer, H_(l-1) ~ H_l Z_l with H_0 = X and H_l >= 0, by semi-NMF (Ding, Li and Jordan, TPAMI
2010). It starts from the indicators of a k-means, to which it adds 0.2. The stage "finetune" lowers the error of all layers
together. With Psi_l = Z_l ... Z_1 and T_l = H_L Z_L ... Z_(l+1), the codes of layer l as the layers above make them,

    Z_l <- T_l^+ X Psi_(l-1)^+    for l = 1 .. L,
    H_L <- H_L * sqrt(([X Psi^T]^+ + H_L [Psi Psi^T]^-) / ([X Psi^T]^- + H_L [Psi Psi^T]^+)),    Psi = Psi_L

where A^+ is the pseudo-inverse, [A]^+ = (|A| + A) / 2 and [A]^- = (|A| - A) / 2. Semi-NMF is the case L = 1. No update raises
the error: each Z_l is the best one for the other factors, and for H_L it is Ding's theorem. The paper also updates
H_1 .. H_(L-1), by the same formula with Psi_l, to be read as attributes of the samples; nothing else depends on them once
"finetune" has begun, and they are left out here.

As widths shrink, the product Psi can be any matrix, as with a single layer, and a pass of "finetune" makes of H_L just what
one of semi-NMF would make of it: the layers matter by where they let it start.

At the end the rows of Psi are scaled to unit norm and the codes to match, as in NMF; the authors' program leaves them as they
are. k-means groups the codes. New samples get theirs by so many of the updates with Psi as it is. Arrays of a run have the
names that they have in NMF: Z for H_L, H for Psi.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.common import integer, sizes
from core.methods.contract import Cost
from core.methods.graph_regularised.factorization import Factorization, Factors
from core.methods.registry import register
from core.training import Stages, Step

OFFSET = 0.2  # what the start adds to the indicators of clusters
RANK = 1e-12  # a singular value that is smaller, relative to the largest, is rounding
TINY = 1e-200
UPDATES = 1000  # of the codes of new samples: the update is slow, and a code that is not yet one of the best has no meaning


@register
class DeepSemiNMF(Factorization):
    """Semi-non-negative matrix factorisation of several layers."""

    name = "deep_semi_nmf"
    title = "Deep semi-NMF"
    summary = "Writes samples as non-negative codes times mixing matrices of several layers, then groups the codes."
    paper = "Trigeorgis et al., ICML 2014"
    objective = r"\min_{Z_l,\, H_L \ge 0}\; \lVert X - H_L Z_L \cdots Z_1 \rVert_F^2"
    symbols = {
        "layer": r"\lVert H_{l-1} - H_l Z_l \rVert_F^2",
        "reconstruction": r"\lVert X - H_L Z_L \cdots Z_1 \rVert_F^2",
    }

    widths: tuple[int, ...] = sizes(
        (100,),
        symbol="d_l",
        low=1,
        high=2000,
        group="Objective",
        help="Length of the codes of each hidden layer, from the data on; no layer is wider than what it factorises.",
    )
    n_components: int | None = integer(
        None, symbol="d_L", low=1, high=2000, soft=(2, 200), optional=True, group="Objective", none_means="clusters",
        help="Length of the codes of the last layer, which are grouped; none takes the number of clusters.",
    )  # fmt: skip
    pretrain_iter: int = integer(
        100, symbol="T_0", low=1, high=100_000, soft=(10, 1000), group="Training", help="Updates of each layer by itself."
    )
    max_iter: int = integer(
        200, symbol="T", low=0, high=100_000, soft=(10, 1000), group="Training", help="Updates of all layers together."
    )

    @classmethod
    def cost(cls, shape: tuple[int, ...], params: Mapping[str, Any]) -> Cost:
        n, m = shape[0], int(np.prod(shape[1:]))
        d = sum(params["widths"]) + (params["n_components"] or params["n_clusters"] or 10)
        return Cost(matrices={"data": 8 * n * m, "factors": 8 * (n + m) * d})

    def factors(self, X: NDArray, stages: Stages) -> Generator[Step, None, Factors]:
        data = np.asarray(X, dtype=np.float64)
        H, layers = yield from self._layer_by_layer(data, stages)
        squares = float(np.square(data).sum())
        for iteration in range(self.max_iter):
            if stages.stopping:
                break
            H, layers = update(data, H, layers)
            parts = product(layers)
            scalars = {"reconstruction": error(data, H, parts, squares)}
            yield Step("finetune", iteration + 1, self.max_iter, scalars, {"Z": H * lengths(parts)})
        parts = product(layers)
        return Factors(H * lengths(parts), parts / np.maximum(lengths(parts), TINY)[:, None])

    def _layer_by_layer(self, data: NDArray, stages: Stages) -> Generator[Step, None, tuple[NDArray, list[NDArray]]]:
        """The stage "pretrain": H_L, and Z_1 to Z_L or as far as a stop lets it go."""
        widths = (*self.widths, self.n_components or self.K)
        total = len(widths) * self.pretrain_iter
        H, layers = data, []
        for layer, width in enumerate(widths):
            below, H = H, start(H, min(width, *H.shape), self.random_state)
            squares = float(np.square(below).sum())
            for iteration in range(self.pretrain_iter):
                H, (Z,) = update(below, H, [np.empty((H.shape[1], below.shape[1]))])
                done = layer * self.pretrain_iter + iteration + 1
                yield Step("pretrain", done, total, {"layer": error(below, H, Z, squares)}, {"Z": H})
                if stages.stopping:
                    break
            layers.append(Z)
            if stages.stopping:  # the layers so far have codes too
                break
        return H, layers

    def embed(self, X: NDArray) -> NDArray:
        """Codes by `UPDATES` updates of each sample, (n, d): of training samples too, for they live among new ones."""
        flat = np.asarray(X, dtype=np.float64).reshape(len(X), -1)
        parts = self.parts_.astype(np.float64)
        free = flat @ inverse(parts)
        H = np.maximum(free, 0) + OFFSET * np.abs(free).mean(axis=1, keepdims=True)
        target, gram = flat @ parts.T, parts @ parts.T
        for _ in range(UPDATES):
            H = update_codes(H, target, gram)
        return H


def start(X: NDArray, d: int, random_state: int) -> NDArray:
    """The codes (n, d) that semi-NMF of X starts from: 1.2 at the cluster of a sample by k-means, 0.2 elsewhere."""
    from sklearn.cluster import KMeans

    return np.eye(d)[KMeans(d, n_init=1, random_state=random_state).fit_predict(X)] + OFFSET


def update(X: NDArray, H: NDArray, layers: Sequence[NDArray]) -> tuple[NDArray, list[NDArray]]:
    """One pass over all factors: Z_1 to Z_L, each by least squares, then H_L.

    Parameters
    ----------
    X : (n, m)
    H : (n, d_L)
    layers
        Z_1 to Z_L; of Z_1 only the shape counts.

    Returns
    -------
    (n, d_L) array, list
        H_L and Z_1 to Z_L.
    """
    Q, R = np.linalg.qr(H)  # T_l = Q R M_l with orthonormal columns of Q, so T_l^+ X = (R M_l)^+ (Q^T X)
    seen = Q.T @ X
    above = [R]
    for Z in reversed(layers[1:]):
        above.append(above[-1] @ Z)
    renewed: list[NDArray] = []
    Psi: NDArray | None = None
    for T in reversed(above):
        Z = inverse(T) @ seen
        if Psi is not None:
            Z = Z @ inverse(Psi)
        Psi = Z if Psi is None else Z @ Psi
        renewed.append(Z)
    assert Psi is not None
    return update_codes(H, X @ Psi.T, Psi @ Psi.T), renewed


def update_codes(H: NDArray, target: NDArray, gram: NDArray) -> NDArray:
    """Ding's update of codes H (n, d) >= 0, from X Psi^T (n, d) and Psi Psi^T (d, d); every row by itself."""
    up = np.maximum(target, 0) + H @ np.maximum(-gram, 0)
    down = np.maximum(-target, 0) + H @ np.maximum(gram, 0)
    return np.asarray(H * np.sqrt(up / np.maximum(down, TINY)))


def inverse(A: NDArray) -> NDArray:
    """The pseudo-inverse, by singular values; hidden layers are wider than the rank of what passes through them."""
    return np.linalg.pinv(A, rcond=RANK)


def product(layers: Sequence[NDArray]) -> NDArray:
    """Psi = Z_L ... Z_1, from Z_1 to Z_L."""
    Psi = layers[0]
    for Z in layers[1:]:
        Psi = Z @ Psi
    return Psi


def lengths(parts: NDArray) -> NDArray:
    return np.asarray(np.linalg.norm(parts, axis=1))


def error(X: NDArray, H: NDArray, Psi: NDArray, squares: float) -> float:
    """||X - H Psi||_F^2, from `squares` = ||X||_F^2 and the small products; 0 where rounding would make it negative."""
    return max(squares - 2 * float(np.sum((H.T @ X) * Psi)) + float(np.sum((H.T @ H) * (Psi @ Psi.T))), 0.0)
