"""One projection several times, over its neighbourhood: what of a picture is of the data, and what of the setting."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from core.common import Param
from core.evaluation import PROJECTIONS
from core.explore import Answer
from core.plots import figures
from pages.ui.awaiting import answered
from pages.ui.lab.stills import quality_words

PICTURES = 5
POINTS = 1000
HEIGHT = 230
Colouring = Callable[[NDArray[np.int64]], tuple[NDArray, list[str]]]


def neighbourhoods(param: Param, n: int) -> list[float]:
    """Values over the range of its slider, each about the same factor from the next; of n points a third is the most."""
    assert param.soft is not None
    number: Any = int if param.kind == "integer" else float
    low, high = param.soft
    return sorted({number(round(value)) for value in np.geomspace(low, max(low, min(high, n // 3)), PICTURES)})


def side_by_side(run: str, source: str, kind: str, options: Mapping[str, Any], colouring: Colouring, n: int) -> bool:
    """Where they are asked for, the pictures in a row, each with its value and how far it can be believed."""
    param = PROJECTIONS[kind][0]
    if not st.toggle(f"Side by side, over {param.name.replace('_', ' ')}", key="e_multiples"):
        return False
    values = neighbourhoods(param, min(n, POINTS))
    words = param.name.replace("_", " ")
    st.caption(f"The same at most {POINTS:,} points over {words}. What all pictures show is likely to be in the data.")
    for column, value in zip(st.columns(len(values)), values, strict=True):
        with column:
            st.markdown(f"**{words} {value:g}**")
            answered(
                "embedding", partial(_draw, f"{run}:{source}:{kind}:{value}", colouring), waiting="Projecting", run=run,
                source=source, kind=kind, n_components=2, options={**options, param.name: value}, random_state=0, most=POINTS,
            )  # fmt: skip
    return True


def _draw(key: str, colouring: Colouring, answer: Answer) -> None:
    points, shown = answer.arrays["points"], answer.arrays["shown"]
    groups, names = colouring(shown)
    figure = figures.embedding(points, shown, groups, names)
    figure.update_layout(height=HEIGHT, showlegend=False, dragmode=False)
    figure.update_traces(marker_size=3)
    alt = f"Projection, {key.rpartition(':')[2]}"
    st.plotly_chart(figure, key=f"multiple:{key}", config={"displayModeBar": False}, alt=alt)
    if words := quality_words(answer.facts.get("quality", {})):
        st.caption(words)
