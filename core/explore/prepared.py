"""Making the runs that come with the app: trained in a home of their own, made small, written to ``assets/prepared/``."""

from __future__ import annotations

import io
import json
import tempfile
import zipfile
from dataclasses import asdict
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from core.common import AffinityLabError, atomic_write, unpacked
from core.datasets import load
from core.explore.scene import run_scene
from core.runs import Prepared, Run, RunStore, Status, execute, frame_files, this_process

MOST_FRAMES = 40
KEPT_BITS = 11  # of the 23 after the leading one of a float32: three digits, and half the size once compressed
NOT_KEPT = ("Z_pretrained",)
OWNER_COLUMNS = ("pid", "pid_started", "boot")
_DAY = (2026, 11, 26, 0, 0, 0)  # of every member, so that equal content is an equal file


def build_prepared(chosen: Prepared) -> Run:
    """Train one, and write its .zip.

    Raises
    ------
    AffinityLabError
        If it does not end as it should.
    """
    with tempfile.TemporaryDirectory() as warm, tempfile.TemporaryDirectory() as home:
        for place in (warm, home):  # the first run of a process waits for imports while it looks, and leaves out looks for that
            store = RunStore(Path(place))
            run = execute(store, store.create(chosen.spec(), owner=this_process()).id)
        if run.status != Status.DONE:
            raise AffinityLabError(f"The run {chosen.name} has ended as {run.status}: {(run.error or {}).get('message', '')}")
        members = {
            "run.json": json.dumps(_columns(run, chosen), indent=1).encode(),
            "history.json": json.dumps([asdict(row) for row in store.history(run.id)]).encode(),
            "scene.bin": run_scene(store, run, load(run.spec.data), None),
            "frames.bin": _frames(store, run),
            "final.npz": _arrays(store, run),
        }
    with atomic_write(chosen.file) as file, zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for name, content in members.items():
            archive.writestr(zipfile.ZipInfo(name, _DAY), content, zipfile.ZIP_DEFLATED)
    return run


def _columns(run: Run, chosen: Prepared) -> dict[str, object]:
    """The record as another store takes it: under its own id, and of no process."""
    kept = {name: value for name, value in asdict(run).items() if name not in ("request", *OWNER_COLUMNS)}
    return {**kept, "id": chosen.run_id, "spec": run.spec.to_dict(), "tags": "prepared", "notes": chosen.sentence}


def _frames(store: RunStore, run: Run) -> bytes:
    """Its film, thinned evenly where it is long; the first and the last frame stay."""
    files = frame_files(store.files.folder(run.id))
    picked = np.unique(np.linspace(0, len(files) - 1, min(len(files), MOST_FRAMES)).round().astype(int))
    content = b"".join(files[i].read_bytes() for i in picked)
    assert any(True for _ in unpacked(content))
    return content


def _arrays(store: RunStore, run: Run) -> bytes:
    arrays = {name: _shortened(array) for name, array in store.files.arrays(run.id, "final").items() if name not in NOT_KEPT}
    target = io.BytesIO()
    np.savez(target, allow_pickle=False, **arrays)
    return target.getvalue()


def _shortened(array: NDArray) -> NDArray:
    """Values rounded to fewer binary digits, which compress well."""
    if array.dtype != np.float32:
        return array
    lost = 23 - KEPT_BITS
    bits = np.ascontiguousarray(array).view(np.uint32)
    rounded = (bits + np.uint32(1 << (lost - 1))) & np.uint32(0xFFFFFFFF << lost & 0xFFFFFFFF)
    return rounded.view(np.float32)
