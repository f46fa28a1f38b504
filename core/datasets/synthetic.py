"""Data sets with a known truth, made from a seed: what they are called, their knobs, and how they are made."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.common import DataError, Param, ParameterError
from core.datasets.checks import MAX_BYTES
from core.datasets.raw import Attribute, RawData
from core.datasets.subspaces import subspace_bases, subspace_points

Knobs = Mapping[str, Any]
Labelled = tuple[NDArray[Any], NDArray[Any]]

_AS_IT_IS = (0.0, 1.0)
"""The range of the scaling ``unit``: coordinates about an origin are no brightness, so they stay as they were made."""


@dataclass(frozen=True)
class Maker:
    """How a data set is made.

    Attributes
    ----------
    knobs
        What can be set, by name. Their defaults are part of stored specs and never change.
    make
        From the value of every knob and a seed to samples and classes.
    """

    knobs: Mapping[str, Param]
    make: Callable[[Knobs, int], RawData]

    def values(self, given: Knobs) -> dict[str, Any]:
        """The value of every knob."""
        return {name: given.get(name, knob.default) for name, knob in self.knobs.items()}


def _whole(name: str, default: int, low: int, high: int, soft: tuple[int, int], symbol: str, help: str) -> Param:
    return Param(name=name, kind="integer", default=default, low=low, high=high, soft=soft, symbol=symbol, help=help)


def _real(name: str, default: float, low: float, high: float, soft: tuple[float, float], symbol: str, help: str) -> Param:
    return Param(name=name, kind="real", default=default, low=low, high=high, soft=soft, symbol=symbol, help=help)


def _noise(default: float, high: float) -> Param:
    return _real(
        "noise", default, 0, 10, (0, high), r"\sigma", "Standard deviation of the Gaussian noise on every value."
    )  # fmt: skip


_POINTS = _whole("n_points", 300, 10, 20_000, (50, 1000), "n", "Number of points in all.")


def _subspaces(knobs: Knobs, seed: int) -> RawData:
    n_points, size = knobs["n_points"], knobs["n_subspaces"] * knobs["n_points"] * knobs["ambient"]
    if size * 8 > MAX_BYTES:
        raise DataError(f"So many points would take {size * 8 / 2**30:.1f} GB; at most {MAX_BYTES / 2**30:g} GB are allowed.")
    random = np.random.default_rng(seed)
    bases = subspace_bases(knobs["n_subspaces"], knobs["dim"], knobs["ambient"], knobs["angle"], random)
    X, y, outlying = subspace_points(bases, n_points, knobs["noise"], knobs["outliers"], random)
    X[random.random(X.shape) < knobs["missing"]] = 0  # drawn last: without any, the points are what they were
    raw = _plain(X, y)
    marked = Attribute(outlying.astype(np.int64), ("no", "yes"))
    return replace(raw, attributes={"outlier": marked}) if outlying.any() else raw


def _moons(knobs: Knobs, seed: int) -> RawData:
    from sklearn.datasets import make_moons

    X, y = make_moons(knobs["n_points"], noise=knobs["noise"], random_state=_state(seed))
    return _plain(X, y)


def _circles(knobs: Knobs, seed: int) -> RawData:
    from sklearn.datasets import make_circles

    X, y = make_circles(knobs["n_points"], noise=knobs["noise"], factor=knobs["factor"], random_state=_state(seed))
    return _plain(X, y)


def _blobs(knobs: Knobs, seed: int) -> RawData:
    from sklearn.datasets import make_blobs

    X, y = make_blobs(
        knobs["n_points"], n_features=knobs["n_features"], centers=knobs["n_blobs"], cluster_std=knobs["spread"],
        random_state=_state(seed),
    )  # fmt: skip
    return _plain(X, y)


def _spirals(knobs: Knobs, seed: int) -> RawData:
    """Arms of Archimedes' spiral, points at even steps along the angle's square root, which is about even along the arm."""
    random, arms = np.random.default_rng(seed), knobs["n_arms"]
    y = np.arange(knobs["n_points"]) % arms
    radius = np.sqrt(random.uniform(0.02, 1, len(y)))
    angle = 2 * np.pi * (knobs["turns"] * radius + y / arms)
    X = radius[:, None] * np.stack([np.cos(angle), np.sin(angle)], axis=1)
    return _plain(X + knobs["noise"] * random.standard_normal(X.shape), y)


def _planes(knobs: Knobs, seed: int) -> RawData:
    """Squares of side two on affine planes in three dimensions, each turned at random and pushed along its normal."""
    random, y = np.random.default_rng(seed), np.arange(knobs["n_points"]) % knobs["n_planes"]
    frames = np.linalg.qr(random.standard_normal((knobs["n_planes"], 3, 3)))[0]
    flat = random.uniform(-1, 1, (len(y), 2))
    X = np.einsum("nij,nj->ni", frames[y][:, :, :2], flat) + knobs["offset"] * frames[y][:, :, 2]
    return _plain(X + knobs["noise"] * random.standard_normal(X.shape), y)


def _swiss_roll(knobs: Knobs, seed: int) -> RawData:
    """scikit-learn's roll; its classes are parts of equal size along the band."""
    from sklearn.datasets import make_swiss_roll

    X, along = make_swiss_roll(knobs["n_points"], noise=knobs["noise"], hole=bool(knobs["holes"]), random_state=_state(seed))
    y = np.empty(len(X), dtype=np.int64)
    y[np.argsort(along, kind="stable")] = np.arange(len(X)) * knobs["n_parts"] // len(X)
    return _plain(X, y)


