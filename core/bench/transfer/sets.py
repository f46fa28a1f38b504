"""The data of the transfer benchmark: named sets as far as they are on this machine, tables of scikit-learn, made ones."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np

from core import datasets
from core.common import UnknownName
from core.datasets import Dataset, DataSpec

Read = Callable[[], Dataset | None]


def _named(name: str, n_samples: int | None = None, n_classes: int | None = None) -> Read:
    def read() -> Dataset | None:
        spec = DataSpec(name, n_samples=n_samples, n_classes=n_classes)
        return datasets.load(spec) if datasets.available(name) else None

    return read


def _table(name: str) -> Read:
    """A table of scikit-learn as a user would bring it: a file, each column on its own scale."""

    def read() -> Dataset:
        from sklearn import datasets as bundled

        bunch = getattr(bundled, f"load_{name}")()
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / f"{name}.npz"
            np.savez(file, X=bunch.data, y=bunch.target)
            return datasets.load(DataSpec(str(file), scaling="columns"))

    return read


def _made(name: str, **knobs: float) -> Read:
    return lambda: datasets.load(DataSpec(name, make=knobs))


SETS: Mapping[str, Read] = {
    "iris": _table("iris"),
    "wine": _table("wine"),
    "breast_cancer": _table("breast_cancer"),
    "subspaces": _made("subspaces", n_points=100, n_subspaces=6, dim=4, ambient=40, noise=0.05),
    "orl": _named("orl"),
    "yaleb_10": _named("yaleb", n_classes=10),
    "mnist_1000": _named("mnist_1000"),
    "coil20": _named("coil20"),
    "digits": _named("digits"),
    "usps_2000": _named("usps", n_samples=2000),
    "fashion_2000": _named("fashion_mnist", n_samples=2000),
    "rcv1_2000": _named("rcv1_10k", n_samples=2000),
    "yaleb": _named("yaleb"),
    "coil40": _named("coil40"),
}
"""By name, the small ones first; a set that is not on this machine reads as None."""
SMALL = tuple(SETS)[:7]


def read_set(name: str) -> Dataset | None:
    """One of `SETS`.

    Raises
    ------
    UnknownName
        If there is none of that name.
    """
    if name not in SETS:
        raise UnknownName("set of the transfer benchmark", name, SETS)
    return SETS[name]()
