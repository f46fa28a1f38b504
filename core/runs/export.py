"""Runs as one .zip: spec, result, history, arrays, labels, weights, log."""

from __future__ import annotations

import csv
import dataclasses
import io
import json
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from core.common import StorageError, atomic_write
from core.runs.files import write_arrays
from core.runs.numbers import numbered_labels
from core.runs.spec import HistoryRow, Status
from core.runs.store import RunStore


def export_run(store: RunStore, run_id: str, target: Path | io.BytesIO) -> None:
    """Write a run to a file or to memory.

    A path is written through a temporary name, so that a failed export leaves nothing behind. Of a record that cannot be
    read, ``run.json`` holds the columns as they are stored.

    Raises
    ------
    StorageError
        If the arrays of a run with scores are gone.
    """
    if isinstance(target, Path):
        with atomic_write(target) as file:
            _export(store, run_id, file)
    else:
        _export(store, run_id, target)


def export_runs(store: RunStore, run_ids: Sequence[str], target: io.BytesIO) -> None:
    """Write several runs to memory, each into a folder of its own.

    Raises
    ------
    StorageError
        If the arrays of a run with scores are gone.
    """
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for run_id in run_ids:
            _pack(store, run_id, archive, f"{run_id}/")


def _export(store: RunStore, run_id: str, file: Any) -> None:
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        _pack(store, run_id, archive)


def _pack(store: RunStore, run_id: str, archive: zipfile.ZipFile, place: str = "") -> None:
    run, folder = store.get(run_id), store.files.folder(run_id)
    if run.result.get("metrics") and not (folder / "final.npz").is_file():
        raise StorageError(f"The arrays of the run {run_id} are gone: there is no {folder / 'final.npz'}.")
    broken = run.status == Status.BROKEN
    record = store.raw(run_id) if broken else dataclasses.asdict(run) | {"spec": run.spec.to_dict()}
    if not broken:
        archive.writestr(f"{place}spec.json", json.dumps(run.spec.to_dict(), indent=2))
    archive.writestr(f"{place}run.json", json.dumps(record, indent=2))
    archive.writestr(f"{place}history.csv", _history_csv(store.history(run_id)))
    final = store.files.arrays(run_id, "final", ("labels", "y", "indices"))
    if "labels" in final:
        archive.writestr(f"{place}labels.csv", _labels_csv(final, numbered_labels(folder, final["labels"], final.get("y"))))
    if (folder / "final.npz").exists():
        with archive.open(f"{place}arrays.npz", "w", force_zip64=True) as file:
            write_arrays(file, store.files.arrays(run_id, "final"))
    for name in ("weights.safetensors", "log.txt"):
        if (folder / name).exists():
            archive.write(folder / name, place + name)


def _history_csv(rows: list[HistoryRow]) -> str:
    names = list(dict.fromkeys(name for row in rows for name in row.scalars))
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(["seq", "stage", "step", "seconds", *names])
    for row in rows:
        writer.writerow([row.seq, row.stage, row.step, row.seconds, *(row.scalars.get(name, "") for name in names)])
    return text.getvalue()


def _labels_csv(final: Mapping[str, NDArray], numbered: NDArray) -> str:
    """Each sample with its cluster as stored, and under the number that the pictures of the app use."""
    columns: dict[str, Any] = {"sample": final["indices"], "cluster": final["labels"], "shown_as": numbered}
    if "y" in final:
        columns["class"] = [number if number >= 0 else "" for number in final["y"].tolist()]
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(columns)
    writer.writerows(zip(*columns.values(), strict=True))
    return text.getvalue()
