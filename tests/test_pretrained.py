"""Kept networks: written whole, found again by what decides them, and the same as trained ones."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from core import datasets, runs
from core.common import UnknownName
from core.datasets import DataSpec
from core.runs import PretrainedStore, Run, RunHandle, RunStore, Status, claim_for_this_process, execution, this_process
from core.runs.checkpoints import load_checkpoint

pytestmark = pytest.mark.journey

SMALL: dict[str, Any] = {"pretrain_epochs": 3, "channels": (4,), "kernel_sizes": (3,)}
DIGITS = DataSpec("digits", per_class=8)


def train(store: RunStore, method: str, *, data: DataSpec = DIGITS, seed: int = 0, **overrides: Any) -> Run:
    own = {**SMALL, **({"epochs": 3} if method in ("dsc", "udll", "rgrl") else {}), **overrides}
    spec = runs.make_spec(method, data, preset="defaults", overrides=own, seed=seed)
    run = runs.execute(store, store.create(spec, owner=this_process()).id)
    assert run.status == Status.DONE, run.error
    return run


TOLD = {"created": 1.0, "seconds": 1.0, "dataset": "d", "n_samples": 3, "method": "udll", "run": "r", "device": "cpu"}


@pytest.fixture
def networks(store: RunStore) -> PretrainedStore:
    return PretrainedStore(store.home)


def test_methods_share_a_network_and_end_as_if_they_had_trained_it(store: RunStore, networks: PretrainedStore) -> None:
    first = train(store, "dsc")
    (kept,) = networks.all()
    alone = train(store, "rgrl")
    assert first.result["pretrained"] | {"seconds": 0} == {"key": kept.key, "reused": False, "run": first.id, "seconds": 0}
    assert alone.result["pretrained"]["reused"] and alone.result["pretrained"]["run"] == first.id
    assert len(networks.all()) == 1

    networks.delete(kept.key)
    again = train(store, "rgrl")
    assert not again.result["pretrained"]["reused"]
    ours, theirs = (store.files.arrays(run.id, "final") for run in (alone, again))
    for name in ("Z_pretrained", "Z", "C", "labels"):
        np.testing.assert_array_equal(ours[name], theirs[name], err_msg=name)


def test_a_reused_network_shows_one_step_of_pretraining(store: RunStore) -> None:
    train(store, "ae_kmeans")
    run = train(store, "ae_kmeans")
    stages = [(row.stage, row.step) for row in store.history(run.id)]
    assert ("pretrain", 3) in stages and ("pretrain", 1) not in stages


@pytest.mark.parametrize(
    "change",
    [
        {"seed": 1},
        {"data": DataSpec("digits", per_class=9)},
        {"pretrain_epochs": 4},
        {"pretrain_learning_rate": 1e-3},
        {"batch_size": 32},
        {"channels": (5,)},
        {"pixel_range": 2.0},
        {"network": "dense", "widths": (12, 6)},
    ],
)
def test_whatever_decides_a_network_gives_another_one(
    store: RunStore, networks: PretrainedStore, change: dict[str, Any]
) -> None:
    train(store, "ae_kmeans")
    assert not train(store, "ae_kmeans", **change).result["pretrained"]["reused"]
    assert len(networks.all()) == 2


@pytest.mark.parametrize("change", [{"n_clusters": 4}, {"widths": (30, 3)}, {"n_init": 2}])
def test_what_does_not_decide_it_does_not(store: RunStore, change: dict[str, Any]) -> None:
    train(store, "ae_kmeans")
    assert train(store, "ae_kmeans", **change).result["pretrained"]["reused"]


def test_what_is_told_of_a_network(store: RunStore, networks: PretrainedStore) -> None:
    run = train(store, "dsc", seed=3)
    (kept,) = networks.all()
    data = datasets.load(DIGITS)
    assert kept.recipe["random_state"] == 3 and kept.recipe["channels"] == [4] and kept.recipe["network"] == "convolutional"
    assert (kept.facts["run"], kept.facts["method"], kept.facts["n_samples"]) == (run.id, "dsc", data.n_samples)
    assert kept.facts["fingerprint"] == data.fingerprint and DataSpec.from_dict(kept.facts["data"]) == DIGITS
    assert kept.facts["seconds"] > 0
    pictures = networks.pictures(kept.key)
    assert pictures["X"].shape == pictures["X_hat"].shape == (24, 8, 8)
    assert all((data.samples == image).all(axis=(1, 2)).any() for image in pictures["X"])
    assert kept.facts["mean_squared_error"] == pytest.approx(np.square(pictures["X"] - pictures["X_hat"]).mean(), rel=0.5)


def test_a_stopped_pretraining_is_not_kept(store: RunStore, networks: PretrainedStore) -> None:
    spec = runs.make_spec("ae_kmeans", DIGITS, preset="defaults", overrides={**SMALL, "pretrain_epochs": 500})
    run = store.create(spec, owner=this_process())
    runs.execute(store, run.id, on_step=lambda step, _: store.request(run.id, "stop") if step.step == 2 else None)
    assert store.get(run.id).status == Status.STOPPED and networks.all() == []


class PowerCut(BaseException):
    """The process is gone: nothing is recorded any more."""


def test_a_resumed_run_goes_on_from_its_checkpoint(store: RunStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """A network that appeared meanwhile must not take the place of a half-trained one."""
    monkeypatch.setattr(execution, "CHECKPOINT_SECONDS", 0.0)
    monkeypatch.setattr(execution, "CHECKPOINT_PAUSE", 0.0)
    longer = {**SMALL, "pretrain_epochs": 6, "epochs": 3}
    spec = runs.make_spec("dsc", DIGITS, preset="defaults", overrides=longer)
    run = store.create(spec, owner=this_process())

    def die(step: Any, _: Any) -> None:
        if (step.stage, step.step) == ("pretrain", 4):
            raise PowerCut

    with pytest.raises(PowerCut):
        runs.execute(store, run.id, on_step=die)
    whole = train(store, "dsc", pretrain_epochs=6)
    assert not whole.result["pretrained"]["reused"]

    store.mark_lost(run.id)
    store.requeue(run.id)
    claim_for_this_process(store, run.id)
    made: list[int] = []
    resumed = runs.execute(store, run.id, on_step=lambda step, _: made.append(step.step) if step.stage == "pretrain" else None)
    assert resumed.status == Status.DONE, resumed.error
    assert made == [4, 5, 6] and not resumed.result["pretrained"]["reused"]
    for name in ("Z_pretrained", "C", "labels"):
        ours, theirs = (store.files.arrays(one.id, "final", [name])[name] for one in (resumed, whole))
        np.testing.assert_array_equal(ours, theirs, err_msg=name)


def test_nothing_half_written_is_ever_found(networks: PretrainedStore, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: Any, **__: Any) -> None:
        raise OSError("no space left on device")

    arguments = ("0123456789abcdef", {"a": 1}, {"net": {}}, TOLD, {"X": np.zeros(3)})
    with monkeypatch.context() as patch, pytest.raises(OSError, match="no space"):
        patch.setattr("numpy.savez", fail)
        networks.put(*arguments)
    assert networks.all() == [] and list(networks.root.iterdir()) == []
    networks.put(*arguments)
    networks.put(*arguments[:3], {**TOLD, "created": 2.0}, arguments[4])
    assert [kept.facts["created"] for kept in networks.all()] == [1.0], "the first one stays"


def test_what_a_killed_process_left_is_swept(networks: PretrainedStore) -> None:
    mine = f".draft.{os.getpid()}.abcdef.tmp"
    for name in (f".draft.{2**22 + 1}.abcdef.tmp", mine):
        (networks.root / name).mkdir(parents=True)
        (networks.root / name / "about.json").write_text("{")
    assert networks.all() == []
    networks.put("0123456789abcdef", {}, {}, TOLD, {})
    assert sorted(path.name for path in networks.root.iterdir()) == [mine, "0123456789abcdef"]


@pytest.fixture
def outside(networks: PretrainedStore) -> Iterator[Path]:
    folder = networks.root.parent / "outside"
    folder.mkdir(parents=True)
    (folder / "about.json").write_text(json.dumps({"recipe": {}, "facts": TOLD}))
    yield folder


def test_keys_cannot_leave_the_folder(networks: PretrainedStore, outside: Path) -> None:
    networks.put("0123456789abcdef", {}, {}, TOLD, {})
    for key in ("../outside", "nothere", "", "."):
        assert networks.find(key) is None
        with pytest.raises(UnknownName, match="pretrained network"):
            networks.delete(key)
    assert outside.is_dir()


def test_stored_tensors_come_back(networks: PretrainedStore) -> None:
    state = {"net": {"w": torch.arange(6.0).reshape(2, 3)}, "generator": torch.Generator().get_state()}
    networks.put("0123456789abcdef", {}, state, TOLD, {})
    assert torch.equal(networks.state("0123456789abcdef")["net"]["w"], state["net"]["w"])


def test_a_network_that_is_deleted_while_it_is_looked_for_is_trained_anew(
    store: RunStore, networks: PretrainedStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    train(store, "ae_kmeans")
    (kept,) = networks.all()
    networks.delete(kept.key)
    with monkeypatch.context() as patch:
        patch.setattr(PretrainedStore, "find", lambda self, key: kept)
        shelf = runs.RunShelf(networks, {"fingerprint": "f", "device": "cpu"})
        assert shelf.get(kept.recipe) is None and shelf.used == {}


def test_a_checkpoint_remembers_the_network_that_a_run_began_with(store: RunStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(execution, "CHECKPOINT_SECONDS", 0.0)
    monkeypatch.setattr(execution, "CHECKPOINT_PAUSE", 0.0)
    train(store, "ae_kmeans")
    own = {**SMALL, "epochs": 3}
    run = store.create(runs.make_spec("dsc", DIGITS, preset="defaults", overrides=own), owner=this_process())
    seen: list[Any] = []

    def look(step: Any, _: Any) -> None:
        if step.stage == "finetune" and step.step == 2:
            seen.append(load_checkpoint(RunHandle.open(store, run.id)).saved)

    done = runs.execute(store, run.id, on_step=look)
    assert seen[0] is not None and seen[0]["pretrained"] == done.result["pretrained"]
    assert done.result["pretrained"]["reused"]
