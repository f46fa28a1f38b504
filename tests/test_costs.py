"""What is announced before a run: from measured stages, brought to other sizes, settings and machines."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from core import methods
from core.bench import costs as bench
from core.bench.alone import run_apart
from core.datasets import DataSpec
from core.methods import Cost
from core.runs import Run, RunStore, costs, estimate, make_spec, pace
from core.runs.estimates import CUDA, PROCESS
from tests.test_execute import DIGITS, TINY

FEW = ["--n-samples", "60", "--set", "pretrain_epochs=2"]
KNOWN = {
    "udll": {"pretrain": [(100, 1e-9), (200, 2e-9)], "spectral": [(100, 0.5), (200, 4.0)]},
    "kmeans": {"spectral": [(100, 2.0)]},
}


@pytest.fixture
def known(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(costs, "table", lambda: (0.01, KNOWN))


def seconds(method: str, n: int, pace_here: float = 0.01, **params: Any) -> float:
    declared = {name: param.default for name, param in methods.method_class(method).declared().items()}
    found = costs.expected_seconds(method, (n, 8, 8), declared | params, pace_here)
    assert found is not None
    return found


@pytest.mark.usefixtures("known")
def test_a_stage_grows_with_n_as_it_did_where_it_was_measured() -> None:
    """0.5 s and 4 s at 100 and 200 samples are a cube: 1.6875 at 150 and 32 at 400; one size alone says nothing of others."""
    rest = {"pretrain_epochs": 0}
    assert seconds("udll", 150, **rest) == pytest.approx(0.5 * 1.5**3)
    assert seconds("udll", 400, **rest) == pytest.approx(32)
    assert seconds("udll", 50, **rest) == pytest.approx(0.5 / 8)
    assert seconds("kmeans", 10) == seconds("kmeans", 1000) == 2


@pytest.mark.usefixtures("known")
def test_steps_the_size_of_the_network_and_the_machine_count() -> None:
    few, many = (seconds("udll", 100, pretrain_epochs=epochs, batch_size=100) - 0.5 for epochs in (3, 30))
    assert many == pytest.approx(10 * few) and few > 0
    wide = seconds("udll", 100, pretrain_epochs=3, batch_size=100, channels=(160, 80)) - 0.5
    assert wide > 5 * few, "a wider network multiplies more"
    small = seconds("udll", 100, pretrain_epochs=3, batch_size=10) - 0.5
    assert small > few, "smaller batches are more updates"
    assert seconds("udll", 100, pace_here=0.03) == pytest.approx(3 * seconds("udll", 100))


@pytest.mark.usefixtures("known")
def test_what_was_not_measured_is_not_known() -> None:
    assert costs.expected_seconds("ridge", (100, 8, 8), {}, 0.01) is None


def test_every_method_was_measured_and_a_machine_has_a_pace() -> None:
    measured_at, known = costs.table()
    assert set(known) == set(methods.registered())
    assert all(value > 0 for stages in known.values() for points in stages.values() for _, value in points)
    assert 0.1 < pace() / measured_at < 10


def test_a_slow_loop_and_a_slow_product_both_make_a_slow_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each a thousand times as long: far more than any noise."""
    monkeypatch.setattr(costs, "SIDE", 8)
    monkeypatch.setattr(costs, "ROUNDS", 1000)
    little = pace()
    monkeypatch.setattr(costs, "ROUNDS", 1_000_000)
    assert pace() > 20 * little
    monkeypatch.setattr(costs, "ROUNDS", 1000)
    monkeypatch.setattr(costs, "SIDE", 800)
    assert pace() > 20 * little


@pytest.mark.parametrize("method", ["tagnet", "dtagnet", "be", "sc_clustering"])
def test_smaller_batches_of_a_coder_take_longer(method: str) -> None:
    params = make_spec(method, DIGITS, preset="defaults", device="cpu").params
    whole, small = (costs.work(method, "finetune", (1000, 8, 8), params | {"train_batch_size": size}) for size in (1000, 10))
    assert whole > params["epochs"] and small > 5 * whole


def test_before_the_first_run_the_table_speaks_if_the_pace_is_known(store: RunStore) -> None:
    spec = make_spec("udll", DIGITS, preset="defaults", overrides=TINY, device="auto")
    assert estimate(store, spec, (80, 8, 8)).seconds is None, "no worker has measured the machine"
    store.notices.post("machine", {"cuda": False, "pace": 0.02})
    told = estimate(store, spec, (80, 8, 8))
    assert told.seconds is not None and told.seconds > 0 and told.measured_on is None
    store.notices.post("machine", {"cuda": True, "pace": 0.02})
    on_gpu = estimate(store, spec, (80, 8, 8))
    assert on_gpu.seconds not in (None, told.seconds) and on_gpu.process == told.process + CUDA
    spec = make_spec("udll", DIGITS, preset="defaults", overrides=TINY, device="cpu")
    assert estimate(store, spec, (80, 8, 8)) == told, "whoever asks for the processor waits for the processor"


