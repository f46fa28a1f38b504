"""Points painted by hand: a field in the browser, and what was painted as a data set of one's own."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from pathlib import Path

import streamlit as st

from core import datasets
from core.common import DataError, InvalidInput, ReadOnlyError
from core.datasets import DataSpec
from core.plots.palette import colours
from pages.ui.mounting import registered
from pages.ui.state import choose_data
from pages.ui.text import plain

CLASSES, LEAST, MOST = 6, 10, 2000
HEIGHT = 0.62  # of the field, in its width
METHOD = "spectral"  # answers while one turns its knobs, and joins what is painted in curves
HERE = Path(__file__).parent
SCRIPTS = ("paint",)


def painting() -> bool:
    """Whether somebody wants to paint."""
    return st.toggle("Paint points with the mouse", key="painting_wanted", persist_state="session")


def paint_points() -> None:
    """A field to paint on; what is painted becomes a data set and is taken to Train, where the graph is that joins it."""
    st.caption("Press and drag. A colour is a class, which only the scores know; points marked ? have none.")
    limits = {"palette": colours(CLASSES), "least": LEAST, "most": MOST, "height": HEIGHT}
    field = registered("affinity_lab_painting", HERE, "paint", SCRIPTS)
    painted = field(key="painting", data=limits, height="content", on_points_change=_nothing).points
    if painted is None:
        return
    try:
        name = datasets.store_uploads([("painted.csv", as_csv(painted))], name="painted").stem
    except (InvalidInput, ReadOnlyError) as error:
        st.error(plain(error), icon=":material/error:")
        return
    choose_data(DataSpec(name))
    st.session_state["method"] = METHOD
    for about_other_data in ("draft", "data_name"):
        st.session_state.pop(about_other_data, None)
    st.switch_page("pages/train.py")


def as_csv(points: object) -> bytes:
    """Coordinates and classes of painted points as a table; a cell without a class is empty, and one colour is no class.

    Raises
    ------
    DataError
        If these are no points: what comes from a browser can be anything.
    """
    if not isinstance(points, list) or not LEAST <= len(points) <= MOST or not all(_is_point(point) for point in points):
        raise DataError(
            f"Painted points are {LEAST} to {MOST} rows of x and y from 0 to 1 and a class from -1 (none) to {CLASSES - 1}."
        )
    table = io.StringIO()
    writer = csv.writer(table, lineterminator="\n")
    named = len({c for _, _, c in points} - {-1}) > 1
    writer.writerow(["x", "y", "label"] if named else ["x", "y"])
    for x, y, c in points:
        row = [f"{x:.5f}", f"{y:.5f}"]
        writer.writerow([*row, str(c + 1) if c >= 0 else ""] if named else row)
    return table.getvalue().encode()


def _is_point(point: object) -> bool:
    if not isinstance(point, Sequence) or len(point) != 3 or not all(type(value) in (int, float) for value in point):
        return False
    x, y, c = point
    return 0 <= x <= 1 and 0 <= y <= 1 and c in range(-1, CLASSES)


def _nothing() -> None:
    """A trigger is heard of only where somebody listens."""
