"""Forms made from declared hyperparameters: one widget each, with its symbol, its meaning and its range."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from itertools import groupby
from math import ceil, floor, log10
from typing import Any

import streamlit as st

from core.common import Param
from core.lessons import lesson_on
from core.sweeps import prepared_on
from pages.ui.symbols import plain_symbol
from pages.ui.text import plain

_LOG_STEPS = (1, 1.5, 2, 3, 5, 7)
_SLIDER_STEPS = 200
_CHOICES = 20  # steps of a slider at whose left end stands that a value is left out


def parameter_form(
    declared: Mapping[str, Param], values: Mapping[str, Any], *, key: str, opened: Collection[str] = (),
    idle: Callable[[Mapping[str, Any]], Collection[str]] | None = None,
) -> dict[str, Any]:  # fmt: skip
    """Widgets for all parameters by group; returns what they hold, unchecked.

    Widget keys contain `key`, so that another method, data set or preset starts with its own values. The first group
    and those in `opened` are unfolded; what is `idle` as the others stand is grey.
    """
    grey = idle(standing(declared, values, key)) if idle else ()
    chosen: dict[str, Any] = {}
    ordered = sorted(declared.values(), key=lambda param: list(_groups(declared)).index(param.group))
    for position, (group, params) in enumerate(groupby(ordered, key=lambda param: param.group)):
        with st.expander(group, expanded=position == 0 or group in opened):
            for param in params:
                chosen[param.name] = widget(
                    param, values.get(param.name, param.default), key=f"{key}:{param.name}", idle=param.name in grey
                )
    return chosen


def standing(declared: Mapping[str, Param], values: Mapping[str, Any], key: str) -> dict[str, Any]:
    """What the choices of a form hold before they are drawn in this run of the page, and the given values of all else."""
    held = {name: st.session_state.get(f"{key}:{name}") for name, param in declared.items() if param.kind == "choice"}
    return {**values, **{name: value for name, value in held.items() if value is not None}}


def _groups(declared: Mapping[str, Param]) -> dict[str, None]:
    """Group names, those of the method itself before what it shares with others."""
    shared = [
        "Spectral head", "Training", "Layer-wise recipe", "Clusters", "Affinity", "Gaussian code", "Network", "Pretraining",
        "Large data", "Run",
    ]  # fmt: skip
    names = dict.fromkeys(param.group for param in declared.values())
    own = [name for name in names if name not in shared]
    return dict.fromkeys([*own, *(name for name in shared if name in names)])


def widget(param: Param, value: Any, *, key: str, idle: bool = False) -> Any:
    """The widget of one parameter, holding `value` at first; grey where it makes no difference."""
    words, symbol = param.name.strip("_").replace("_", " "), plain_symbol(param.symbol)
    label = f"{symbol} {words}" if symbol else words
    label = plain(f"{label} ({param.unit})" if param.unit else label)
    meaning = f"${param.symbol}$: {param.help} Allowed: {param.allowed}.{_taught(param.name)}"
    if idle:
        meaning = f"It makes no difference as the other choices stand. {meaning}"
    about: dict[str, Any] = {"label": label, "help": meaning, "key": key, "persist_state": "session", "disabled": idle}
    if param.kind == "flag":
        return st.toggle(value=bool(value), **about)
    if param.kind == "choice":
        return st.selectbox(options=param.choices, index=param.choices.index(value), **about)
    if param.kind == "sizes":
        text = None if value is None else "-".join(map(str, value))
        return st.text_input(value=text, placeholder=param.none_means if param.optional else None, **about)
    if param.optional and not param.log and (steps := _few_steps(param)) and value in (None, *steps):
        return _or_none(param, steps, value, about)
    if param.optional and not param.log:
        number: Any = int if param.kind == "integer" else float
        return st.number_input(
            min_value=number(param.low or 0),
            max_value=number(param.high or 0),
            value=None if value is None else number(value),
            format=None if number is int else "%g",
            placeholder=param.none_means,
            **about,
        )
    if param.log:
        return _logarithmic(param, value, about)
    return _linear(param, value, about)


def _taught(name: str) -> str:
    """Where a lesson lets this be turned, and what a sweep that comes with the app shows of it."""
    lesson, sweep = lesson_on(name), prepared_on(name)
    told = "" if lesson is None else f" Lesson: [{lesson[0].title}](/lessons?lesson={lesson[0].name}&step={lesson[1]})."
    return told + ("" if sweep is None else f" [What it does, swept](/sweeps?sweep={sweep}).")


def _logarithmic(param: Param, value: float | None, about: dict[str, Any]) -> Any:
    """A slider over powers of ten; where the parameter may be left out, that stands at its left end."""
    options = log_options(param, param.default if value is None else float(value))
    return _or_none(param, options, value if value is None else float(value), about)


def _or_none(param: Param, options: Sequence[float], value: float | None, about: dict[str, Any]) -> Any:
    left_out = [None] if param.optional else []
    return st.select_slider(
        options=[*left_out, *options], value=value, **about,
        format_func=lambda v: param.none_means if v is None else f"{v:g}",
    )  # fmt: skip


def _few_steps(param: Param) -> list[float]:
    """The values of a short soft range, for a parameter that has one of them by default; else none."""
    if param.soft is None or param.default is None:
        return []
    low, high = param.soft
    if param.kind == "integer":
        return list(range(int(low), int(high) + 1)) if high - low < _CHOICES else []
    return [round(low + (high - low) * step / _CHOICES, 12) for step in range(_CHOICES + 1)]


def _linear(param: Param, value: Any, about: dict[str, Any]) -> Any:
    """A slider over the soft range; a number field where that range is long or does not hold the value."""
    assert param.soft is not None and param.low is not None and param.high is not None
    number = int if param.kind == "integer" else float
    low, high = number(param.soft[0]), number(param.soft[1])
    if low <= value <= high and (number is float or high - low <= _SLIDER_STEPS):
        step = 1 if number is int else (high - low) / _SLIDER_STEPS
        return st.slider(min_value=low, max_value=high, value=number(value), step=step, **about)
    shown = None if number is int else "%g"
    return st.number_input(
        min_value=number(param.low), max_value=number(param.high), value=number(value), format=shown, **about
    )


def log_options(param: Param, value: float | None) -> list[float]:
    """Six values per decade of the soft range, zero if it is allowed, and the present value."""
    assert param.soft is not None
    low, high = param.soft
    grid = {round(m * 10.0**e, 12) for e in range(floor(log10(low)), ceil(log10(high)) + 1) for m in _LOG_STEPS}
    inside = {v for v in grid if low <= v <= high} | {v for v in (value, param.default) if v is not None}
    return sorted(inside | ({0.0} if param.low == 0 else set()))


def segments(label: str, names: Mapping[Any, str], *, key: str, **options: Any) -> Any:
    """A row of exclusive choices, value to title; at the start the first, then what was chosen last, if it is offered now.

    What is chosen is told to the browser by every run of the page. If only the first one told it, and the second overtook
    that, which it may on a busy machine, the browser would show a row in which nothing is chosen. Where a choice is bound to
    the address, to set it is to write the address, and to repeat a default is to lose the choice by Back and Forward: so
    there the second run repeats the first, and no later one does.
    """
    values, state, kept, told = list(names), st.session_state, f"{key}:kept", f"{key}:told"
    asked = st.query_params.get(key) if "bind" in options else None  # the name of a value; Streamlit itself knows the titles
    wanted = next((value for value in (state.get(key), asked, state.get(kept)) if value in names), values[0])
    new = key not in state
    early, stands = new or not state.get(told), new or state[key] in names
    by_default = wanted == values[0] or asked in names.values()
    state[told] = not new
    start = None
    if "bind" not in options or not stands or (early and not by_default):
        state[key] = wanted
    elif early:
        start = values[0]
    chosen = st.segmented_control(
        label, values, default=start, required=True, format_func=lambda value: names[value], key=key, **options
    )
    if chosen is None:  # Back and Forward clear a choice that the address does not name: take it again
        st.rerun()
    state[kept] = chosen
    return chosen
