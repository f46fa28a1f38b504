"""Sparse coding over a dictionary, alone and smoothed over a graph, and K-SVD, which learns the dictionary.

Rows are samples: X (n, m) is approximated by A D, codes A (n, p) times atoms D (p, m) of unit norm. (TAGnet's paper has
samples as columns.)
"""

from __future__ import annotations

import warnings
from functools import partial
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from scipy.sparse.linalg import eigsh

from core.common import ParameterError
from core.solvers.greedy import pursuit_codes

Bound = Literal["safe", "paper"]


def soft_threshold(U: NDArray, theta: Any) -> NDArray:
    """h_theta(u) = sign(u) (|u| - theta)_+, entry by entry: u less what of it lies within +-theta."""
    return np.asarray(U - np.clip(U, -theta, theta))


def largest_eigenvalue(L: Any) -> float:
    """Of a symmetric matrix, dense or sparse."""
    if L.shape[0] < 20:
        return float(np.linalg.eigvalsh(L.toarray() if hasattr(L, "toarray") else L)[-1])
    start = np.random.default_rng(0).standard_normal(L.shape[0])
    return float(eigsh(L.astype(np.float64), k=1, which="LA", v0=start, return_eigenvectors=False)[0])


def step_bound(D: NDArray, L: Any = None, alpha: float = 0.0, bound: Bound = "safe") -> float:
    """N, whose inverse is the step of `GraphCoding.step`.

    The smooth part of the objective has a gradient with Lipschitz constant lmax(D D^T) + alpha lmax(L) ("safe"): with it the
    iteration never raises the objective. The paper takes lmax(D D^T) alone; where alpha lmax(L) exceeds it the iteration
    diverges.
    """
    largest = float(np.linalg.eigvalsh((D @ D.T).astype(np.float64))[-1])
    if bound == "paper" or L is None or alpha == 0:
        return largest
    return largest + alpha * largest_eigenvalue(L)


class GraphCoding:
    """Codes of given samples over given atoms: min_A 1/2 ||X - A D||_F^2 + lam sum |a_ij| + alpha/2 Tr(A^T L A).

    Its solutions are the fixed points of (Theorem 3.1)

        A <- h_(lam/N)[ A - (1/N) G(A) ],    G(A) = (A D - X) D^T + alpha L A = A (D D^T) - X D^T + alpha L A

    In the second form X and D stand only in products that do not change, so they are made here, once: a step then costs p^2
    operations a sample in place of 2 p m. G(A) is worked out by whoever needs it, as step, objective and conditions of a
    minimum can all be told from it.

    Parameters
    ----------
    X : (n, m)
    D : (p, m)
    L
        Anything with a product ``L @ A``; not asked for with alpha = 0.
    lam, alpha
        Weights of sparsity and graph.
    """

    def __init__(self, X: NDArray, D: NDArray, L: Any, *, lam: float, alpha: float) -> None:
        self.L, self.lam, self.alpha = L, lam, alpha
        self.gram: NDArray[np.float64] = D @ D.T
        self.drive: NDArray[np.float64] = X @ D.T
        self.energy = float(np.square(X).sum())

    def start(self) -> NDArray[np.float64]:
        """A = 0."""
        return np.zeros_like(self.drive)

    def gradient(self, A: NDArray) -> NDArray[np.float64]:
        """G(A), that of the smooth part of the objective."""
        G = A @ self.gram
        G -= self.drive
        if self.alpha:
            G += self.alpha * (self.L @ A)
        return G

    def step(self, A: NDArray, G: NDArray, N: float) -> NDArray[np.float64]:
        """A after one step of the iteration from where the gradient is G."""
        return soft_threshold(A - G / N, self.lam / N)

    def objective(self, A: NDArray, G: NDArray) -> float:
        """What is minimised; its quadratic part is 1/2 (||X||^2 + <A, G - X D^T>)."""
        quadratic = 0.5 * (self.energy + float((A * (G - self.drive)).sum()))
        return quadratic + self.lam * float(np.abs(A).sum())

    def optimality(self, A: NDArray, G: NDArray) -> float:
        """Largest violation of the conditions of a minimum: G = -lam sign(a) where a is not 0, within +-lam where it is."""
        violation = np.where(A == 0, np.maximum(np.abs(G) - self.lam, 0), np.abs(G + self.lam * np.sign(A)))
        return float(violation.max())


