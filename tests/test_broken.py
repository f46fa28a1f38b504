"""What is broken is told by name, can be deleted, and takes nothing else with it."""

from __future__ import annotations

import json
import os
import sqlite3
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from core import cli, runs
from core.common import InvalidInput, StorageError
from core.datasets import DataSpec
from core.runs import PretrainedStore, RunStore, Status, execute, make_spec, predict, this_process
from core.runs.database import SCHEMA_VERSION
from tests.conftest import ROOT

SMALL = DataSpec("digits", per_class=12, n_classes=4)


@pytest.fixture
def two(store: RunStore) -> tuple[str, str]:
    """Two finished runs: the first is what the test breaks, the second what must not suffer from it."""
    specs = [make_spec("ridge", SMALL, device="cpu", seed=seed) for seed in (0, 1)]
    broken, fine = (execute(store, store.create(spec, owner=this_process()).id).id for spec in specs)
    return broken, fine


def change(store: RunStore, run_id: str, **columns: object) -> None:
    """Write into a record past all checks, as a bug or another program would."""
    with sqlite3.connect(store.home / "runs.sqlite") as db:
        for column, value in columns.items():
            db.execute(f"UPDATE runs SET {column} = ? WHERE id = ?", (value, run_id))


def spec_with(store: RunStore, run_id: str, **changes: object) -> str:
    return json.dumps({**store.get(run_id).spec.to_dict(), **changes})


BROKEN: dict[str, Callable[[RunStore, str], dict[str, object]]] = {
    "an unknown field": lambda store, run: {"spec": spec_with(store, run, colour="red")},
    "no spec": lambda store, run: {"spec": "{"},
    "an unknown status": lambda store, run: {"status": "asleep"},
    "a result that is no record": lambda store, run: {"result": "[1, 2"},
    "a date beyond all calendars": lambda store, run: {"created": 1e300},
    "a negative date": lambda store, run: {"finished": -1e12},
    "a method that is not installed": lambda store, run: {"spec": spec_with(store, run, method="gone")},
}


@pytest.mark.parametrize("kind", BROKEN)
def test_a_broken_record_is_marked_and_all_others_are_there(store: RunStore, two: tuple[str, str], kind: str) -> None:
    broken, fine = two
    change(store, broken, **BROKEN[kind](store, broken))
    store = RunStore(store.home, known_methods=True)  # as pages look at it
    found = {run.id: run for run in store.runs()}
    assert found[fine].status == Status.DONE and found[broken].status == Status.BROKEN
    assert found[broken].error is not None and "cannot be read" in found[broken].error["message"]
    assert [run.id for run in store.runs(status=[Status.DONE])] == [fine]
    assert [run.id for run in store.runs(status=[Status.DONE], method="ridge")] == [fine]
    assert [run.id for run in store.runs(status=[Status.BROKEN])] == [broken]
    assert runs.settle_lost(store) == []
    store.delete(broken)
    assert [run.id for run in store.runs()] == [fine] and not store.files.folder(broken).exists()


@pytest.mark.journey
@pytest.mark.usefixtures("inline_queue")
@pytest.mark.parametrize("kind", ["an unknown field", "a date beyond all calendars", "a method that is not installed"])
def test_no_page_falls_over_a_broken_record(store: RunStore, two: tuple[str, str], kind: str, tmp_path: Path) -> None:
    broken, fine = two
    change(store, broken, **BROKEN[kind](store, broken))
    for name in ("data", "train", "explore", "runs", "autoencoders", "results"):
        for looked_at in (fine, broken):
            page = open_page(name, looked_at)
            assert not page.exception, (name, page.exception)
    table = next(frame.value for frame in open_page("runs", fine).dataframe if "Status" in frame.value)
    assert dict(zip(table["Id"], table["Status"], strict=True))[broken] == "broken"
    assert cli.main(["export", broken, str(tmp_path / "broken.zip")]) == 0 and (tmp_path / "broken.zip").is_file()


