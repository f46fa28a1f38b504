"""Points painted by hand become a data set like any other, and nothing else does."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from core import datasets
from core.common import DataError
from pages.ui.painting import CLASSES, LEAST, MOST, as_csv

ROW = [[i / 20, 0.5, i % 2] for i in range(12)]


@pytest.mark.usefixtures("read_in_this_process")
@pytest.mark.parametrize("colours", [(0, 1), (3, 3), (-1, -1)])
def test_what_was_painted_is_what_is_read(colours: tuple[int, int]) -> None:
    points = [[x, y, colours[c]] for x, y, c in ROW]
    name = datasets.store_uploads([("painted.csv", as_csv(points))], name="painted").stem
    data = datasets.load(name, scaling="none")
    np.testing.assert_allclose(data.X, [[x, y] for x, y, _ in points], atol=1e-5)
    if colours[0] == colours[1]:
        assert data.y is None
    else:
        assert data.y is not None and [data.classes[c] for c in data.y] == [str(c + 1) for _, _, c in points]


@pytest.mark.parametrize(
    "points",
    [
        None, "x", ROW[: LEAST - 1], [ROW[0]] * (MOST + 1), [*ROW, [0.5, 0.5]],
        [*ROW, [1.5, 0.5, 0]], [*ROW, [0.5, float("nan"), 0]], [*ROW, [0.5, 0.5, CLASSES]], [*ROW, [0.5, 0.5, 0.5]],
        [*ROW, ["=1+1", 0.5, 0]], [*ROW, [True, 0.5, 0]], [*ROW, "abc"],
    ],
)  # fmt: skip
def test_what_is_no_painting_is_refused(points: Any) -> None:
    with pytest.raises(DataError, match="Painted points are"):
        as_csv(points)
