"""Data sets as files again: an export imported is the same, and what is kept can be changed without losing what was."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from core import datasets
from core.common import DataError, UnknownName
from core.datasets import Choices, Dataset, DataSpec, load
from tests.test_cli import ask

pytestmark = pytest.mark.usefixtures("read_in_this_process")
RANDOM = np.random.default_rng(8)
X = RANDOM.normal(3, 9, (40, 4)).astype(np.float32)
Y = np.arange(40) % 3


def brought(folder: Path, name: str = "own", choices: Choices | None = None, **arrays: Any) -> str:
    np.savez(folder / f"{name}.npz", **arrays)
    return datasets.import_file(folder / f"{name}.npz", choices).stem


def table(folder: Path, **columns: Any) -> str:
    pd.DataFrame({"b": X[:, 0], "a": X[:, 1], "id": RANDOM.permutation(40), **columns}).to_csv(folder / "t.csv", index=False)
    return datasets.import_file(folder / "t.csv", Choices(keep=("id",))).stem


def sets(folder: Path) -> dict[str, Dataset]:
    """One of each kind that a file must not lose anything of."""
    holes = np.where(np.arange(40) % 4 == 0, np.nan, Y)
    colour = RANDOM.integers(0, 256, (12, 4, 5, 3), np.uint8)
    odd = np.array(["10", "9", "x"])[Y]
    return {
        "digits": load("digits", per_class=8),
        "standard": load("digits", per_class=8, scaling="standard", noise=0.1),
        "no labels": load(brought(folder, X=X)),
        "holes": load(brought(folder, X=X, y=holes, label_side=holes), scaling="none"),
        "colour": load(brought(folder, images=colour, y=Y[:12])),
        "table": load(table(folder, label=odd)),
        "named as a label": load(table(folder, **{"class": X[:, 2], "label": Y})),
        "names in no order": load(brought(folder, X=X, y=Y, classes=["shirt", "bag", "coat"])),
    }


@pytest.mark.parametrize("form", [".npz", ".parquet"])
def test_an_export_imported_is_the_same(form: str, tmp_path: Path) -> None:
    for name, data in sets(tmp_path).items():
        datasets.export(data, tmp_path / f"out{form}")
        again = load(datasets.import_file(tmp_path / f"out{form}").stem)
        assert again.fingerprint == data.fingerprint, name
        assert again.classes == data.classes and again.columns == data.columns, name
        assert set(again.attributes) == set(data.attributes) and again.n_labelled == data.n_labelled
        assert any("Exported from" in note for note in again.notes)


def test_an_exported_table_is_one_that_people_can_read(tmp_path: Path) -> None:
    datasets.export(sets(tmp_path)["table"], tmp_path / "out.parquet")
    frame = pd.read_parquet(tmp_path / "out.parquet")
    assert list(frame) == ["b", "a", "id", "class"] and list(frame["class"].astype(str).unique()) == ["10", "9", "x"]
    with pytest.raises(DataError, match=r"ends in \.npz or \.parquet"):
        datasets.export(sets(tmp_path)["table"], tmp_path / "out.csv")


@pytest.mark.parametrize("said", [b"{", b'{"choices": {"wrong": 1}}', b'{"choices": {}, "about": {"columns": ["x"]}}', b"[1]"])
def test_what_a_foreign_table_says_of_itself_is_not_believed(said: bytes, tmp_path: Path) -> None:
    made = pa.table({"a": X[:, 0], "b": X[:, 1]}).replace_schema_metadata({b"affinity_lab": said})
    pq.write_table(made, tmp_path / "t.parquet")
    with pytest.raises(DataError, match=r"t\.parquet"):
        load(tmp_path / "t.parquet")


def test_the_range_and_the_label_of_a_stored_set_are_changed_and_it_stays(tmp_path: Path) -> None:
    images = RANDOM.integers(0, 17, (40, 3, 3)).astype(np.uint8)
    name = brought(tmp_path, images=images, labels=Y, label_side=Y % 2, classes=["a", "b", "c"])
    before = load(name)
    wide = datasets.change_upload(name, range=(0, 255)).stem
    np.testing.assert_allclose(load(wide).X, images.reshape(40, -1) / 255, rtol=1e-6)
    other = load(datasets.change_upload(wide, label="side").stem)
    assert other.classes == ("0", "1") and other.attributes["class"].classes == ("a", "b", "c")
    assert any("scored by 'side'" in note for note in other.notes) and other.X.max() < 0.1
    assert load(datasets.change_upload(wide, range="auto").stem).fingerprint == before.fingerprint == load(name).fingerprint
    for wrong in ({"label": "nix"}, {"range": (2, 1)}, {}):
        with pytest.raises((UnknownName, DataError)):
            datasets.change_upload(name, **wrong)  # type: ignore[arg-type]
    with pytest.raises(UnknownName):
        datasets.change_upload("digits")


def test_the_command_line_exports_and_changes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = ask(capsys, "export-data", "--dataset", "digits", "--per-class", 5, tmp_path / "d.parquet", "--json")
    assert code == 0 and json.loads(out)["fingerprint"] == load("digits", per_class=5).fingerprint
    assert ask(capsys, "export-data", "--dataset", "digits", tmp_path / "d.parquet")[0] == 2, "it is there already"
    name = brought(tmp_path, X=X, y=Y, label_half=Y % 2)
    code, out, _ = ask(capsys, "change", name, "--label", "half", "--range=-50,50", "--json")
    assert code == 0 and json.loads(out)["classes"] == ["0", "1"] and "class" in json.loads(out)["label_columns"]
    code, out, _ = ask(capsys, "change", json.loads(out)["name"], "--label", "class", "--json")
    assert code == 0 and "the range -50 to 50 (as chosen)" in json.loads(out)["notes"][-1], "only the label was to change"
    code, out, err = ask(capsys, "change", name)
    assert (code, out) == (2, "") and "Nothing would be changed" in err
    assert load(DataSpec(name)).n_classes == 3