def test_a_broken_record_is_exported_as_it_is_stored(store: RunStore, two: tuple[str, str], tmp_path: Path) -> None:
    change(store, two[0], spec='{"colour": "red"}')
    runs.export_run(store, two[0], tmp_path / "broken.zip")
    with zipfile.ZipFile(tmp_path / "broken.zip") as archive:
        assert json.loads(archive.read("run.json"))["spec"] == '{"colour": "red"}'
        assert {"arrays.npz", "labels.csv"} <= set(archive.namelist())


def test_a_broken_record_that_is_marked_active_can_be_deleted(store: RunStore, two: tuple[str, str]) -> None:
    change(store, two[0], spec="{", status="running")
    assert runs.settle_lost(store) == [] and store.get(two[0]).status == Status.BROKEN
    store.delete(two[0])
    assert [run.id for run in store.runs()] == [two[1]]


def test_a_run_whose_files_are_gone_is_not_exported(store: RunStore, two: tuple[str, str], tmp_path: Path) -> None:
    (store.files.folder(two[0]) / "final.npz").unlink()
    with pytest.raises(StorageError, match=r"gone.*final\.npz"):
        runs.export_run(store, two[0], tmp_path / "run.zip")
    assert not list(tmp_path.glob("*.zip*"))
    assert cli.main(["export", two[0], str(tmp_path / "run.zip")]) == 1


@pytest.mark.journey
def test_a_home_that_cannot_be_used_is_a_sentence_on_the_page(lab_home: Path, inline_queue: None) -> None:
    lab_home.mkdir(parents=True, exist_ok=True)
    (lab_home / "runs.sqlite").write_bytes(b"no database" * 100)
    app = AppTest.from_file(str(ROOT / "app.py"), default_timeout=60).run()
    assert not app.exception and any("runs.sqlite cannot be used" in error.value.replace("\\", "") for error in app.error)


def test_a_kept_network_that_is_broken_is_made_again(store: RunStore) -> None:
    spec = make_spec(
        "ae_kmeans", SMALL, preset="defaults", overrides={"pretrain_epochs": 2, "channels": (4,), "kernel_sizes": (3,)}
    )
    first = execute(store, store.create(spec, owner=this_process()).id)
    kept = PretrainedStore(store.home)
    (kept.root / first.result["pretrained"]["key"] / "state.pt").write_bytes(b"half a network")
    again = execute(store, store.create(spec, owner=this_process()).id)
    assert again.status == Status.DONE and not again.result["pretrained"]["reused"]
    assert kept.state(first.result["pretrained"]["key"])
    third = execute(store, store.create(spec, owner=this_process()).id)
    assert third.result["pretrained"]["reused"] and third.result["metrics"] == again.result["metrics"]


def open_page(name: str, run_id: str) -> AppTest:
    app = AppTest.from_file(str(ROOT / "app.py"), default_timeout=60)
    app.session_state["data"], app.session_state["run"] = SMALL.to_dict(), run_id
    app.query_params["run"] = run_id
    app.run()
    return app.switch_page(f"pages/{name}.py").run()


# ---- files -----------------------------------------------------------------------------------------------------------


@pytest.mark.journey
@pytest.mark.usefixtures("inline_queue")
@pytest.mark.parametrize("content", [b"", b"half a file", b"PK\x03\x04" + bytes(60)])
def test_broken_arrays_are_told_by_name(store: RunStore, two: tuple[str, str], content: bytes) -> None:
    broken, fine = two
    for name in ("final", "live"):
        (store.files.folder(broken) / f"{name}.npz").write_bytes(content)
    with pytest.raises(StorageError, match=r"final\.npz"):
        store.files.arrays(broken, "final")
    assert any("final.npz" in error.value.replace("\\", "") for error in open_page("explore", broken).error)
    for name in ("explore", "train", "runs"):
        for looked_at in two:
            assert not open_page(name, looked_at).exception, name
    assert cli.main(["predict", broken, "--dataset", "digits"]) == 1
    assert store.files.arrays(fine, "final")


def test_broken_weights_are_told_by_name(store: RunStore, two: tuple[str, str]) -> None:
    (store.files.folder(two[0]) / "weights.safetensors").write_bytes(b"\xff" * 100)
    with pytest.raises(StorageError, match=r"weights\.safetensors"):
        predict.fitted(store, two[0])


