"""Experiments on a stored C: one read-out of ridge and of the trained C, and one C under every read-out."""

from __future__ import annotations

import sys
from typing import Any

import numpy as np
import pytest

from core import affinity, explore, methods, runs
from core.common import DataError
from core.datasets import DataSpec, load
from core.explore.readings import OF_C, SEEDS
from core.methods.parts.readout import CODES, SAMPLES, AffinityReadout
from core.methods.parts.ridge_strength import ridge_without_labels
from core.runs import Run, RunStore, this_process

DIGITS = DataSpec("digits", per_class=15)
READ = {"n_clusters": 10, "random_state": 0, "assign_labels": "kmeans", "affinity_by": "neighbors"}


def trained(store: RunStore, method: str = "udll", data: DataSpec = DIGITS, **params: Any) -> Run:
    short = {"epochs": 3, "pretrain_epochs": 3} if method == "udll" else {}
    spec = runs.make_spec(method, data, preset="defaults", overrides={**short, **params}, device="cpu", snapshots=2)
    run = runs.execute(store, store.create(spec, owner=this_process()).id)
    assert run.error is None
    return run


@pytest.mark.parametrize("by", ["cosines", "neighbors", "stochastic", "medoid"])
def test_the_trained_row_is_what_the_workbench_reads(store: RunStore, by: str) -> None:
    run = trained(store)
    asked = {**READ, "affinity_by": by}
    _, facts = explore.depth(store, run=run.id, **asked)
    assert [row["of"] for row in facts["rows"]] == ["samples", "codes", "trained"] and facts["by"] == by
    cuts = [explore.recluster(store, run=run.id, pixels=8, **{**asked, "random_state": seed})[1] for seed in range(SEEDS)]
    found = [facts_of["scores"]["acc"] for facts_of in cuts]
    trained_row = facts["rows"][-1]
    assert trained_row["acc"] == pytest.approx(np.mean(found)) and trained_row["std"] == pytest.approx(np.std(found))
    best = max(facts["rows"][:2], key=lambda row: row["acc"])
    assert facts["gain"] == pytest.approx(trained_row["acc"] - best["acc"]) and facts["chance"] >= 0.005


def test_ridge_is_read_as_it_would_be_alone(store: RunStore) -> None:
    run = trained(store)
    _, facts = explore.depth(store, run=run.id, **READ)
    features = {"samples": load(DIGITS).samples, "codes": store.files.arrays(run.id, "final")["Z_pretrained"]}
    for row in facts["rows"][:2]:
        C, strength = ridge_without_labels(features[row["of"]], 10)
        assert row["strength"] == strength and np.abs(np.diagonal(C)).max() == 0
        A = AffinityReadout(affinity_by="neighbors").affinity(C, 10, {})
        labels = [affinity.spectral_labels(A, 10, assign_labels="kmeans", random_state=seed) for seed in range(SEEDS)]
        accuracy = [runs.looks.against_classes(load(DIGITS).y, {}, one)["acc"] for one in labels]  # type: ignore[arg-type]
        assert row["acc"] == pytest.approx(np.mean(accuracy))


def test_what_is_read_of_the_samples_knows_nothing_of_the_network(store: RunStore, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[set[str]] = []
    affinity_of = AffinityReadout.affinity

    def noted(self: AffinityReadout, C: np.ndarray, n_clusters: int, arrays: Any) -> Any:
        seen.append(set(arrays))
        return affinity_of(self, C, n_clusters, arrays)

    run = trained(store)
    monkeypatch.setattr(AffinityReadout, "affinity", noted)
    explore.depth(store, run=run.id, **{**READ, "affinity_by": "medoid"})
    assert seen == [{SAMPLES}, {SAMPLES, CODES}, {SAMPLES, CODES}]


def test_what_a_run_did_not_keep_has_no_row_and_no_labels_no_acc(store: RunStore) -> None:
    run = trained(store)
    final = store.files.arrays(run.id, "final")
    kept = {name: value for name, value in final.items() if name not in ("Z_pretrained", "y")}
    store.files.save_arrays(run.id, "final", kept)
    _, facts = explore.depth(store, run=run.id, **READ)
    assert [row["of"] for row in facts["rows"]] == ["samples", "trained"]
    assert "gain" not in facts and not any("acc" in row for row in facts["rows"])


def test_a_subset_is_compared_on_its_own_samples(store: RunStore) -> None:
    run = trained(store, scope="subset", subset_size=80)
    _, facts = explore.depth(store, run=run.id, **READ)
    assert len(facts["rows"]) == 3 and all(0 < row["acc"] <= 1 for row in facts["rows"])


def test_what_cannot_be_compared_is_said(store: RunStore, monkeypatch: pytest.MonkeyPatch) -> None:
    run = trained(store)
    with pytest.raises(DataError, match="does not look at C"):
        explore.depth(store, run=run.id, **{**READ, "affinity_by": "samples"})
    monkeypatch.setattr(sys.modules["core.explore.depth"], "MOST_SAMPLES", 100)  # a function has the name of the module
    with pytest.raises(DataError, match="at most 100 samples"):
        explore.depth(store, run=run.id, **READ)
    with pytest.raises(DataError, match="no self-expression"):
        explore.depth(store, run=trained(store, "kmeans").id, **READ)


@pytest.mark.parametrize("method", ["ridge", "udll"])
def test_one_c_is_read_in_every_way_that_looks_at_it_alone(store: RunStore, method: str) -> None:
    run = trained(store, method)
    asked = {**READ, "kept_neighbors": 7, "smoothing": 0.1}
    _, facts = explore.readings(store, run=run.id, **asked)
    declared = methods.method_class(method).declared()["affinity_by"].choices
    assert [row["by"] for row in facts["rows"]] == list(OF_C) and set(declared) == {*OF_C, "medoid", "samples"}
    for row in facts["rows"]:
        cut = explore.recluster(store, run=run.id, pixels=8, **{**asked, "affinity_by": row["by"]})[1]["scores"]["acc"]
        assert abs(row["acc"] - cut) <= 4 * row["std"] + 1e-9
    assert len({row["acc"] for row in facts["rows"]}) > 3, "ways differ"


def test_a_way_that_fails_does_not_hide_the_others(store: RunStore, monkeypatch: pytest.MonkeyPatch) -> None:
    run = trained(store, "ridge")
    monkeypatch.setattr("core.affinity.stochastic.STEPS", 1)
    rows = {row["by"]: row for row in explore.readings(store, run=run.id, **READ)[1]["rows"]}
    assert "in 1 steps" in rows["stochastic"]["error"] and rows["rows"]["acc"] > 0.1
    sparse = trained(store, "ridge", scope="neighbors", n_candidates=9)
    with pytest.raises(DataError, match="is sparse"):
        explore.readings(store, run=sparse.id, **READ)
