"""Sweeps that were started: one small file each, which says which run of the store is which cell."""

from __future__ import annotations

import json
import secrets
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from core.common import UnknownName, atomic_write, demand_writable, stored_file
from core.sweeps.spec import Cell, Sweep

SUFFIX = ".json"


@dataclass(frozen=True, kw_only=True)
class SweepRecord:
    """A sweep and its cells, as they were when it was read; what became of them is told by the runs."""

    id: str
    created: float
    sweep: Sweep
    cells: tuple[Cell, ...]
    cut: bool = False  # its settings are read off one C a seed, see `core.sweeps.cuts`

    @property
    def title(self) -> str:
        """Its name, or what it varies."""
        varied = " x ".join(axis.name.removeprefix("data.") for axis in self.sweep.axes) or "seeds"
        return self.sweep.name or f"{self.sweep.base.method} on {self.sweep.base.data.label}: {varied}"

    @property
    def runs(self) -> list[str]:
        """The runs there are, each once."""
        return list(dict.fromkeys(cell.run for cell in self.cells if cell.run is not None))


class SweepStore:
    """The sweeps of one home, in ``<home>/sweeps/``.

    Parameters
    ----------
    home : path
        As that of the `RunStore` that has the runs.
    """

    def __init__(self, home: Path) -> None:
        self._folder = home / "sweeps"

    def create(self, sweep: Sweep, cells: Sequence[Cell], *, cut: bool = False) -> SweepRecord:
        """Keep a sweep under a new id."""
        made = f"{time.strftime('%y%m%d-%H%M%S')}-{sweep.base.method}-{secrets.token_hex(3)}"
        record = SweepRecord(id=made, created=time.time(), sweep=sweep, cells=tuple(cells), cut=cut)
        self.save(record)
        return record

    def save(self, record: SweepRecord) -> None:
        """Keep what is known of it now."""
        demand_writable("a sweep")
        cells = [{"setting": cell.setting, "seed": cell.seed, "run": cell.run} for cell in record.cells]
        plain = {"id": record.id, "created": record.created, "sweep": record.sweep.to_dict(), "cells": cells, "cut": record.cut}
        with atomic_write(self._folder / f"{record.id}{SUFFIX}") as file:
            file.write(json.dumps(plain).encode())

    def ids(self) -> list[str]:
        """All sweeps, newest first."""
        return sorted((path.stem for path in self._folder.glob(f"*{SUFFIX}") if not path.name.startswith(".")), reverse=True)

    def all(self) -> list[SweepRecord]:
        """All sweeps, newest first."""
        return [self.get(known) for known in self.ids()]

    def get(self, sweep_id: str) -> SweepRecord:
        """Read one sweep.

        Raises
        ------
        UnknownName
            If there is no such sweep.
        StorageError
            If its file is broken.
        """
        if sweep_id not in self.ids():
            raise UnknownName("sweep", sweep_id, self.ids()[:20])
        path = self._folder / f"{sweep_id}{SUFFIX}"
        with stored_file(path):
            plain = json.loads(path.read_text())
            cells = tuple(_cell(cell) for cell in plain["cells"])
            sweep, cut = Sweep.from_dict(plain["sweep"]), plain["cut"]
            return SweepRecord(id=plain["id"], created=plain["created"], sweep=sweep, cells=cells, cut=cut)


def _cell(plain: Mapping[str, Any]) -> Cell:
    setting = {name: tuple(value) if isinstance(value, list) else value for name, value in plain["setting"].items()}
    return Cell(setting, plain["seed"], plain["run"])
