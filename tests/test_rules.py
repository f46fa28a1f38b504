"""Settings by rule: from what can be seen of the data, in bounds everywhere, told one by one, and never from the labels."""

from __future__ import annotations

from math import ceil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from core import cli, datasets, methods, runs
from core.bench.results import Results
from core.bench.tables import Asked, tabulate
from core.bench.transfer import bench_transfer, summary
from core.common import ParameterError, UnknownName
from core.datasets import DataSpec
from core.methods import RULE, Facts
from core.methods.parts.ridge_strength import STRENGTHS, chosen_strength, unit_rows
from core.methods.parts.rules import batch_for, passes_for

pytestmark = pytest.mark.usefixtures("read_in_this_process")

RULED = [name for name, cls in methods.registered().items() if cls.rules]
SIZES = [
    (10, (2,), 2),
    (150, (4,), 3),
    (400, (32, 32), 40),
    (1797, (8, 8), 10),
    (70_000, (28, 28), 10),
    (500, (16, 16, 3), 100),
]


def facts(n: int, shape: tuple[int, ...], K: int) -> Facts:
    return Facts(n=n, shape=shape, n_clusters=K, variance=0.05)


@pytest.mark.parametrize("name", RULED)
def test_a_method_for_a_notebook_is_set_as_the_app_sets_it(name: str, tmp_path: Path) -> None:
    """The same values for an array in hand as for the same samples as a file; what is given counts more."""
    spec = runs.make_spec(name, file_of(tmp_path, n=90))
    X = np.load(tmp_path / "own.npz")["X"]
    data = datasets.load(spec.data)
    suited = methods.method_class(name).suited_to(data.samples, n_clusters=2)
    assert {
        **spec.params,
        "n_clusters": 2,
        "random_state": 0,
        "device": "cpu",
    } == suited.get_params() and data.samples.shape == X.shape
    assert methods.method_class(name).suited_to(X, n_clusters=3, random_state=7).random_state == 7


def file_of(folder: Path, y: Any = None, n: int = 40, m: int = 6) -> DataSpec:
    """A table of two blobs as a user brings it."""
    X = np.random.default_rng(0).standard_normal((n, m)) + 8 * (np.arange(n) % 2)[:, None]
    np.savez(folder / "own.npz", X=X, y=np.arange(n) % 2 if y is None else y)
    return DataSpec(str(folder / "own.npz"))


@pytest.mark.parametrize("name", RULED)
@pytest.mark.parametrize(("n", "shape", "K"), SIZES)
def test_rules_give_what_the_method_takes_on_data_of_any_size(name: str, n: int, shape: tuple[int, ...], K: int) -> None:
    cls = methods.method_class(name)
    ruled = cls.by_rule(facts(n, shape, K))  # checked against the declared bounds
    assert set(ruled.values) == set(ruled.sources) and all(rule.why and rule.title for rule in ruled.sources.values())
    told = [value for _, values in ruled.told() for value in values]
    assert sorted(told) == sorted(ruled.values), "each value is told once"
    if n <= 500:
        X = np.random.default_rng(0).random((n, *shape), dtype=np.float32)
        method = methods.build(name, **{**ruled.values, "n_clusters": min(K, n - 1)})
        method.clusters(X)
        method.check_data(X)


@pytest.mark.parametrize("name", RULED)
def test_a_run_by_rule_ends_with_clusters_on_a_handful_of_samples(name: str) -> None:
    X = datasets.load("digits", per_class=6).X[:30]
    values = methods.method_class(name).by_rule(facts(30, (64,), 3)).values
    short = {key: 2 for key in ("epochs", "pretrain_epochs", "start_epochs", "head_epochs") if key in values}
    labels = methods.build(name, **{**values, **short, "n_clusters": 3}).fit_predict(X)
    assert labels.shape == (30,) and set(np.unique(labels)) <= {0, 1, 2} and len(np.unique(labels)) > 1


@pytest.mark.parametrize("n", [10, 178, 400, 1000, 5000])
def test_epochs_follow_from_updates(n: int) -> None:
    batch = batch_for(n)
    assert 16 <= batch <= 128 and batch & (batch - 1) == 0
    steps = ceil(n / batch)
    made = passes_for(n, batch, 600, 1) * steps
    assert 600 <= made < 600 + steps
    assert passes_for(n, batch, 1, 20) == 20


def test_rules_look_at_the_data_and_not_at_their_labels(tmp_path: Path) -> None:
    data = datasets.load(file_of(tmp_path))
    known = runs.facts_of(data)
    assert (known.n, known.shape, known.n_clusters) == (40, (6,), 2)
    assert known.variance == pytest.approx(data.X.var(axis=0).mean(), rel=1e-5)
    shuffled = datasets.load(file_of(tmp_path, y=np.random.default_rng(1).permutation(np.arange(40) % 2)))
    assert runs.facts_of(shuffled) == known
    assert runs.facts_of(data, 5).n_clusters == 5


