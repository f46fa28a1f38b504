"""How axes, values and settings of a sweep are written."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from core import sweeps
from core.evaluation import score_title
from core.sweeps import Row

LEFT_TO_DATA = "auto"
TELLING = 3  # deviations over seeds that best and worst of several settings are apart by chance alone


def axis_title(name: str) -> str:
    return name.removeprefix("data.").replace("_", " ")


def value_label(value: Any) -> str:
    """A value as it stands at an axis."""
    if value is None:
        return LEFT_TO_DATA
    if isinstance(value, bool):
        return "on" if value else "off"
    if isinstance(value, tuple):
        return "-".join(map(str, value))
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def setting_label(setting: Mapping[str, Any]) -> str:
    return ", ".join(f"{axis_title(name)} {value_label(value)}" for name, value in setting.items())


def titled(rows: Sequence[Mapping[str, Any]]) -> pd.DataFrame:
    """Rows of `Row.flat` as a table that people read."""
    table = pd.DataFrame(rows).drop(columns="run")
    return table.rename(columns=lambda name: axis_title(score_title(str(name))))


def in_a_sentence(rows: Sequence[Row], score: str) -> str:
    """Between which settings a score lies, beside what the seed alone does to it; empty for fewer than two settings."""
    found = sweeps.reach(rows, score)
    if found is None:
        return ""
    told = (
        f"{score_title(score)} goes from **{found.low:.3f}** ({setting_label(found.lowest)}) to "
        f"**{found.high:.3f}** ({setting_label(found.highest)})"
    )
    if found.seed_spread is None:
        return f"{told}. With one seed nothing is known of what the seed alone does."
    share = "more" if found.high - found.low > TELLING * found.seed_spread else "no more"
    return f"{told}, means over seeds. Another seed alone moves it by ± {found.seed_spread:.3f}: the settings do {share}."
