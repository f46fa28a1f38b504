"""Parts that a class holds: one flat list of hyperparameters, other defaults where they are held, values of the moment."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import pytest
from sklearn.base import clone

from core.common import ParameterError, Part, held, params_of, real
from core.methods import CAPABILITIES, Clusterer, register, registered
from core.methods.registry import _METHODS

WEIGHT: dict[str, Any] = {"low": 0.0, "high": 10.0, "soft": (0.0, 1.0), "help": "A weight."}


@dataclass(frozen=True, kw_only=True)
class Spring(Part):
    stiffness: float = real(1.0, symbol="k", **WEIGHT)
    damping: float = real(0.5, symbol="d", **WEIGHT)

    def force(self, x: float) -> float:
        return -self.stiffness * x


@pytest.fixture
def oscillator(monkeypatch: pytest.MonkeyPatch) -> type[Clusterer]:
    monkeypatch.setattr("core.methods.registry._METHODS", dict(_METHODS))

    @register
    class Oscillator(Clusterer):
        name = "t_oscillator"

        mass: float = real(2.0, symbol="m", **WEIGHT)
        spring = held(Spring, damping=0.1)
        length: float = real(3.0, symbol="l", **WEIGHT)

        state_: float = field(init=False, repr=False)

    return Oscillator


def test_the_hyperparameters_of_a_part_are_those_of_its_holder_where_it_stands(oscillator: Any) -> None:
    own = [name for name in oscillator.declared() if name not in Clusterer.declared()]
    assert own == ["mass", "stiffness", "damping", "length"]
    method = oscillator(stiffness=4.0)
    assert (method.stiffness, method.damping, method.mass) == (4.0, 0.1, 2.0)
    assert {"stiffness": 4.0, "damping": 0.1}.items() <= method.get_params().items()
    assert clone(method).get_params() == method.get_params()


def test_a_part_has_the_values_of_the_moment_and_the_name_of_its_holder(oscillator: Any) -> None:
    method = oscillator()
    assert method.spring.force(2.0) == -2.0
    method.set_params(stiffness=3.0)
    assert method.spring.force(2.0) == -6.0 and method.spring.owner == "t_oscillator"
    assert oscillator.spring.of({"stiffness": 7.0}) == Spring(stiffness=7.0, damping=0.1)


def test_bounds_of_a_part_are_those_of_its_holder(oscillator: Any) -> None:
    with pytest.raises(ParameterError, match="'stiffness' parameter of t_oscillator"):
        oscillator(stiffness=11.0)


def test_a_holder_that_is_held_anew_keeps_the_order_and_takes_the_new_defaults(oscillator: Any) -> None:
    @dataclass(kw_only=True)
    class Stiffer(oscillator):  # type: ignore[misc]
        spring = held(Spring, stiffness=9.0)

    assert list(params_of(Stiffer)) == list(oscillator.declared())
    assert (Stiffer().stiffness, Stiffer().damping) == (9.0, 0.5)


def test_mistakes_in_holding_are_told_when_the_class_is_made() -> None:
    with pytest.raises(TypeError, match="Spring declares no 'stifness'"):
        held(Spring, stifness=2.0)
    with pytest.raises(TypeError, match="holds a part at 'damping'"):
        type("Clash", (Clusterer,), {"damping": held(Spring)})


# ---- what the methods make of it -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", list(registered()))
def test_at_most_one_family_stands_between_a_method_and_the_contract(name: str) -> None:
    between = [cls for cls in registered()[name].__mro__[1:] if cls not in (Clusterer, object)]
    assert len(between) <= 1, between


@pytest.mark.parametrize("name", list(registered()))
def test_every_hyperparameter_has_a_symbol_of_its_own_and_K_is_the_number_of_clusters(name: str) -> None:
    declared = registered()[name].declared()
    symbols = [param.symbol for param in declared.values()]
    shared = {
        symbol: [p.name for p in declared.values() if p.symbol == symbol] for symbol in symbols if symbols.count(symbol) > 1
    }
    assert not shared
    assert declared["n_clusters"].symbol == "K"


@pytest.mark.parametrize("name", list(registered()))
def test_a_method_says_nothing_that_no_page_understands(name: str) -> None:
    assert registered()[name].shows <= set(CAPABILITIES)
