"""What the papers print: their tables with where each number stands, which of our runs is which row, and ours beside theirs.

The tables are ``assets/papers/*.json``. Uses `core.sweeps`, `core.runs` and rooms below.
"""

from core.papers.desk import STATES, Cell, Ours, Slot, absence, ask, cells, desk, ours_of, seconds_for, state_of
from core.papers.published import Published, published, spoken
from core.papers.recipes import QUICK_SAMPLES, part_of, spec_for, stands_in
from core.papers.tables import Column, Note, Paper, Row, Table, Way, papers, table, tables

__all__ = [
    "QUICK_SAMPLES",
    "STATES",
    "Cell",
    "Column",
    "Note",
    "Ours",
    "Paper",
    "Published",
    "Row",
    "Slot",
    "Table",
    "Way",
    "absence",
    "ask",
    "cells",
    "desk",
    "ours_of",
    "papers",
    "part_of",
    "published",
    "seconds_for",
    "spec_for",
    "spoken",
    "stands_in",
    "state_of",
    "table",
    "tables",
]
