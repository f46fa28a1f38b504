"""Typed declarations of hyperparameters: each one is written once.

The form, the command line, the documentation, the validation and the contract tests all read the same `Param`. Hard
bounds (`low`, `high`) are checked wherever a value enters; soft bounds only say what a slider shows.

A declaration is a dataclass field, so that a method's constructor, ``clone`` and a type checker see it::

    alpha: float = real(5.0, symbol=r"\\alpha", low=0, high=1e6, soft=(0.1, 1000), log=True, help="...")
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, Literal

from core.common.errors import ParameterError, UnknownName

_NONE = ("", "none", "auto")  # what stands for none where a parameter is optional
Kind = Literal["real", "integer", "flag", "choice", "sizes"]


@dataclass(frozen=True, kw_only=True)
class Param:
    """One hyperparameter.

    Attributes
    ----------
    name
        Identifier; keyword of the constructor, key on the command line.
    kind
        ``real``, ``integer``, ``flag`` (on or off), ``choice`` (one of `choices`) or ``sizes`` (a list of integers,
        written ``3-3-5``).
    default
        Value when nothing is given; None only where `optional`.
    symbol, help, unit, group
        LaTeX symbol, meaning in one sentence, unit, and heading in the form.
    low, high
        Hard bounds, inclusive; of every entry for ``sizes``.
    soft
        Range that a slider shows.
    log
        The slider moves in powers of ten.
    none_means
        What leaving an optional parameter out stands for, in a word or two.
    """

    name: str
    kind: Kind
    default: Any
    symbol: str
    help: str
    group: str = "Method"
    unit: str = ""
    low: float | None = None
    high: float | None = None
    soft: tuple[float, float] | None = None
    log: bool = False
    choices: tuple[str, ...] = ()
    optional: bool = False
    none_means: str = "none"

    @property
    def allowed(self) -> str:
        """The rule in words, as error messages and tables print it."""
        low = "-inf" if self.low is None else f"{self.low:g}"
        high = "inf" if self.high is None else f"{self.high:g}"
        rule = {
            "real": f"a number in [{low}, {high}]",
            "integer": f"an integer in [{low}, {high}]",
            "flag": "true or false",
            "choice": "one of " + ", ".join(map(repr, self.choices)),
            "sizes": f"1 to 8 integers in [{low}, {high}], written like 3-3-5",
        }[self.kind]
        left_out = " or none" if self.none_means == "none" else f" or auto ({self.none_means})"
        return rule + (left_out if self.optional else "")

    def check(self, value: Any, owner: str) -> Any:
        """Return `value` in its declared type.

        Raises
        ------
        ParameterError
            If the value has another type or lies outside the hard bounds.
        """
        if self.optional and (value is None or (isinstance(value, str) and value.strip().lower() in _NONE)):
            return None
        checked = _CHECKS[self.kind](self, value)
        if checked is None:
            raise ParameterError(f"The {self.name!r} parameter of {owner} must be {self.allowed}. Got {value!r} instead.")
        # A value that needs no conversion stays the same object, as scikit-learn's clone demands of constructors.
        return value if repr(value) == repr(checked) else checked

    def parse(self, text: str, owner: str) -> Any:
        """Read a value from the command line, then `check` it."""
        return self.check(text.strip(), owner)

    def within(self, value: float) -> bool:
        return (self.low is None or value >= self.low) and (self.high is None or value <= self.high)

    def describe(self) -> dict[str, Any]:
        """The declaration as plain data, for ``--json``."""
        return dataclasses.asdict(self) | {"allowed": self.allowed}


def _number(value: Any) -> float | None:
    if isinstance(value, bool):
        return None
    try:
        number = float(value)
    except (TypeError, ValueError, OverflowError):
        return None
    return number if math.isfinite(number) else None


def _check_real(param: Param, value: Any) -> float | None:
    number = _number(value)
    return number if number is not None and param.within(number) else None


def _check_integer(param: Param, value: Any) -> int | None:
    number = _number(value)
    return int(number) if number is not None and number == int(number) and param.within(number) else None


def _check_flag(param: Param, value: Any) -> bool | None:
    words = {"true": True, "yes": True, "on": True, "1": True, "false": False, "no": False, "off": False, "0": False}
    return value if isinstance(value, bool) else words.get(str(value).lower())


def _check_choice(param: Param, value: Any) -> str | None:
    return str(value) if str(value) in param.choices else None


def _check_sizes(param: Param, value: Any) -> tuple[int, ...] | None:
    parts: Iterable[Any] = value.replace(",", "-").split("-") if isinstance(value, str) else value
    if not isinstance(parts, Sequence) or not 1 <= len(parts) <= 8:
        return None
    sizes = [_check_integer(param, part) for part in parts]
    return None if None in sizes else tuple(size for size in sizes if size is not None)


_CHECKS = {
    "real": _check_real,
    "integer": _check_integer,
    "flag": _check_flag,
    "choice": _check_choice,
    "sizes": _check_sizes,
}


def _declare(kind: Kind, default: Any, **facts: Any) -> Any:
    return dataclasses.field(default=default, kw_only=True, metadata={"param": {"kind": kind, "default": default, **facts}})


def real(
    default: float | None, *, symbol: str, help: str, low: float, high: float, soft: tuple[float, float], **facts: Any
) -> Any:
    """Declare a real-valued hyperparameter."""
    return _declare("real", default, symbol=symbol, help=help, low=low, high=high, soft=soft, **facts)


def integer(default: int | None, *, symbol: str, help: str, low: int, high: int, soft: tuple[int, int], **facts: Any) -> Any:
    """Declare an integer hyperparameter."""
    return _declare("integer", default, symbol=symbol, help=help, low=low, high=high, soft=soft, **facts)


def flag(default: bool, *, symbol: str, help: str, **facts: Any) -> Any:
    """Declare a switch."""
    return _declare("flag", default, symbol=symbol, help=help, **facts)


def choice(default: str, *, symbol: str, help: str, choices: Sequence[str], **facts: Any) -> Any:
    """Declare a choice among names."""
    return _declare("choice", default, symbol=symbol, help=help, choices=tuple(choices), **facts)


def sizes(default: tuple[int, ...] | None, *, symbol: str, help: str, low: int, high: int, **facts: Any) -> Any:
    """Declare a short list of integers, such as the channels of a network."""
    return _declare("sizes", default, symbol=symbol, help=help, low=low, high=high, **facts)


def redeclared(cls: Any, name: str, default: Any) -> Any:
    """The hyperparameter that `cls` declares as `name`, with another default for a subclass."""
    (base,) = (field for field in dataclasses.fields(cls) if field.name == name)
    return dataclasses.field(default=default, kw_only=True, metadata={"param": {**base.metadata["param"], "default": default}})


def params_of(cls: Any) -> dict[str, Param]:
    """All hyperparameters that a class declares, its bases' first, by name."""
    return dict(_params_of(dataclasses.fields(cls)))


@cache
def _params_of(fields: tuple[dataclasses.Field[Any], ...]) -> Mapping[str, Param]:
    """Asked for each of the thousands of runs of a table."""
    return {field.name: Param(name=field.name, **field.metadata["param"]) for field in fields if "param" in field.metadata}


def check_all(declared: Mapping[str, Param], given: Mapping[str, Any], owner: str) -> dict[str, Any]:
    """Check a mapping of values; unknown names are refused, missing ones stay missing."""
    for name in given:
        if name not in declared:
            raise UnknownName(f"parameter of {owner}", name, declared)
    return {name: declared[name].check(value, owner) for name, value in given.items()}
