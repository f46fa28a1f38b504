"""What the presets reach on real data: one quick one always, the others as a benchmark (`pytest -m slow`)."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from statistics import mean

import pytest

from core import runs
from core.datasets import DataSpec
from core.runs import RunStore, Status, this_process

pytestmark = pytest.mark.journey
QUICK = [("rgrl", "orl", "fast", 0.81)]
LONG = [
    ("lsc", "mnist_test", "defaults", 0.75),
    ("rgrl", "coil20", "auto", 0.95),
    ("rgrl", "coil20", "fast", 0.95),
    ("rgrl", "mnist_1000", "auto", 0.72),
    ("rgrl", "mnist_1000", "fast", 0.71),
    ("rgrl", "coil40", "fast", 0.80),
    ("rgrl", "yaleb", "fast", 0.94),
    ("rgrl", "usps", "auto", 0.80),
    ("dsc", "coil20", "auto", 0.91),
    ("dsc", "orl", "auto", 0.82),
    ("ssc", "coil20", "auto", 0.86),
    ("edsc", "yaleb", "auto", 0.93),
    ("dscdan", "mnist_test", "auto", 0.80),
    ("dscdan", "usps", "auto", 0.80),
    ("tagnet", "coil20", "auto", 0.70),
    ("tagnet", "coil20", "mml", 0.70),
    ("tagnet", "mnist_test", "auto", 0.60),
]


def accuracy(store: RunStore, method: str, dataset: str, preset: str) -> float:
    spec = runs.make_spec(method, DataSpec(dataset), preset=preset, device="cpu", snapshots=1)
    run = runs.execute(store, store.create(spec, owner=this_process()).id)
    assert run.status == Status.DONE, run.error
    found: float = run.result["metrics"]["acc"]
    return found


@pytest.mark.parametrize(("method", "dataset", "preset", "floor"), QUICK)
def test_quick_presets_reach_what_the_readme_says(
    store: RunStore, benchmark_data: Path, method: str, dataset: str, preset: str, floor: float
) -> None:
    assert accuracy(store, method, dataset, preset) >= floor


@pytest.mark.slow
@pytest.mark.parametrize(("method", "dataset", "preset", "floor"), LONG)
def test_presets_reach_what_the_readme_says(
    store: RunStore, benchmark_data: Path, method: str, dataset: str, preset: str, floor: float
) -> None:
    assert accuracy(store, method, dataset, preset) >= floor


ORDERINGS = [
    (DataSpec("digits", n_test=500), "fast", 100),
    (DataSpec("coil20", n_test=440), "auto", 20),
    (DataSpec("mnist", n_samples=20_000, n_test=10_000), "fast", 1000),
]


@pytest.mark.slow
def test_the_fast_preset_on_ten_thousand_digits(store: RunStore, benchmark_data: Path) -> None:
    """Within four minutes and with mAP@1000 of at least .70, where pixels have .66."""
    spec = runs.make_spec("grdnn", DataSpec("mnist_test"), preset="fast", device="cpu", snapshots=1)
    run = runs.execute(store, store.create(spec, owner=this_process()).id)
    assert run.status == Status.DONE, run.error
    assert run.result["metrics"]["map_1000"] >= 0.70 and run.result["seconds"]["total"] < 240


@pytest.mark.slow
def test_coil20_codes_beat_pixels(store: RunStore, benchmark_data: Path) -> None:
    """NMI of the held-out part, mean of three seeds, for GR-DNN and for its base."""
    found: dict[str, list[float]] = {"kmeans": [], "ddae": [], "grdnn": []}
    for method, values in found.items():
        for seed in range(3):
            data = DataSpec("coil20", n_test=440, seed=seed)
            run = runs.execute(store, store.create(runs.make_spec(method, data, seed=seed), owner=this_process()).id)
            assert run.status == Status.DONE, run.error
            values.append(run.result["spread"]["test_nmi_max"]["mean"])
    assert min(mean(found["ddae"]), mean(found["grdnn"])) > mean(found["kmeans"]), found


@pytest.mark.slow
@pytest.mark.parametrize(("data", "preset", "k"), ORDERINGS, ids=lambda value: getattr(value, "name", str(value)))
def test_the_graph_improves_its_own_base_on_held_out_samples(
    store: RunStore, benchmark_data: Path, data: DataSpec, preset: str, k: int
) -> None:
    """Mean of three seeds: at least a point in two of ACC, NMI and mAP@k, and no loss in the third."""
    scores: dict[str, list[dict[str, float]]] = {"ddae": [], "grdnn": []}
    for method, found in scores.items():
        for seed in range(3):
            spec = runs.make_spec(method, replace(data, seed=seed), preset=preset, seed=seed, device="cpu", snapshots=1)
            run = runs.execute(store, store.create(spec, owner=this_process()).id)
            assert run.status == Status.DONE, run.error
            repeated = {name: run.result["spread"][f"test_{name}"]["mean"] for name in ("acc", "nmi_max")}
            found.append({**repeated, "map": run.result["metrics"][f"test_map_{k}"]})
    means = {method: {name: mean(s[name] for s in found) for name in found[0]} for method, found in scores.items()}
    gains = [means["grdnn"][name] - means["ddae"][name] for name in means["ddae"]]
    assert sum(gain >= 0.01 for gain in gains) >= 2 and min(gains) >= 0, means


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(10))
def test_the_fast_preset_of_dscdan_never_collapses(store: RunStore, benchmark_data: Path, seed: int) -> None:
    spec = runs.make_spec("dscdan", DataSpec("mnist_test", n_samples=5000), preset="fast", device="cpu", snapshots=1, seed=seed)
    run = runs.execute(store, store.create(spec, owner=this_process()).id)
    assert run.status == Status.DONE, run.error
    labels = store.files.arrays(run.id, "final", ["labels"])["labels"]
    assert len(set(labels.tolist())) == 10 and run.result["metrics"]["acc"] >= 0.68
