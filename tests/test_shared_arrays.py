"""Arrays that several runs have in common are on disk once, and no run hangs on another."""

from __future__ import annotations

import io
import os
import zipfile
from pathlib import Path

import numpy as np
import pytest

from core.common import StorageError
from core.datasets import DataSpec
from core.runs import RunHandle, RunSpec, RunStore, Status, execute, export_run, make_spec, sweep, this_process
from core.runs.shared import LEAST

SPEC = RunSpec(method="kmeans", data=DataSpec("digits", per_class=8), params={})
Z = np.arange(LEAST, dtype=np.float32).reshape(-1, 64)


def finished(store: RunStore, values: np.ndarray = Z) -> str:
    run = RunHandle.open(store, store.create(SPEC, owner=this_process()).id)
    run.save_arrays("final", {"Z": values, "labels": np.arange(3)}, shared=("Z", "labels"))
    run.finish(Status.DONE, {"metrics": {"acc": 0.5}})
    return run.id


def files(store: RunStore, run: str) -> list[Path]:
    return sorted(store.files.folder(run).glob("*.npy"))


def test_what_two_runs_have_in_common_is_one_file(store: RunStore) -> None:
    first, second, other = finished(store), finished(store), finished(store, Z + 1)
    (one,), (two,), (three,) = (files(store, run) for run in (first, second, other))
    assert one.samefile(two) and not one.samefile(three)
    for run, values in ((first, Z), (second, Z), (other, Z + 1)):
        final = store.files.arrays(run, "final")
        np.testing.assert_array_equal(final["Z"], values)
        assert list(final) == ["Z", "labels"] == store.files.array_names(run, "final")
        assert "Z" not in store.files.arrays(run, "final", ["labels"])
    assert (store.files.folder(first) / "final.npz").stat().st_size < 2000, "what is small stays in the archive"


def test_a_run_is_whole_without_the_others_and_the_last_one_takes_it_along(store: RunStore) -> None:
    first, second = finished(store), finished(store)
    pool = store.home / "arrays"
    store.delete(first)
    store.trash.sweep(seconds=-1)
    np.testing.assert_array_equal(store.files.arrays(second, "final")["Z"], Z)
    assert len(list(pool.iterdir())) == 1
    store.delete(second)
    store.trash.sweep(seconds=-1)
    assert not list(pool.iterdir())


def test_what_a_kill_left_in_the_pool_goes_at_the_next_start(store: RunStore) -> None:
    run = finished(store)
    files(store, run)[0].unlink()
    assert any(name.startswith("arrays/") for name in sweep(store)) and not list((store.home / "arrays").iterdir())


@pytest.mark.parametrize("harm", ["bit", "half", "gone"])
def test_a_file_that_is_not_what_its_name_says_is_told_and_not_handed_on(store: RunStore, harm: str) -> None:
    run = finished(store)
    (path,) = files(store, run)
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    if harm == "gone":
        path.unlink()
    else:
        path.write_bytes(content if harm == "bit" else content[: len(content) // 2])  # in place: the pool's is the same
    with pytest.raises(StorageError, match=path.name):
        store.files.arrays(run, "final")
    assert len(store.files.arrays(run, "final", ["labels"])) == 1
    np.testing.assert_array_equal(store.files.arrays(finished(store), "final")["Z"], Z)


def test_without_hard_links_each_run_has_its_own(store: RunStore, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError("no hard links here")

    monkeypatch.setattr(os, "link", refuse)
    first, second = finished(store), finished(store)
    assert not files(store, first)[0].samefile(files(store, second)[0])
    np.testing.assert_array_equal(store.files.arrays(second, "final")["Z"], Z)
    assert not list(store.home.rglob("*.tmp"))


def test_runs_from_one_network_share_its_codes_and_their_exports_are_whole(
    store: RunStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("core.runs.handle.LEAST", 1)
    tiny = {"pretrain_epochs": 1, "epochs": 2, "widths": (16, 8), "network": "dense"}
    specs = [
        make_spec("dsc", DataSpec("digits", per_class=8), preset="defaults", overrides={**tiny, "lambda_2": weight})
        for weight in (1.0, 2.0)
    ]
    one, two = (execute(store, store.create(spec, owner=this_process()).id) for spec in specs)
    (first,), (second,) = files(store, one.id), files(store, two.id)
    assert first.samefile(second)
    whole, packed = store.files.arrays(two.id, "final"), io.BytesIO()
    export_run(store, two.id, packed)
    with zipfile.ZipFile(packed) as archive, archive.open("arrays.npz") as file, np.load(io.BytesIO(file.read())) as exported:
        assert {"Z_pretrained", "C", "labels"} <= set(exported.files) == set(whole)
        for name, value in whole.items():
            np.testing.assert_array_equal(exported[name], value)