def test_own_data_are_set_by_rule_and_what_the_user_sets_goes_before(tmp_path: Path) -> None:
    spec = runs.make_spec("dec", file_of(tmp_path))
    expected = methods.method_class("dec").by_rule(runs.facts_of(datasets.load(spec.data))).values
    assert spec.preset == RULE and not spec.modified and expected
    assert {name: spec.params[name] for name in expected} == expected
    changed = runs.make_spec("dec", spec.data, overrides={"widths": (7, 3)})
    assert changed.params["widths"] == (7, 3) and changed.modified
    wider = runs.make_spec("dec", spec.data, overrides={"n_clusters": 20})
    assert wider.params["widths"][-1] == 60 and not wider.modified, "the rules know the K that was asked for"
    assert runs.make_spec("dec", spec.data, preset="defaults").params != spec.params
    assert runs.make_spec("kmeans", spec.data).preset == "defaults", "a method without rules has defaults"
    assert runs.make_spec("ridge", DataSpec("digits")).preset == "digits", "a preset that is made for the data goes first"


def test_the_command_line_says_which_rule_gave_what(tmp_path: Path, capsys: pytest.CaptureFixture[str], lab_home: Path) -> None:
    name = file_of(tmp_path).name
    assert cli.main(["run", "ridge", "--dataset", name, "--set", "assign_labels=discretize"]) == 0
    told = capsys.readouterr().err
    assert "rule 'Strength without labels': strength=auto" in told and "affinity_by=medoid" in told
    assert "not read off C alone" in told, "what looks beyond C is said"
    assert "assign_labels" not in told, "a value that the user set is not the rule's"
    assert cli.main(["run", "ridge", "--dataset", name, "--preset", "defaults"]) == 0
    told = capsys.readouterr().err
    assert "rule '" not in told and "read off" not in told


# ---- the strength of a ridge -----------------------------------------------------------------------------------------


def test_a_strength_is_chosen_that_leaves_the_blocks_apart() -> None:
    data = datasets.load(DataSpec("subspaces", make={"n_points": 40, "n_subspaces": 4, "ambient": 30, "noise": 0.02}))
    rows = unit_rows(data.X)
    chosen = chosen_strength(rows, 4)
    assert chosen in STRENGTHS and chosen == chosen_strength(rows, 4)
    auto, given = (methods.build("ridge", n_clusters=4, strength=strength).fit(data.X) for strength in (None, chosen))
    np.testing.assert_array_equal(auto.representation_matrix_, given.representation_matrix_)
    others = [methods.build("ridge", n_clusters=4, strength=s).fit(data.X) for s in STRENGTHS if s != chosen]
    assert all(not np.allclose(auto.representation_matrix_, other.representation_matrix_) for other in others)


# ---- the benchmark ---------------------------------------------------------------------------------------------------


def test_the_benchmark_compares_with_spectral_clustering_and_tells_what_failed() -> None:
    rows = list(bench_transfer(["ridge", "ddae"], ["iris", "subspaces"], [0, 1], tuned=False))
    assert [(row["method"], row["data"]) for row in rows] == [
        ("ridge", "iris"), ("ddae", "iris"), ("ridge", "subspaces"), ("ddae", "subspaces"),
    ]  # fmt: skip
    ridge, _, planes, failed = rows
    assert ridge["acc"] == pytest.approx(ridge["spectral"]), "four numbers in three clusters: the samples' own neighbours"
    assert planes["acc"] > 0.99 and failed["acc"] is None and "between 0 and 1" in failed["trouble"]
    first, second = summary(rows)
    assert first["sets"] == 2 and first["mean"] == pytest.approx(np.mean([r["acc"] - r["spectral"] for r in (ridge, planes)]))
    assert first["worst"][1] == min(r["acc"] - r["spectral"] for r in (ridge, planes))
    assert second["failed"] == ["subspaces"] and second["sets"] == 1
    table = tabulate("transfer", rows, Asked(command="python -m core bench transfer", seeds=(0, 1)))
    assert Results.from_dict(table.to_dict()) == table and len(table.rows) == 6


def test_the_benchmark_refuses_what_there_is_not() -> None:
    with pytest.raises(UnknownName, match="transfer"):
        list(bench_transfer(["ridge"], ["iriss"], [0]))
    with pytest.raises(UnknownName, match="method"):
        list(bench_transfer(["rigde"], ["iris"], [0]))
    with pytest.raises(ParameterError, match="seeds"):
        list(bench_transfer(["ridge"], ["iris"], []))
