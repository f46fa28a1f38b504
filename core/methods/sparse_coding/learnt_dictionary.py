"""The dictionary: samples as it sees them, and how its atoms are learnt.

Samples are vectors of unit norm about the mean sample: a threshold on codes means something only for unit signals and atoms,
and without the mean all atoms would look alike.
"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.common import ParameterError, Part, choice, flag, integer
from core.solvers import KSVD, MiniBatchDictionary
from core.training import Arrays, Stages, Step

DICTIONARY_GROUP = "Dictionary"
LEARNT_FROM = 5000  # samples at most that the dictionary is learnt from


@dataclass(frozen=True)
class Prepared:
    """Training samples as the dictionary sees them: (n, m) rows of unit norm, and what was taken off them for that."""

    rows: NDArray[np.float32]
    mean: NDArray[np.float32]
    norms: NDArray[np.float32]

    def like(self, X: NDArray) -> NDArray[np.float32]:
        """New samples (q, ...), prepared as these were."""
        return _of_unit_norm(_flat(X) - self.mean)

    def back(self, X_hat: NDArray) -> NDArray[np.float32]:
        """What the dictionary makes of the training samples, in their own scale."""
        return np.asarray(X_hat * self.norms[:, None] + self.mean, dtype=np.float32)


@dataclass(frozen=True, kw_only=True)
class LearntDictionary(Part):
    """Atoms that few of which make up every sample."""

    n_atoms: int = integer(
        128, symbol="p", low=2, high=10_000, soft=(16, 512), group=DICTIONARY_GROUP, help="Atoms of the dictionary."
    )
    dictionary: str = choice(
        "ksvd",
        symbol="D",
        choices=("ksvd", "minibatch"),
        group=DICTIONARY_GROUP,
        help="K-SVD, or scikit-learn's dictionary learning in mini-batches.",
    )
    n_nonzero: int = integer(
        10, symbol="T_0", low=1, high=1000, soft=(1, 50), group=DICTIONARY_GROUP, help="Atoms that a sample may use in K-SVD."
    )
    sweeps: int = integer(
        10, symbol="T_D", low=0, high=10_000, soft=(0, 50), group=DICTIONARY_GROUP,
        help="Passes that learn the dictionary; 0 takes random samples as atoms.",
    )  # fmt: skip
    centred: bool = flag(True, symbol=r"\bar x", group=DICTIONARY_GROUP, help="Take the mean sample off before all else.")

    def check(self, n: int) -> None:
        """Refuse more atoms than there are samples to make them of."""
        if n <= self.n_atoms:
            raise ParameterError(
                f"The 'n_atoms' parameter of {self.owner} must be less than the number of samples, {n}. "
                f"Got {self.n_atoms} instead."
            )

    def prepare(self, X: NDArray) -> Prepared:
        flat = _flat(X)
        mean = flat.mean(axis=0) if self.centred else np.zeros(flat.shape[1], dtype=np.float32)
        return Prepared(_of_unit_norm(flat - mean), mean, np.linalg.norm(flat - mean, axis=1))

    def recipe(self, random_state: int) -> dict[str, Any]:
        """What decides the atoms besides the data."""
        own = {"n_nonzero": self.n_nonzero} if self.dictionary == "ksvd" else {}
        named = {"dictionary": self.dictionary, "n_atoms": self.n_atoms, "sweeps": self.sweeps, "centred": self.centred}
        return {"part": "dictionary", **named, **own, "random_state": random_state}

    def learn(
        self, X: NDArray, stages: Stages, *, random_state: int, shown: bool = True
    ) -> Generator[Step, None, NDArray[np.float32]]:
        """The stage "dictionary": atoms (p, m) of samples (n, m), from some of them if they are many.

        Another run may have left them on the shelf.
        """
        rng = np.random.default_rng(random_state)
        if len(X) > LEARNT_FROM:
            X = X[np.sort(rng.choice(len(X), LEARNT_FROM, replace=False))]
        learner: Any = KSVD(X, self.n_atoms, n_nonzero=self.n_nonzero, random_state=random_state)
        if self.dictionary == "minibatch":
            learner = MiniBatchDictionary(X, self.n_atoms, random_state=random_state)

        def views() -> Arrays:
            return {"D": learner.D.astype(np.float32)} if shown else {}

        def sweep(_: int) -> tuple[dict[str, float], Arrays]:
            return {"reconstruction": learner.sweep()}, views()

        steps = stages.run("dictionary", self.sweeps, {"dictionary": learner}, sweep)
        yield from stages.shelved("dictionary", self.sweeps, self.recipe(random_state), steps, views, lambda: ({}, {}))
        return np.asarray(learner.D, dtype=np.float32)


def _flat(X: NDArray) -> NDArray[np.float32]:
    return np.asarray(X, dtype=np.float32).reshape(len(X), -1)


def _of_unit_norm(flat: NDArray[np.float32]) -> NDArray[np.float32]:
    norms = np.linalg.norm(flat, axis=1, keepdims=True)
    return np.asarray(flat / np.where(norms > 0, norms, 1), dtype=np.float32)