def _plain(X: NDArray[Any], y: NDArray[Any]) -> RawData:
    classes = tuple(str(number) for number in range(1, int(y.max()) + 2))
    return RawData(X.astype(np.float32), y.astype(np.int64), None, classes, range=_AS_IT_IS)


def _state(seed: int) -> np.random.RandomState:
    """The generator that scikit-learn takes, of a seed that may be longer than its own."""
    return np.random.RandomState(np.random.MT19937(np.random.SeedSequence(seed)))


def _by_name(*knobs: Param) -> dict[str, Param]:
    return {knob.name: knob for knob in knobs}


MAKERS: Mapping[str, Maker] = {
    "subspaces": Maker(
        _by_name(
            _whole("n_subspaces", 3, 2, 50, (2, 8), "K", "Number of subspaces."),
            _whole("dim", 2, 1, 100, (1, 8), "d", "Dimension of each subspace."),
            _whole("ambient", 10, 2, 5_000, (4, 60), "m", "Dimension of the space around: at least K times d."),
            _real("angle", 60.0, 0.1, 90, (1, 90), r"\theta", "Every principal angle between any two subspaces, in degrees."),
            _whole("n_points", 60, 4, 20_000, (10, 200), "n/K", "Points on each subspace."),
            _noise(0.02, 0.4),
            _real("outliers", 0.0, 0, 0.5, (0, 0.5), r"\omega", "Share of the points that lie on no subspace."),
            _real("missing", 0.0, 0, 0.9, (0, 0.8), r"\mu", "Share of the values that are not known; zero stands for them."),
        ),
        _subspaces,
    ),
    "planes": Maker(
        _by_name(
            _POINTS,
            _whole("n_planes", 3, 2, 20, (2, 6), "K", "Number of planes."),
            _real("offset", 0.5, 0, 10, (0, 2), "t", "Distance of each plane from the origin: 0 makes them subspaces."),
            _noise(0.03, 0.3),
        ),
        _planes,
    ),
    "swiss_roll": Maker(
        _by_name(
            _POINTS,
            _whole("n_parts", 4, 2, 20, (2, 8), "K", "Parts of the roll from inside to outside: the classes."),
            _whole("holes", 1, 0, 1, (0, 1), "h", "1 cuts a hole into the roll."),
            _noise(0.0, 2.0),
        ),
        _swiss_roll,
    ),
    "moons": Maker(_by_name(_POINTS, _noise(0.06, 0.4)), _moons),
    "circles": Maker(
        _by_name(
            _POINTS,
            _real("factor", 0.45, 0.05, 0.95, (0.1, 0.9), "r", "Radius of the inner circle; that of the outer one is 1."),
            _noise(0.05, 0.4),
        ),
        _circles,
    ),
    "spirals": Maker(
        _by_name(
            _POINTS,
            _whole("n_arms", 3, 2, 20, (2, 6), "K", "Number of arms."),
            _real("turns", 1.0, 0, 5, (0, 2), "t", "Turns of each arm about the middle."),
            _noise(0.02, 0.2),
        ),
        _spirals,
    ),
    "blobs": Maker(
        _by_name(
            _POINTS,
            _whole("n_blobs", 4, 2, 100, (2, 10), "K", "Number of blobs."),
            _whole("n_features", 2, 1, 1_000, (2, 20), "m", "Number of features."),
            _real("spread", 1.0, 0.01, 100, (0.1, 5), r"\sigma", "Standard deviation of each blob; centres lie in [-10, 10]."),
        ),
        _blobs,
    ),
}


def checked_knobs(name: str, given: Any) -> dict[str, Any]:
    """The knobs that differ from their defaults, each in its type, so that equal data have equal specs.

    Raises
    ------
    DataError
        If the data set is not made on the fly, or a knob is unknown or out of bounds.
    """
    if not isinstance(given, Mapping):
        raise DataError(f"make must be a mapping from knobs to values. Got {given!r}.")
    if not given:
        return {}
    if name not in MAKERS:
        raise DataError(f"Only data sets that are made on the fly have knobs: {', '.join(MAKERS)}. Got make for {name!r}.")
    knobs = MAKERS[name].knobs
    unknown = [key for key in given if key not in knobs]
    if unknown:
        raise DataError(f"The data set {name!r} has no knob {unknown[0]!r}. It has {', '.join(knobs)}.")
    try:
        values = {key: knob.check(given[key], f"the data set {name}") for key, knob in knobs.items() if key in given}
    except ParameterError as error:
        raise DataError(str(error)) from error
    return {key: value for key, value in values.items() if value != knobs[key].default}


def parse_knobs(name: str, text: str) -> dict[str, Any]:
    """Knobs written ``n_subspaces=3,angle=30``.

    Raises
    ------
    DataError
        If it is written otherwise, or `checked_knobs` refuses it.
    """
    pairs = [part.partition("=") for part in text.split(",") if part.strip()]
    if any(not equals or not key.strip() for key, equals, _ in pairs):
        raise DataError(f"Knobs are written KEY=VALUE,KEY=VALUE. Got {text!r}.")
    return checked_knobs(name, {key.strip(): value.strip() for key, _, value in pairs})


def make(name: str, given: Knobs, seed: int) -> RawData:
    """The data set of a name, of checked knobs and a seed; equal seeds give equal data.

    Raises
    ------
    DataError
        If the knobs do not go together.
    """
    maker = MAKERS[name]
    return maker.make(maker.values(given), seed)
