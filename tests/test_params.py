"""Hyperparameters: every kind takes what it says it takes, and refuses the rest by name."""

from __future__ import annotations

import dataclasses
import json
import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

from core.common import (
    InvalidInput,
    Param,
    ParameterError,
    UnknownName,
    check_all,
    choice,
    flag,
    integer,
    params_of,
    real,
    sizes,
)


@dataclass(kw_only=True)
class Base:
    rate: float = real(0.1, symbol=r"\eta", help="Speed.", low=0.001, high=10, soft=(0.01, 1), log=True, group="Training")
    count: int | None = integer(None, symbol="K", help="How many.", low=2, high=50, soft=(2, 10), optional=True)
    plain: str = "not declared"


@dataclass(kw_only=True)
class Example(Base):
    open: bool = flag(False, symbol="o", help="Open or shut.")
    colour: str = choice("red", symbol="c", help="Which.", choices=("red", "blue"))
    layers: tuple[int, ...] = sizes((3, 5), symbol="l", help="Sizes.", low=1, high=64)
    steps: int = integer(4, symbol="T", help="How long.", low=-5, high=2**31 - 1, soft=(1, 10))


DECLARED = params_of(Example)

ACCEPTED = [
    ("rate", 0.001, 0.001),
    ("rate", 10, 10.0),
    ("rate", "2.5", 2.5),
    ("rate", " 1e-2 ", 0.01),
    ("rate", np.float32(0.5), 0.5),
    ("count", None, None),
    ("count", "", None),
    ("count", 2, 2),
    ("count", 50.0, 50),
    ("count", "7", 7),
    ("count", np.int64(9), 9),
    ("steps", -5, -5),
    ("steps", 2**31 - 1, 2**31 - 1),
    ("steps", "0", 0),
    ("open", True, True),
    ("open", "false", False),
    ("open", "Yes", True),
    ("open", "off", False),
    ("open", 1, True),
    ("open", np.bool_(True), True),
    ("colour", "blue", "blue"),
    ("layers", (1, 64), (1, 64)),
    ("layers", [7], (7,)),
    ("layers", "3-3-5", (3, 3, 5)),
    ("layers", "3,3,5", (3, 3, 5)),
    ("layers", (2,) * 8, (2,) * 8),
]

UNCHANGED = [("rate", 0.37), ("steps", 12345), ("count", None), ("open", True), ("colour", "blue"), ("layers", (300 // 5, 3))]
HUGE = 10**400
REFUSED = {
    "rate": [None, True, math.nan, math.inf, -math.inf, "nan", "inf", "", "fast", 0.0009, 10.01, -1, HUGE, [1.0], {}, 1j],
    "count": [1, 51, 2.5, "2.5", True, math.nan, "nan", math.inf, "ten", HUGE, -HUGE, [3]],
    "steps": [None, -6, 2**31, 0.5, False, "1e400", math.inf, "one"],
    "open": [None, 2, 0.5, "maybe", "", math.nan, [], "none"],
    "colour": [None, "green", "Red", "", 1, True, math.nan, ["red"]],
    "layers": [None, (), [], 3, 3.0, "", "3-", "a-b", (0,), (65,), (1.5,), (True,), (1,) * 9, "1-2-3-4-5-6-7-8-9", {3, 5},
               (math.nan,), (None,), ((3,),)],
}  # fmt: skip


@pytest.mark.parametrize(("name", "given", "expected"), ACCEPTED, ids=repr)
def test_values_within_the_bounds_come_back_in_the_declared_type(name: str, given: Any, expected: Any) -> None:
    checked = DECLARED[name].check(given, "example")
    assert checked == expected
    assert type(checked) is type(expected)
    assert checked is None or DECLARED[name].check(checked, "example") == checked
    json.dumps(checked)


@pytest.mark.parametrize(("name", "given"), UNCHANGED, ids=repr)
def test_a_value_of_the_declared_type_stays_the_same_object(name: str, given: Any) -> None:
    assert DECLARED[name].check(given, "example") is given


@pytest.mark.parametrize(
    ("name", "given"), [(n, v) for n, values in REFUSED.items() for v in values], ids=lambda v: str(v)[:20]
)
def test_everything_else_is_refused_naming_parameter_rule_and_value(name: str, given: Any) -> None:
    with pytest.raises(ParameterError) as caught:
        DECLARED[name].check(given, "example")
    for part in (repr(name), "example", DECLARED[name].allowed, repr(given)):
        assert part in str(caught.value)
    assert isinstance(caught.value, InvalidInput) and isinstance(caught.value, ValueError)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("rate", ["0.001", "10"]),
        ("count", ["2", "50", "integer", "none"]),
        ("open", ["true", "false"]),
        ("colour", ["red", "blue"]),
        ("layers", ["1", "64", "3-3-5"]),
    ],
)
def test_the_rule_in_words_holds_the_bounds(name: str, words: list[str]) -> None:
    assert all(word in DECLARED[name].allowed for word in words)


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [("rate", "1e-3", 0.001), ("count", "none", None), ("count", "auto", None), ("count", " 12 ", 12), ("open", " on", True),
     ("colour", "blue ", "blue"), ("layers", "20-10", (20, 10))],
)  # fmt: skip
def test_text_from_the_command_line_is_read(name: str, text: str, expected: Any) -> None:
    assert DECLARED[name].parse(text, "example") == expected