class KSVD:
    """K-SVD (Aharon, Elad and Bruckstein 2006), sweep by sweep.

    A sweep codes all samples by orthogonal matching pursuit with `n_nonzero` atoms each, then fits one atom after another,
    with its coefficients, to what the others leave of the samples that use it: one power iteration towards the leading
    singular pair of that residual, which lowers the error as the pair itself does and is far cheaper. An atom that no
    sample uses becomes the sample that is explained worst.

    Parameters
    ----------
    X : (n, m)
    n_atoms, n_nonzero
        p, and how many of them a sample may use.

    Attributes
    ----------
    D : (p, m)
        Atoms of unit norm; random samples before the first sweep.

    Raises
    ------
    ParameterError
        If there are fewer samples than atoms.
    """

    def __init__(self, X: NDArray, n_atoms: int, *, n_nonzero: int = 10, random_state: int = 0) -> None:
        if len(X) < n_atoms:
            raise ParameterError(f"'n_atoms' must be at most the number of samples, {len(X)}. Got {n_atoms} instead.")
        self.X = np.asarray(X, dtype=np.float64)
        self.n_nonzero = min(n_nonzero, n_atoms, X.shape[1])
        self._rng = np.random.default_rng(random_state)
        self.D = first_atoms(self.X, n_atoms, self._rng)

    def get_state(self) -> tuple[Any, Any]:
        return _kept(self.D), self._rng.bit_generator.state

    def set_state(self, state: tuple[Any, Any]) -> None:
        self.D = state[0].numpy().copy()
        self._rng.bit_generator.state = state[1]

    def codes(self) -> NDArray[np.float64]:
        """Codes (n, p) of all samples over the atoms as they are."""
        return pursuit_codes(self.X, self.D, self.n_nonzero)

    def sweep(self) -> float:
        """Code all samples, fit all atoms; returns the root mean squared error."""
        D, X, A = self.D, self.X, self.codes()
        error = X - A @ D
        for j in self._rng.permutation(len(D)):
            users = np.flatnonzero(A[:, j])
            if not len(users):
                worst = error[np.square(error).sum(axis=1).argmax()]
                D[j] = _unit(worst if worst.any() else self._rng.standard_normal(X.shape[1]))
                continue
            own = error[users] + np.outer(A[users, j], D[j])
            direction = own.T @ A[users, j]
            if direction.any():
                D[j] = _unit(direction)
            A[users, j] = own @ D[j]
            error[users] = own - np.outer(A[users, j], D[j])
        return float(np.sqrt(np.square(error).mean()))


class MiniBatchDictionary:
    """scikit-learn's online dictionary learning (Mairal et al. 2009) with the same face as `KSVD`."""

    def __init__(self, X: NDArray, n_atoms: int, *, lam: float = 0.1, random_state: int = 0) -> None:
        from sklearn.decomposition import MiniBatchDictionaryLearning

        self.X = np.asarray(X, dtype=np.float64)
        self.D = first_atoms(self.X, n_atoms, np.random.default_rng(random_state))
        self._learn = partial(
            MiniBatchDictionaryLearning, n_atoms, alpha=lam, batch_size=256, max_iter=1, random_state=random_state,
            transform_algorithm="lasso_lars", fit_algorithm="cd",
        )  # fmt: skip

    def get_state(self) -> tuple[Any]:
        return (_kept(self.D),)

    def set_state(self, state: tuple[Any]) -> None:
        self.D = state[0].numpy().copy()

    def sweep(self) -> float:
        """One pass over the samples; returns the root mean squared error of the fit."""
        from sklearn.exceptions import ConvergenceWarning

        with warnings.catch_warnings():  # a pass need not end at the optimum of its codes
            warnings.simplefilter("ignore", ConvergenceWarning)
            learner = self._learn(dict_init=self.D).fit(self.X)
        found = learner.components_
        used = np.square(found).sum(axis=1) > 0
        self.D = np.where(used[:, None], found / np.maximum(np.linalg.norm(found, axis=1, keepdims=True), 1e-12), self.D)
        return float(np.sqrt(np.square(self.X - learner.transform(self.X) @ found).mean()))


def first_atoms(X: NDArray, n_atoms: int, rng: np.random.Generator) -> NDArray:
    """Random samples as atoms of unit norm; directions at random in place of samples without length."""
    atoms = X[rng.choice(len(X), n_atoms, replace=False)].astype(np.float64)
    empty = np.square(atoms).sum(axis=1) == 0
    atoms[empty] = rng.standard_normal((int(empty.sum()), X.shape[1]))
    return np.stack([_unit(atom) for atom in atoms])


def _kept(D: NDArray) -> Any:
    """Atoms as a checkpoint holds arrays."""
    import torch

    return torch.from_numpy(D.copy())


def _unit(atom: Any) -> NDArray:
    return np.asarray(atom / np.linalg.norm(atom))
