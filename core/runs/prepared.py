"""Runs that come with the app: trained before, read here, and taken into a store when somebody opens them.

``assets/prepared/prepared.toml`` says what each is, ``python -m core prepared`` trains them and writes a .zip for each:
``run.json`` (the columns of the record), ``history.json``, ``final.npz``, ``scene.bin`` and ``frames.bin`` (packed records).
"""

from __future__ import annotations

import json
import tomllib
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from core import methods
from core.common import DataError, StorageError, atomic_write, named, pack, stored_file, unpacked
from core.datasets import DataSpec
from core.runs.execution import make_spec
from core.runs.frames import FOLDER as FRAMES
from core.runs.frames import SUFFIX
from core.runs.spec import RunSpec
from core.runs.store import RunStore

FOLDER = Path(__file__).resolve().parents[2] / "assets" / "prepared"
PREFIX = "prepared-"
LOOKS = 40  # in each stage: a film that is there to be watched


@dataclass(frozen=True, kw_only=True)
class Prepared:
    """One run that comes with the app.

    Attributes
    ----------
    name, title, sentence
        Key, heading, and what there is to see.
    method, data, preset, params, seed
        What was run.
    look
        How it is shown at first, by the keys of a link of the lab: ``by``, ``colour``, ``order``, ``at``.
    start
        Whether it stands on the page Start.
    """

    name: str
    title: str
    sentence: str
    method: str
    data: Mapping[str, Any]
    preset: str = "auto"
    params: Mapping[str, Any] = field(default_factory=dict)
    seed: int = 0
    look: Mapping[str, str] = field(default_factory=dict)
    start: bool = False

    @property
    def run_id(self) -> str:
        """Its id in every store."""
        return PREFIX + self.name

    @property
    def file(self) -> Path:
        return FOLDER / f"{self.name}.zip"

    def spec(self) -> RunSpec:
        """What was run, complete and checked."""
        data = DataSpec.from_dict(self.data)
        return make_spec(
            self.method,
            data,
            preset=methods.made_for(self.method, data.name) if self.preset == "auto" else self.preset,
            overrides=self.params,
            seed=self.seed,
            device="cpu",
            snapshots=LOOKS,
            looking=1.0,
            arithmetic="exact",
        )


@cache
def prepared_runs() -> Mapping[str, Prepared]:
    """All of them, in the order of their file.

    Raises
    ------
    DataError
        If one is described incompletely.
    """
    listed = tomllib.loads((FOLDER / "prepared.toml").read_text(encoding="utf-8"))
    try:
        return {name: Prepared(name=name, **facts) for name, facts in listed.items()}
    except TypeError as error:
        raise DataError(f"prepared.toml: {error}") from error


def prepared_run(name: str) -> Prepared:
    """One of them.

    Raises
    ------
    UnknownName
        If there is none of that name.
    """
    return named("prepared run", name, prepared_runs())


def film_of_prepared(name: str) -> tuple[bytes, bytes]:
    """The scene and the frames of one, as the lab takes them, without a store."""
    file = prepared_run(name).file
    with stored_file(file), zipfile.ZipFile(file) as archive:
        return archive.read("scene.bin"), archive.read("frames.bin")


def bring(store: RunStore, name: str) -> str:
    """Take one into a store, if it is not there yet, and tell its id there.

    Raises
    ------
    StorageError
        If its file is missing or broken.
    ReadOnlyError
        If the store may only be looked at.
    """
    chosen = prepared_run(name)
    if store.has(chosen.run_id):
        return chosen.run_id
    if chosen.run_id in store.trash.all():
        store.undelete(chosen.run_id)
        return chosen.run_id
    with stored_file(chosen.file), zipfile.ZipFile(chosen.file) as archive:
        record, history = json.loads(archive.read("run.json")), json.loads(archive.read("history.json"))
        if record["id"] != chosen.run_id:
            raise StorageError(f"{chosen.file.name} holds the run {record['id']}, not {chosen.run_id}.")
        folder = store.files.folder(chosen.run_id)
        (folder / FRAMES).mkdir(parents=True, exist_ok=True)
        for facts, arrays in unpacked(archive.read("frames.bin")):
            with atomic_write(folder / FRAMES / f"{facts['place']:010d}{SUFFIX}") as file:
                file.write(pack(facts, arrays))
        with atomic_write(folder / "final.npz") as file:
            file.write(archive.read("final.npz"))
    store.adopt(record, history)
    return chosen.run_id
