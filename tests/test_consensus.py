"""What several runs agree on: the power mean of affinities against an independent formula, and the cut of it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.sparse import coo_array, csr_array, issparse
from scipy.stats import pmean

from core import affinity, cli, explore, runs
from core.bench import consensus as bench
from core.bench.tables import Asked, tabulate
from core.common import DataError, UnknownName
from core.datasets import DataSpec
from core.evaluation import clustering_accuracy
from core.explore.consensus import CUTS
from core.explore.matrices import square
from core.runs import Run, RunStore, this_process

DIGITS = DataSpec("digits", per_class=12, n_classes=4)


def trained(store: RunStore, method: str = "udll", data: DataSpec = DIGITS, seed: int = 0, **params: Any) -> Run:
    short = {"epochs": 2, "pretrain_epochs": 3} if method == "udll" else {}
    spec = runs.make_spec(method, data, preset="defaults", overrides={**short, **params}, device="cpu", snapshots=1, seed=seed)
    run = runs.execute(store, store.create(spec, owner=this_process()).id)
    assert run.error is None
    return run


def agreed(store: RunStore, *members: Run) -> tuple[dict[str, NDArray], dict[str, Any]]:
    return explore.consensus(store, runs=[run.id for run in members], pixels=8)


def noisy(seed: int, n: int = 60, K: int = 3) -> tuple[NDArray, NDArray]:
    """An affinity of K blocks under noise that is nearly as large as they are, and the blocks."""
    source, y = np.random.default_rng(seed), np.repeat(np.arange(K), n // K)
    A = 0.35 * (y[:, None] == y) + source.gamma(0.5, 1.0, (n, n))
    return (A + A.T) / 2, y


# ---- the mean --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("exponent", [0.1, 0.5, 1.0])
def test_the_mean_is_the_power_mean_of_shares_of_the_largest(exponent: float) -> None:
    parts = [np.random.default_rng(seed).random((9, 9)) * scale for seed, scale in enumerate((1.0, 7.0, 0.01))]
    found = affinity.consensus_affinity(iter(parts), exponent)
    np.testing.assert_allclose(found, pmean([A / A.max() for A in parts], exponent, axis=0), rtol=1e-9)
    assert found.min() >= 0 and found.max() <= 1


def test_sparse_ones_have_the_same_mean_and_stay_sparse() -> None:
    dense = [np.where(A > 0.6, A, 0) for A in (np.random.default_rng(seed).random((12, 12)) for seed in range(3))]
    found = affinity.consensus_affinity([csr_array(A) for A in dense])
    assert issparse(found)
    np.testing.assert_allclose(found.toarray(), affinity.consensus_affinity(dense), rtol=1e-9)
    mixed = affinity.consensus_affinity([csr_array(dense[0]), dense[1], csr_array(coo_array(dense[2]))])
    np.testing.assert_allclose(np.asarray(mixed), found.toarray(), rtol=1e-9)


def test_it_is_in_between_nearer_to_the_smaller_and_no_single_zero_rules() -> None:
    low, high = np.array([[1.0, 0.01]]), np.array([[1.0, 0.5]])
    mean = affinity.consensus_affinity([low, high])[0, 1]
    assert 0.01 < mean < (0.01 + 0.5) / 2
    assert affinity.consensus_affinity([np.array([[1.0, 0.0]]), high])[0, 1] > 0
    np.testing.assert_allclose(affinity.consensus_affinity([high, 4 * high, high]), high, rtol=1e-9)


def test_what_cannot_be_averaged_is_said() -> None:
    ones = np.ones((3, 3))
    for wrong, said in (([], "Got none"), ([ones, 0 * ones], "Affinity 2 is zero"), ([ones, np.ones((4, 4))], "Got 3 and 4")):
        with pytest.raises(DataError, match=said):
            affinity.consensus_affinity(wrong)


def test_what_noisy_affinities_agree_on_is_better_than_each() -> None:
    parts = [noisy(seed)[0] for seed in range(6)]
    y = noisy(0)[1]
    alone = [clustering_accuracy(y, affinity.spectral_labels(A, 3)) for A in parts]
    together = clustering_accuracy(y, affinity.spectral_labels(affinity.consensus_affinity(parts), 3))
    assert together > max(alone) > 0.4


# ---- of runs ---------------------------------------------------------------------------------------------------------


def test_runs_are_cut_by_the_mean_of_their_affinities(store: RunStore) -> None:
    members = [trained(store, seed=seed) for seed in range(3)]
    arrays, facts = agreed(store, *members)
    A = affinity.consensus_affinity(square(store, run.id, "affinity") for run in members)
    cuts = [affinity.spectral_labels(A, 4, random_state=seed) for seed in range(CUTS)]
    assert any(clustering_accuracy(cut, arrays["labels"]) == 1 for cut in cuts)
    y = store.files.array(members[0].id, "final", "y")
    assert facts["scores"]["acc"] == pytest.approx(clustering_accuracy(y, arrays["labels"]))
    assert facts["alone"] == {run.id: run.result["metrics"]["acc"] for run in members}
    assert np.mean(y == arrays["labels"]) == pytest.approx(facts["scores"]["acc"]), "clusters have the numbers of their classes"
    told: list[tuple[int, int]] = []
    ids = [run.id for run in (*reversed(members), members[0])]
    again, _ = explore.consensus(store, runs=ids, pixels=8, progress=lambda done, of: told.append((done, of)))
    np.testing.assert_array_equal(again["labels"], arrays["labels"])
    assert told == [(step, 3 + CUTS) for step in range(1, 4 + CUTS)]


def test_runs_of_one_subset_label_everyone_and_those_of_others_are_refused(store: RunStore) -> None:
    first, other = (trained(store, scope="subset", subset_size=30, seed=seed) for seed in (0, 1))
    longer = trained(store, scope="subset", subset_size=30, epochs=4)
    arrays, _ = agreed(store, first, longer)
    assert arrays["labels"].shape == (48,) and len(arrays["order"]) == 30
    for strange in (other, trained(store)):
        with pytest.raises(DataError, match="other samples"):
            agreed(store, first, strange)


def test_what_cannot_agree_is_said(store: RunStore) -> None:
    run = trained(store, "ridge")
    with pytest.raises(DataError, match=r"2 to 20 runs\. Got 1"):
        agreed(store, run, run)
    with pytest.raises(DataError, match="differ in their data"):
        agreed(store, run, trained(store, "ridge", DataSpec("digits", per_class=11, n_classes=4)))
    with pytest.raises(DataError, match="differ in their number of clusters"):
        agreed(store, run, trained(store, "ridge", n_clusters=3))
    with pytest.raises(DataError, match="kmeans has no affinity"):
        agreed(store, run, trained(store, "kmeans"))
    waiting = store.create(runs.make_spec("ridge", DIGITS, device="cpu"))
    with pytest.raises(DataError, match="has no clusters"):
        agreed(store, run, waiting)


def test_other_methods_with_an_affinity_agree_too(store: RunStore) -> None:
    arrays, facts = agreed(store, trained(store, "ssc"), trained(store, "ridge"), trained(store, "spectral"))
    assert len(facts["alone"]) == 3 and set(arrays["labels"].tolist()) == set(range(4))


# ---- the command line, the benchmark -----------------------------------------------------------------------------------


def test_the_command_line_writes_the_clusters(store: RunStore, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    ids, file = [trained(store, seed=seed).id for seed in range(2)], tmp_path / "clusters.csv"
    assert cli.main(["consensus", *ids, "--out", str(file), "--json"]) == 0
    told = json.loads(capsys.readouterr().out.splitlines()[-1])
    lines = file.read_text().splitlines()
    assert lines[0] == "sample,cluster" and [int(line.split(",")[1]) for line in lines[1:]] == told["labels"]
    assert cli.main(["consensus", *ids]) == 0
    out = capsys.readouterr().out
    assert f"{told['scores']['acc']:.4f}" in out and f"{np.mean(list(told['alone'].values())):.4f}" in out
    assert cli.main(["consensus", *ids, "--out", str(file)]) == 2 and "exists already" in capsys.readouterr().err


def test_the_benchmark_puts_groups_beside_their_members(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bench, "MEMBERS", 2)
    monkeypatch.setattr(bench, "DataSpec", lambda _: DIGITS)
    monkeypatch.setattr(bench, "TASKS", {"a": ("ridge", "digits")})
    with pytest.raises(UnknownName, match="task"):
        list(bench.bench_consensus(["nothing"]))
    rows = list(bench.bench_consensus(groups=2))
    assert len(rows[0]["alone"]) == 4 and len(rows[0]["agreed"]) == 2
    table = tabulate("consensus", rows, Asked(command="python -m core bench consensus", seeds=range(2)))
    assert table.rows[0].scores["acc"].mean == pytest.approx(np.mean(rows[0]["alone"]), abs=1e-4)
    assert table.rows[0].scores["agreed"].std == pytest.approx(np.std(rows[0]["agreed"]), abs=1e-4)