@pytest.mark.parametrize("about", ["{", "[]", '{"recipe": {}}', '{"recipe": {}, "facts": {"created": "soon"}}'])
def test_a_network_that_cannot_be_understood_is_left_out(lab_home: Path, about: str) -> None:
    kept = PretrainedStore(lab_home)
    facts = {"created": 1.0, "seconds": 1.0, "dataset": "d", "n_samples": 3, "method": "udll", "run": "r", "device": "cpu"}
    for key in ("a" * 16, "b" * 16):
        kept.put(key, {}, {"w": np.zeros(1)}, facts, {})
    (kept.root / ("a" * 16) / "about.json").write_text(about)
    assert [network.key for network in kept.all()] == ["b" * 16] and kept.find("a" * 16) is None
    kept.put("a" * 16, {}, {"w": np.ones(1)}, facts, {})  # the next run that needs it makes it again
    assert kept.find("a" * 16) is not None


# ---- the home and the command line -----------------------------------------------------------------------------------


def test_a_newer_database_is_refused_and_an_older_one_taken_over(store: RunStore, two: tuple[str, str]) -> None:
    with sqlite3.connect(store.home / "runs.sqlite") as db:
        db.execute("PRAGMA user_version = 0")  # as it was before there were versions
    assert {run.id for run in RunStore(store.home).runs()} == set(two)
    with sqlite3.connect(store.home / "runs.sqlite") as db:
        assert db.execute("PRAGMA user_version").fetchone() == (SCHEMA_VERSION,)
        db.execute(f"PRAGMA user_version = {SCHEMA_VERSION + 1}")
    with pytest.raises(StorageError, match="newer version"):
        RunStore(store.home)


@pytest.mark.parametrize("words", [["list"], ["show", "x"], ["run", "kmeans", "--dataset", "digits"], ["delete", "x"]])
def test_a_home_that_cannot_be_used_is_a_sentence(
    words: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").write_text("no folder")
    monkeypatch.setenv("AFFINITY_LAB_HOME", str(tmp_path / "file"))
    assert cli.main(words) == 2 and "must be a folder" in capsys.readouterr().err
    broken = tmp_path / "broken"
    broken.mkdir()
    (broken / "runs.sqlite").write_bytes(b"no database" * 100)
    monkeypatch.setenv("AFFINITY_LAB_HOME", str(broken))
    assert cli.main(words) == 1 and "runs.sqlite cannot be used" in capsys.readouterr().err
    monkeypatch.setenv("AFFINITY_LAB_HOME", "/proc/here")
    assert cli.main(words) == 1 and "error: /proc/here" in capsys.readouterr().err


def test_a_full_disk_is_a_sentence(
    store: RunStore, two: tuple[str, str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, os.strerror(28), str(tmp_path / "x.zip"))

    monkeypatch.setattr(os, "fsync", full)
    assert cli.main(["export", two[1], str(tmp_path / "x.zip")]) == 1
    assert "No space left on device" in capsys.readouterr().err and not list(tmp_path.glob("*.zip*"))


@pytest.mark.parametrize("words", ["export {run} {file}", "predict {run} --dataset digits --out {file}"])
def test_nothing_that_stands_there_is_replaced_unasked(
    two: tuple[str, str], words: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file, link = tmp_path / "out", tmp_path / "link"
    file.write_text("precious")
    link.symlink_to(file)

    def call(target: Path, *more: str) -> int:
        return cli.main([*words.format(run=two[1], file=target).split(), *more])

    assert call(file) == 2 and "--force" in capsys.readouterr().err and file.read_text() == "precious"
    for place in (link, Path("/dev/null")):
        assert call(place, "--force") == 2 and "link or a device" in capsys.readouterr().err
    assert link.is_symlink() and file.read_text() == "precious" and Path("/dev/null").is_char_device()
    assert call(file, "--force") == 0 and file.read_bytes() != b"precious"


def test_a_home_must_be_a_folder(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(InvalidInput, match="must be a folder"):
        RunStore(tmp_path / "file")
