"""Sweeps: what is varied around a run and how, which runs that makes, and what came out.

Uses `core.explore`, `core.runs` and rooms below. What matters (`core.sweeps.importance`) is imported by name.
"""

from core.sweeps.axes import DATA_AXES, SEED, Axis, parse_axis, proposed, sweepable, value_of
from core.sweeps.choosing import LABEL_FREE, SHARED, Choice, choices, judged
from core.sweeps.cuts import ERROR, SECONDS, cut_here, recut
from core.sweeps.figures import Figure, axis_of_paper, figure, figures
from core.sweeps.launch import UNDER_WAY, Engine, KnownRuns, extended, go_on, keep, missing, pause, start, stop
from core.sweeps.levels import Level, Reach, around, levels, reach
from core.sweeps.prepared import PREFIX, known_costs, prepared_on, prepared_sweep, prepared_sweeps, write_prepared
from core.sweeps.records import SweepRecord, SweepStore
from core.sweeps.spec import DESIGNS, MAX_AXES, MAX_RUNS, Cell, Load, Sweep, plan, settings, size_of
from core.sweeps.table import (
    LOSS,
    MISSING,
    SUFFIXES,
    UNCUT,
    Row,
    Spread,
    by_setting,
    export_table,
    over_seeds,
    scored,
    seed_spread,
    statuses,
    table,
    table_bytes,
)

__all__ = [
    "DATA_AXES",
    "DESIGNS",
    "ERROR",
    "LABEL_FREE",
    "LOSS",
    "MAX_AXES",
    "MAX_RUNS",
    "MISSING",
    "PREFIX",
    "SECONDS",
    "SEED",
    "SHARED",
    "SUFFIXES",
    "UNCUT",
    "UNDER_WAY",
    "Axis",
    "Cell",
    "Choice",
    "Engine",
    "Figure",
    "KnownRuns",
    "Level",
    "Load",
    "Reach",
    "Row",
    "Spread",
    "Sweep",
    "SweepRecord",
    "SweepStore",
    "around",
    "axis_of_paper",
    "by_setting",
    "choices",
    "cut_here",
    "export_table",
    "extended",
    "figure",
    "figures",
    "go_on",
    "judged",
    "keep",
    "known_costs",
    "levels",
    "missing",
    "over_seeds",
    "parse_axis",
    "pause",
    "plan",
    "prepared_on",
    "prepared_sweep",
    "prepared_sweeps",
    "proposed",
    "reach",
    "recut",
    "scored",
    "seed_spread",
    "settings",
    "size_of",
    "start",
    "statuses",
    "stop",
    "sweepable",
    "table",
    "table_bytes",
    "value_of",
    "write_prepared",
]