@pytest.mark.parametrize(
    ("name", "text"), [("rate", "none"), ("steps", "auto"), ("rate", "1,5"), ("count", "1"), ("open", "2")]
)
def test_text_that_means_nothing_is_refused(name: str, text: str) -> None:
    with pytest.raises(ParameterError, match=name):
        DECLARED[name].parse(text, "example")


def test_declarations_are_the_fields_of_the_class_and_its_bases() -> None:
    assert list(DECLARED) == ["rate", "count", "open", "colour", "layers", "steps"]
    assert [DECLARED[name].kind for name in DECLARED] == ["real", "integer", "flag", "choice", "sizes", "integer"]
    example = Example()
    assert all(getattr(example, name) == param.default for name, param in DECLARED.items())
    assert DECLARED["rate"].group == "Training" and DECLARED["rate"].log


def test_a_declaration_is_frozen_and_describes_itself_as_plain_data() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        DECLARED["rate"].low = 0  # type: ignore[misc]
    for param in DECLARED.values():
        plain = json.loads(json.dumps(param.describe()))
        assert plain["name"] == param.name and plain["allowed"] == param.allowed and plain["help"] == param.help


def test_unbounded_declarations_take_any_finite_number() -> None:
    param = Param(name="x", kind="real", default=0.0, symbol="x", help="Free.")
    assert param.check(-1e300, "example") == -1e300
    assert "-inf" in param.allowed and "inf" in param.allowed
    with pytest.raises(ParameterError):
        param.check(math.inf, "example")


def test_a_mapping_is_checked_as_a_whole_and_keeps_only_what_was_given() -> None:
    assert check_all(DECLARED, {"rate": "0.5", "layers": [2, 4]}, "example") == {"rate": 0.5, "layers": (2, 4)}
    assert check_all(DECLARED, {}, "example") == {}
    with pytest.raises(ParameterError, match="count"):
        check_all(DECLARED, {"rate": 0.5, "count": 1}, "example")


@pytest.mark.parametrize(("given", "meant"), [("rte", "rate"), ("counts", "count"), ("color", "colour")])
def test_an_unknown_name_is_refused_with_the_nearest_known_one(given: str, meant: str) -> None:
    with pytest.raises(UnknownName) as caught:
        check_all(DECLARED, {given: 1}, "example")
    assert f"Did you mean {meant!r}" in str(caught.value)
    assert all(name in str(caught.value) for name in [*DECLARED, given, "example"])


def test_a_name_like_no_other_gets_the_list_and_no_guess() -> None:
    with pytest.raises(UnknownName) as caught:
        check_all(DECLARED, {"zzz": 1}, "example")
    assert "Did you mean" not in str(caught.value) and "colour" in str(caught.value)


def test_what_may_be_left_out_says_how_and_what_that_means() -> None:
    chosen = Param(
        name="dim", kind="integer", default=4, symbol="d", help="Directions.", low=1, high=20, soft=(1, 20), optional=True,
        none_means="chosen without labels",
    )  # fmt: skip
    with pytest.raises(ParameterError, match=r"an integer in \[1, 20\] or auto \(chosen without labels\)\."):
        chosen.parse("banana", "udll")
    assert chosen.parse("auto", "udll") is None
    assert dataclasses.replace(chosen, none_means="none").allowed.endswith(" or none")
