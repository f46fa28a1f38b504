"""Dictionary, graph and first clusters are kept between runs: found again by what decides them, and the same as made ones."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from core import runs
from core.datasets import DataSpec
from core.runs import STARTS, PretrainedStore, Run, RunHandle, RunStore, Status, execution, this_process
from core.runs.checkpoints import load_checkpoint
from core.training import Stages
from tests.test_pretrained import PowerCut

pytestmark = pytest.mark.journey

DIGITS = DataSpec("digits", per_class=8)
SMALL: dict[str, Any] = {"n_atoms": 24, "sweeps": 2, "epochs": 2, "n_nonzero": 4, "max_iter": 20, "alpha": 0.5}
PARTS = {"tagnet": {"dictionary", "graph", "clusters"}, "gsc": {"dictionary", "graph"}}


def train(store: RunStore, method: str = "tagnet", *, data: DataSpec = DIGITS, seed: int = 0, **overrides: Any) -> Run:
    declared = {name for name in SMALL if name in runs.make_spec(method, data).params}
    own = {**{name: SMALL[name] for name in declared}, **overrides}
    spec = runs.make_spec(method, data, preset="defaults", overrides=own, seed=seed)
    run = runs.execute(store, store.create(spec, owner=this_process()).id)
    assert run.status == Status.DONE, run.error
    return run


def reused(run: Run) -> set[str]:
    return {part for part, how in run.result["start"].items() if how["reused"]}


@pytest.fixture
def starts(store: RunStore) -> PretrainedStore:
    return PretrainedStore(store.home, STARTS)


@pytest.mark.parametrize("method", ["tagnet", "dtagnet", "be", "sc_clustering", "gsc"])
def test_a_second_run_takes_what_the_first_one_began_with_and_ends_the_same(
    store: RunStore, starts: PretrainedStore, method: str
) -> None:
    first, second = train(store, method), train(store, method)
    parts = PARTS.get(method, PARTS["tagnet"])
    assert reused(first) == set() and reused(second) == parts == set(first.result["start"])
    for part, how in second.result["start"].items():
        assert how["run"] == first.id and how["seconds"] == first.result["start"][part]["seconds"] > 0
    assert len(starts.all()) == len(parts) and first.result["pretrained"] == {} == second.result["pretrained"]
    assert PretrainedStore(store.home).all() == [], "the networks are another list"
    ours, theirs = (store.files.arrays(run.id, "final") for run in (first, second))
    assert set(ours) == set(theirs) >= {"Z", "labels"}
    for name in ours:
        np.testing.assert_array_equal(ours[name], theirs[name], err_msg=name)
    assert [(row.stage, row.step) for row in store.history(second.id) if row.stage == "dictionary"] == [("dictionary", 2)]


def test_what_is_reused_is_not_made(store: RunStore, monkeypatch: pytest.MonkeyPatch) -> None:
    train(store)

    def refuse(*_: Any, **__: Any) -> None:
        raise AssertionError("made again")

    monkeypatch.setattr("core.solvers.KSVD.sweep", refuse)
    monkeypatch.setattr("core.graphs.batches.NeighborGraph.update", refuse)
    monkeypatch.setattr("core.methods.sparse_coding.cluster_losses.ClusterStart.labels", refuse)
    assert reused(train(store, epochs=3)) == PARTS["tagnet"]


def test_methods_share_a_start(store: RunStore) -> None:
    train(store, "gsc")
    assert reused(train(store, "tagnet")) == {"dictionary", "graph"}
    assert reused(train(store, "be")) == PARTS["tagnet"]


@pytest.mark.parametrize(
    ("change", "kept"),
    [
        ({"seed": 1}, {"graph"}),
        ({"data": DataSpec("digits", per_class=9)}, set()),
        ({"n_atoms": 25}, {"graph"}),
        ({"sweeps": 3}, {"graph"}),
        ({"n_nonzero": 3}, {"graph"}),
        ({"dictionary": "minibatch"}, {"graph"}),
        ({"centred": False}, set()),
        ({"n_neighbors": 4}, {"dictionary"}),
        ({"weights": "shared"}, {"dictionary"}),
        ({"laplacian": "plain"}, {"dictionary", "graph"}),
        ({"lam": 0.2}, {"dictionary", "graph"}),
        ({"alpha": 6.0}, {"dictionary", "graph"}),
        ({"bound": "paper"}, {"dictionary", "graph"}),
        ({"start": "cut"}, {"dictionary", "graph"}),
        ({"start": "kmeans"}, {"dictionary", "graph"}),
        ({"n_clusters": 4}, {"dictionary", "graph"}),
        ({"n_stages": 3, "epochs": 1, "loss": "mml", "agreement": 1.0, "confidence": 0.8}, PARTS["tagnet"]),
    ],
)
def test_what_decides_a_part_gives_another_one_and_nothing_else_does(
    store: RunStore, change: dict[str, Any], kept: set[str]
) -> None:
    train(store)
    assert reused(train(store, **change)) == kept


def test_the_cut_knows_of_no_dictionary(store: RunStore) -> None:
    train(store, start="cut")
    assert reused(train(store, start="cut", n_atoms=30, alpha=6.0)) == {"graph", "clusters"}
    assert reused(train(store, start="cut", seed=1)) == {"graph"}


def test_first_codes_are_the_coders_own_and_their_labels_are_not_kept(store: RunStore, starts: PretrainedStore) -> None:
    assert set(train(store, start="kmeans").result["start"]) == {"dictionary", "graph"}
    assert {kept.recipe["part"] for kept in starts.all()} == {"dictionary", "graph"}


def test_of_a_dictionary_that_was_stopped_nothing_is_kept(store: RunStore, starts: PretrainedStore) -> None:
    spec = runs.make_spec("tagnet", DIGITS, preset="defaults", overrides={"n_atoms": 24, "sweeps": 500, "epochs": 1})
    run = store.create(spec, owner=this_process())
    runs.execute(store, run.id, on_step=lambda step, _: store.request(run.id, "stop") if step.step == 2 else None)
    assert store.get(run.id).status == Status.STOPPED and starts.all() == []


def test_a_resumed_run_does_not_say_that_it_took_what_it_made_itself(store: RunStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(execution, "CHECKPOINT_SECONDS", 0.0)
    monkeypatch.setattr(execution, "CHECKPOINT_PAUSE", 0.0)
    overrides = {"n_atoms": 24, "sweeps": 2, "epochs": 4}
    run = store.create(runs.make_spec("tagnet", DIGITS, preset="defaults", overrides=overrides), owner=this_process())

    def die(step: Any, _: Any) -> None:
        if (step.stage, step.step) == ("finetune", 3):
            raise PowerCut

    with pytest.raises(PowerCut):
        runs.execute(store, run.id, on_step=die)
    saved = load_checkpoint(RunHandle.open(store, run.id)).saved
    assert saved is not None and set(saved["start"]) == PARTS["tagnet"]
    store.mark_lost(run.id)
    store.requeue(run.id)
    runs.claim_for_this_process(store, run.id)
    resumed = runs.execute(store, run.id)
    assert resumed.status == Status.DONE, resumed.error
    assert reused(resumed) == set() and set(resumed.result["start"]) == PARTS["tagnet"]
    assert resumed.result["start"]["dictionary"] == saved["start"]["dictionary"]


def test_without_a_shelf_everything_is_made() -> None:
    made: list[int] = []

    def make() -> dict[str, Any]:
        made.append(1)
        return {"labels": torch.arange(3)}

    for _ in range(2):
        assert torch.equal(Stages().recalled({"part": "clusters"}, make)["labels"], torch.arange(3))
    assert len(made) == 2
