"""Runs that come with the app: the present code reads each, they come into a store once, and stand moving on the first page."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from core import explore, runs
from core.common import ReadOnlyError, RunConflict, StorageError, UnknownName, unpacked
from core.datasets import MAKERS, load
from core.evaluation import clustering_accuracy
from core.explore import build_prepared, differences
from core.explore.prepared import MOST_FRAMES
from core.runs import (
    Prepared,
    RunStore,
    Status,
    bring,
    film_of_prepared,
    frame_files,
    numbered_labels,
    prepared_run,
    prepared_runs,
)
from tests.conftest import ROOT

NAMES = list(prepared_runs())
MOST_BYTES = 6_000_000


def test_all_are_there_and_small() -> None:
    files = sorted(path.stem for path in runs.prepared_run(NAMES[0]).file.parent.glob("*.zip"))
    assert files == sorted(NAMES) and sum(prepared_run(name).file.stat().st_size for name in NAMES) < MOST_BYTES
    assert 4 <= sum(one.start for one in prepared_runs().values()) <= 6
    assert {one.spec().data.name for one in prepared_runs().values()} <= {"digits", *MAKERS}, "no faces, no objects"


@pytest.mark.parametrize("name", NAMES)
def test_the_present_code_reads_what_was_kept(name: str, store: RunStore) -> None:
    run = store.get(bring(store, name))
    assert run.status == Status.DONE
    assert differences([run.spec, prepared_run(name).spec()]) == {}, "made with other settings: make them again"
    data = load(run.spec.data)
    assert data.fingerprint == run.result["fingerprint"], "the data are made or drawn in another way now: make them again"
    final = store.files.arrays(run.id, "final", ("labels", "y"))
    np.testing.assert_array_equal(final["y"], data.y)
    assert clustering_accuracy(data.y, final["labels"]) == pytest.approx(run.result["metrics"]["acc"])
    film = list(unpacked(film_of_prepared(name)[1]))
    assert len(film) > 10 and len(frame_files(store.files.folder(run.id))) == len(film)
    np.testing.assert_array_equal(film[-1][1]["labels"], numbered_labels(store.files.folder(run.id), final["labels"], data.y))
    scene, arrays = next(unpacked(film_of_prepared(name)[0]))
    assert scene["n"] == data.n_samples and len(scene["classes"]) == data.n_classes
    np.testing.assert_array_equal(arrays["y"], data.y)
    assert any("acc" in row.scalars for row in store.history(run.id))


@pytest.mark.parametrize("name", ["udll-digits", "subspaces"])
def test_a_kept_affinity_is_cut_into_nearly_the_same_clusters(name: str, store: RunStore) -> None:
    """Values are kept to three digits, so a few samples between two clusters may go the other way."""
    run = store.get(bring(store, name))
    again, _ = explore.still(store, run=run.id)
    blocks, _ = explore.matrix(store, run=run.id, which="affinity", order="class", pixels=40)
    assert blocks["blocks"].shape == (40, 40) and "blocks" in again
    shown = list(unpacked(film_of_prepared(name)[1]))[-1][1]["blocks"].astype(int)
    assert np.abs(again["blocks"].astype(int) - shown).mean() < 3


def test_one_comes_once_and_again_when_it_was_deleted(store: RunStore) -> None:
    first = bring(store, "subspaces")
    assert bring(store, "subspaces") == first == "prepared-subspaces" and len(store.runs()) == 1
    written = store.get(first)
    store.annotate(first, notes="mine")
    bring(store, "subspaces")
    with zipfile.ZipFile(prepared_run("subspaces").file) as archive:
        store.adopt(json.loads(archive.read("run.json")))
    assert store.get(first).notes == "mine" and written.tags == "prepared"
    store.delete(first)
    assert not store.has(first)
    assert bring(store, "subspaces") == first and store.get(first).notes == "mine", "what was deleted just now comes back"
    store.delete(first)
    store.trash.sweep(0)
    assert bring(store, "subspaces") == first and store.get(first).notes != "mine"
    assert store.files.arrays(first, "final", ["labels"])["labels"].size == 200


def test_what_cannot_be_brought_is_said(store: RunStore, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    with pytest.raises(UnknownName, match=r"no prepared run named 'udll-digit'\. Did you mean 'udll-digits'"):
        bring(store, "udll-digit")
    with pytest.raises(RunConflict, match="Only a run that is over"):
        store.adopt({"id": "x", "status": "running"})
    monkeypatch.setattr("core.runs.prepared.FOLDER", tmp_path)
    (tmp_path / "subspaces.zip").write_bytes(b"no zip")
    with pytest.raises(StorageError, match=r"subspaces\.zip is broken"):
        bring(store, "subspaces")
    assert not store.runs()
    monkeypatch.undo()
    monkeypatch.setenv("AFFINITY_LAB_READONLY", "1")
    with pytest.raises(ReadOnlyError):
        bring(store, "subspaces")


def test_one_is_made_by_the_command(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, store: RunStore) -> None:
    monkeypatch.setattr("core.runs.prepared.FOLDER", tmp_path)
    data = {"name": "subspaces", "make": {"n_points": 10}}
    small = Prepared(
        name="small", title="T", sentence="S.", method="dsc", data=data, params={"epochs": 3, "pretrain_epochs": 2}
    )
    run = build_prepared(small)
    with zipfile.ZipFile(small.file) as archive:
        record = json.loads(archive.read("run.json"))
        kept = np.load(archive.open("final.npz"))
        assert record["id"] == "prepared-small" and record["notes"] == "S." and not {"pid", "boot", "pid_started"} & set(record)
        C = kept["C"]
        assert C.dtype == np.float32 and not (C.view(np.uint32) & 0xFFF).any(), "what does not show is not kept"
        frames = list(unpacked(archive.read("frames.bin")))
    assert len(frames) <= MOST_FRAMES and frames[-1][0]["stage"] == "final"
    assert run.result["metrics"]["acc"] == record["result"]["metrics"]["acc"]


@pytest.mark.journey
@pytest.mark.usefixtures("inline_queue")
def test_the_first_page_opens_a_prepared_run(store: RunStore) -> None:
    app = AppTest.from_file(str(ROOT / "app.py"), default_timeout=60).run()
    assert not app.exception and app.title[0].value == "Affinity Lab"
    shown = [one for one in prepared_runs().values() if one.start]
    assert [button.key for button in app.button if str(button.key).startswith("open:")] == [f"open:{one.name}" for one in shown]
    assert not store.runs(), "looking at the page stores nothing"
    app.button(key="open:subspaces").click().run()
    assert not app.exception and app.title[0].value == "Explore"
    assert [run.id for run in store.runs(references=False)] == ["prepared-subspaces"]
    assert "ACC **1.000**" in "".join(str(each.value) for each in app.markdown)


@pytest.mark.journey
@pytest.mark.usefixtures("inline_queue")
def test_the_first_page_of_an_app_for_looking_opens_nothing_new(monkeypatch: pytest.MonkeyPatch, store: RunStore) -> None:
    bring(store, "subspaces")
    monkeypatch.setenv("AFFINITY_LAB_READONLY", "1")
    app = AppTest.from_file(str(ROOT / "app.py"), default_timeout=60).run()
    assert not app.exception and app.button(key="open:too-long").disabled and not app.button(key="open:subspaces").disabled