@pytest.mark.usefixtures("known")
def test_on_a_gpu_an_update_takes_as_long_whatever_its_size(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two updates a pass at 100 samples in batches of 64, and four at 200; what does not train stays with the processor."""
    monkeypatch.setattr(costs, "gpu_table", lambda: {"udll": {"pretrain": 0.25}, "dsc": {"finetune": 7.0}})
    declared = {name: param.default for name, param in methods.method_class("udll").declared().items()}

    def seconds(n: int, **params: Any) -> float | None:
        values = declared | {"pretrain_epochs": 3, "batch_size": 64} | params
        return costs.expected_seconds("udll", (n, 8, 8), values, 0.01, on_gpu=True)

    assert seconds(100) == pytest.approx(3 * 2 * 0.25 + 0.5) == seconds(100, channels=(160, 80))
    assert seconds(200) == pytest.approx(3 * 4 * 0.25 + 4.0)
    assert costs._of_an_update("udll", "finetune") == pytest.approx((0.25 + 7.0) / 2), "as long as most take"


def test_the_gpu_table_speaks_of_stages_that_train_of_methods_that_can_use_one() -> None:
    for method, stages in costs.gpu_table().items():
        assert methods.method_class(method).uses_gpu and stages
        assert all(costs.counter(stage) and 1e-4 < seconds < 1 for stage, seconds in stages.items())


def test_the_gpu_table_is_measured_by_real_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """On the processor here, which is all that most machines have: seconds of a stage are those of its updates together."""
    monkeypatch.setattr(bench.methods, "registered", lambda: {"ae_kmeans": methods.method_class("ae_kmeans")})
    runs = list[Run]()
    monkeypatch.setattr(bench, "run_apart", lambda words, *_: runs.append(run_apart([*words, *FEW], {})) or runs[-1])
    (row,) = bench.bench_gpu_costs("cpu", tmp_path / "costs-gpu.json")
    written = json.loads((tmp_path / "costs-gpu.json").read_text())
    assert written == {"gpu": "", "of": "digits", "seconds": {"ae_kmeans": row["seconds"]}}
    count = 2 * -(-60 // runs[0].spec.params["batch_size"])
    assert row["seconds"] == {"pretrain": pytest.approx(runs[0].result["seconds"]["pretrain"] / count, rel=0.01)}


def test_memory_is_that_of_the_process_of_the_matrices_and_of_weights_with_their_moments(store: RunStore) -> None:
    spec = make_spec("udll", DIGITS, preset="defaults", overrides=TINY, device="cpu")
    told = estimate(store, spec, (80, 8, 8))
    assert told.bytes == told.process + sum(told.cost.matrices.values()) + 16 * told.cost.parameters
    assert Cost(parameters=2, matrices={"a": 3}).and_more({"b": 4}, 5).bytes == 7 + 16 * 7


def test_what_any_run_holds_grows_with_the_samples(store: RunStore) -> None:
    """Four copies in single precision, and the distances among at most 2,000 of them, twice in double precision."""
    spec = make_spec("kmeans", DataSpec("mnist_test"), preset="defaults", device="cpu")
    few, more, many = (estimate(store, spec, (n, 28, 28)).process for n in (1000, 2000, 8000))
    assert few == PROCESS[False] + 1000 * 784 * 16 + 16 * 1000**2
    assert more - few == 1000 * 784 * 16 + 3 * 16 * 1000**2 and many - more == 6000 * 784 * 16


def test_the_table_is_measured_by_real_runs_and_foretells_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Measured and announced on the same data, what a run takes is what it took."""
    names, digits = ["kmeans"], DataSpec("digits", n_samples=60)
    monkeypatch.setattr(bench.methods, "registered", lambda: names)
    monkeypatch.setattr(bench, "SIZES", (60,))
    monkeypatch.setattr(bench, "OF", "digits")
    monkeypatch.setattr(bench, "pace", lambda: 0.01)
    run = bench._run("kmeans", digits)
    monkeypatch.setattr(bench, "_run", lambda *_: run)
    (row,) = bench.bench_costs(file=tmp_path / "costs.json")
    written = json.loads((tmp_path / "costs.json").read_text())
    assert (
        written["rows"] == [row] and written["pace"] == 0.01 and {"import", "load", "spectral", "score"} <= set(row["seconds"])
    )
    monkeypatch.setattr(costs, "MEASURED", tmp_path / "costs.json")
    costs.table.cache_clear()
    (told,) = bench.bench_estimates(names, [digits])
    costs.table.cache_clear()
    assert told.seconds[0] is not None and 0.3 < told.seconds[0] / told.seconds[1] < 1.05
    assert 0.7 < told.mb[0] / told.mb[1] < 1.3 and "kmeans on" in told.words
