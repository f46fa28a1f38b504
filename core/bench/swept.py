"""Figures of papers, swept here, as results that are kept: ``assets/results/figure-<name>.json``."""

from __future__ import annotations

import os
import platform
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from core import methods
from core.bench.results import FOLDER, Results, Row, Score, save_results
from core.common import DataError, atomic_write
from core.evaluation import score_title
from core.sweeps import SECONDS, Figure, Spread, by_setting, over_seeds
from core.sweeps import Row as Swept
from core.sweeps.designs import Setting

DIGITS = 4


def keep_figure(
    name: str, figure: Figure, rows: Sequence[Swept], folder: Path = FOLDER, pictures: Path = FOLDER.parent
) -> Path:
    """Write what a figure came to, a row for each setting, with the sentence on whether the paper's shape came out.

    Raises
    ------
    DataError
        If a setting has no result; then nothing is written.
    """
    groups = [(group[0].setting, over_seeds(group)) for group in by_setting(rows)]
    lacking = [setting for setting, spreads in groups if figure.score not in spreads]
    if lacking:
        raise DataError(f"{len(lacking)} of {len(groups)} settings of {name} have no {figure.score}, so nothing is written.")
    sweep = figure.sweep()
    several = len(sweep.seeds) > 1
    preset = methods.preset_for(figure.method, str(figure.data["name"]), figure.preset)[1]
    results = Results(
        title=f"{figure.title}, swept",
        commands=(f"python -m core sweeps figure {name} --write",),
        origin="command",
        protocol=f"{figure.note} Final epoch of whole runs; all else as the preset {figure.preset} has it.",
        device=f"{platform.machine()} CPU, {os.cpu_count()} cores",
        seeds=sweep.seeds,
        chosen=preset.chosen if preset else "untuned",
        notes=tuple(note for note in (figure.shape,) if note),
        figure=draw(figure, groups, pictures / f"figure-{name}.svg").name,
        rows=tuple(
            Row(
                of={axis: _plain(value) for axis, value in setting.items()}, seeds=sweep.seeds,
                chosen=preset.chosen if preset else "untuned",
                scores={figure.score: _score(spreads[figure.score], several)},
                facts={SECONDS: round(spreads[SECONDS].mean, 1)} if SECONDS in spreads else {},
            )
            for setting, spreads in groups
        ),
    )  # fmt: skip
    return save_results(results, folder / f"figure-{name}.json")


def draw(figure: Figure, groups: Sequence[tuple[Setting, Mapping[str, Spread]]], file: Path) -> Path:
    """Draw the score on the first axis, with a line for each value of the second, as .svg."""
    from matplotlib.figure import Figure as Drawing

    names = list(groups[0][0])
    drawing = Drawing(figsize=(6.4, 3.8), layout="constrained")
    axes = drawing.subplots()
    lines = dict.fromkeys(_plain(setting[names[1]]) if len(names) > 1 else "" for setting, _ in groups)
    places = {at: place for place, at in enumerate(dict.fromkeys(_plain(setting[names[0]]) for setting, _ in groups))}
    for line in lines:
        own = [(places[_plain(setting[names[0]])], spreads[figure.score]) for setting, spreads in groups
               if len(names) == 1 or _plain(setting[names[1]]) == line]  # fmt: skip
        at, means, stds = [place for place, _ in own], [s.mean for _, s in own], [s.std for _, s in own]
        label = f"{_words(names[1])} {line}" if len(names) > 1 else None
        axes.errorbar(at, means, stds if any(stds) else None, marker="o", capsize=3, label=label)
    axes.set_xticks(
        list(places.values()), [str(at) for at in places], rotation=20 if max(map(len, map(str, places))) > 8 else 0
    )
    axes.set(xlabel=_words(names[0]), ylabel=score_title(figure.score))
    axes.set_title(figure.title, fontsize=11)
    axes.spines[["top", "right"]].set_visible(False)
    if len(names) > 1:
        axes.legend(frameon=False, fontsize=8)
    with atomic_write(file) as target:
        drawing.savefig(target, format="svg", metadata={"Date": None})
    return file


def _words(axis: str) -> str:
    return axis.removeprefix("data.").replace("_", " ")


def _score(found: Spread, several: bool) -> Score:
    return Score(round(found.mean, DIGITS), round(found.std, DIGITS) if several else None)


def _plain(value: Any) -> str | float:
    if isinstance(value, tuple):
        return "-".join(map(str, value))
    return value if isinstance(value, int | float) and not isinstance(value, bool) else str(value)
