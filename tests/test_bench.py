"""Whole fine-tuning steps against ports of the published programs: the same losses, gradients and paths; and the benchmark."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from core import datasets
from core.bench import machines
from core.bench.ablation import LAST, ROWS, bench_ablation
from core.bench.around import PIECES, Ratio, bench_around, coding
from core.bench.epoch import TASKS, bench_epoch, contenders, epoch_ratio
from core.bench.scaling import TIMED, bench_scaling, draw
from core.bench.tables import Asked, tabulate
from core.common import InvalidInput, ParameterError, UnknownName
from core.methods.deep_subspace.problem import Problem
from core.solvers import KSVD

pytestmark = pytest.mark.journey
AROUND = Path(__file__).resolve().parents[1] / "core" / "bench" / "around"
EQUAL = ["udll-orl", "udll-coil20", "rgrl-orl-program", "rgrl-coil20-program"]  # the others differ from their program


def small_images() -> Tensor:
    return torch.rand(30, 12, 11, dtype=torch.float64, generator=torch.Generator().manual_seed(4))


def our_gradients(step: Problem) -> list[Tensor]:
    sum(step.method.terms(step).values(), torch.zeros(())).backward()
    groups = (step.net.encoder_weights, step.net.encoder_biases, step.net.decoder_weights, step.net.decoder_biases)
    return [p.grad for group in groups for p in group] + [step.C.grad]


def port_gradients(program: torch.nn.Module) -> list[Tensor]:
    sum(program.losses().values(), torch.zeros(())).backward()
    groups = [
        [getattr(layer, kind) for layer in part] for part in (program.encoder, program.decoder) for kind in ("weight", "bias")
    ]
    return [p.grad for group in groups for p in group] + [program.Coef.grad]


@pytest.mark.parametrize("name", EQUAL)
def test_a_step_agrees_with_the_published_program(name: str) -> None:
    ours, session = contenders(name, small_images(), dtype=torch.float64)
    port = session.program
    C = 0.05 * torch.randn(30, 30, dtype=torch.float64, generator=torch.Generator().manual_seed(0))  # away from the start
    with torch.no_grad():
        ours.C.copy_(C)
        port.Coef.copy_(C)
    scale = TASKS[name].loss_scale
    for term, value in port.losses().items():
        assert value.item() == pytest.approx(scale * ours.method.terms(ours)[term].item(), rel=1e-10), term
    for mine, theirs in zip(our_gradients(ours), port_gradients(port), strict=True):
        assert theirs.abs().max() > 0
        torch.testing.assert_close(scale * mine, theirs, rtol=1e-8, atol=1e-8 * float(theirs.abs().max()))


@pytest.mark.parametrize("name", ["udll-coil20", "rgrl-coil20-program"])
def test_training_follows_the_published_program(name: str) -> None:
    """Adam does not see a common factor of the loss, so the paths agree and not only the first gradients."""
    ours, session = contenders(name, small_images(), dtype=torch.float64)
    for group in session.optimizer.param_groups:
        group["lr"] = ours.method.learning_rate
    trainer = ours.trainer()
    for epoch in range(5):
        trainer.epoch(epoch)
        session.step()
    torch.testing.assert_close(ours.C, session.program.Coef, rtol=1e-3, atol=1e-6)


def test_bench_reports_both_sides() -> None:
    threads = torch.get_num_threads()
    (row,) = bench_epoch(["rgrl-orl"], 1)
    assert row["task"] == "rgrl-orl"
    assert row["n"] == 400
    assert row["ratio"] == pytest.approx(row["port_ms"] / row["ours_ms"])
    assert torch.get_num_threads() == threads


def test_bench_refuses_what_it_cannot_run() -> None:
    with pytest.raises(UnknownName, match="udll-orl"):
        epoch_ratio("udll-orrl", steps=1)
    with pytest.raises(ParameterError, match="'steps' must be at least 1"):
        epoch_ratio("udll-orl", steps=0)


def test_cost_against_n_is_measured_and_drawn(benchmark_data: Path, tmp_path: Path) -> None:
    rows = bench_scaling([200, 400])
    assert [row["n"] for row in rows] == [200, 400]
    for part in TIMED:
        assert rows[0][f"{part}_ratio"] == 1 and rows[1][part] > 0
        assert rows[1][f"{part}_ratio"] == pytest.approx(rows[1][part] / rows[0][part] / 2)
    drawn = draw(rows, tmp_path / "scaling.svg").read_text()
    assert drawn.startswith("<?xml") and "Anchors and graph" in drawn


@pytest.mark.parametrize("sizes", [[], [500], [50, 500]])
def test_sizes_that_show_no_growth_are_refused(sizes: list[int]) -> None:
    with pytest.raises(ParameterError, match="'sizes' must be at least two numbers of at least 100"):
        bench_scaling(sizes)


def test_the_ablation_has_every_row_of_the_paper() -> None:
    small = {
        "pretrain_epochs": 1, "epochs": 1, "head_epochs": 1, "start_epochs": 0, "head_widths": (8,), "channels": (4,),
        "kernel_sizes": (3,),
    }  # fmt: skip
    rows = bench_ablation("digits", n_samples=150, seeds=(0, 1), changes=small)
    assert [row["row"] for row in rows] == [name for name in ROWS for _ in range(2)] + [LAST]
    assert {row["labels"] for row in rows[:-1]} == {"k-means", "3-neighbour cut"} and rows[-1]["labels"] == "argmax"
    assert all(0 < row["acc"] <= 1 and row["seeds"] == 2 and row["paper"] is None for row in rows)
    assert len({row["acc"] for row in rows}) > 3
    with pytest.raises(ParameterError, match="seeds"):
        bench_ablation("digits", seeds=())


# ---- around the training ---------------------------------------------------------------------------------------------


def test_a_ratio_says_whether_it_keeps_its_bounds() -> None:
    assert Ratio("new over old", 0.4, at_most=0.5).held and not Ratio("new over old", 0.6, at_most=0.5).held
    assert Ratio("old over new", 4.0, at_least=3).held and not Ratio("old over new", 2.0, at_least=3).held
    words = str(Ratio("old over new", 2.0, at_least=3, detail="0.1 s"))
    assert "NOT HELD" in words and words.endswith("0.1 s")


def test_pieces_are_measured_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ParameterError, match="guess"):
        list(bench_around(["guess"]))
    monkeypatch.setattr("core.bench.around.looking.RUNS", (("ridge", "digits", 0.9),))
    (row,) = bench_around(["looking"])
    assert row["piece"] == "looking" and 0 < row["value"] < 0.9 and row["held"] and "ridge" in row["what"]
    assert set(PIECES) == {file.stem for file in AROUND.glob("*.py")} - {"__init__", "ratio"}


def test_the_old_way_of_coding_is_another_way_to_the_same_labels() -> None:
    data, ours = datasets.load("digits", per_class=14), KSVD.codes
    new = coding.fitted(data, epochs=2, sweeps=2)
    with coding.old_way():
        assert KSVD.codes is not ours
        old = coding.fitted(data, epochs=2, sweeps=2)
    assert KSVD.codes is ours
    np.testing.assert_array_equal(new.labels_, old.labels_)
    np.testing.assert_allclose(new.embedding_, old.embedding_, atol=1e-5)
    ratios = [coding.of_iteration(data), coding.of_pursuit(data)]
    assert all(ratio.value > 0 and "codes apart by" in ratio.detail for ratio in ratios)


def test_without_its_data_the_benchmark_of_coding_says_which(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("AFFINITY_LAB_DATA", str(tmp_path))
    with pytest.raises(InvalidInput, match=r"'coil20' is not on this machine.*Put coil20\.npz"):
        next(bench_around(["coding"]))


# ---- other machines --------------------------------------------------------------------------------------------------


def test_what_the_machine_moves_is_told_beside_what_the_seed_does(monkeypatch: pytest.MonkeyPatch) -> None:
    acc = {("x", 0): 0.5, ("x", 1): 0.7, ("y", 0): 0.5, ("y", 1): 0.8}
    monkeypatch.setattr(machines, "MACHINES", {"x": ({}, "exact"), "y": ({}, "auto")})
    monkeypatch.setattr(machines, "_acc", lambda method, data, seed, machine: acc[machine, seed])
    rows = list(machines.bench_machines(["udll-orl"], seeds=2))
    (told,) = machines.moved(rows)
    assert (told["over_seeds"], told["over_machines"]) == (pytest.approx(0.125), pytest.approx(0.025))
    assert (told["widest"], told["of_means"]) == (pytest.approx(0.1), pytest.approx(0.05))
    kept = tabulate("machines", rows, Asked(command="python -m core bench machines", seeds=range(2)))
    assert "± 0.125" in kept.notes[0] and kept.rows[1].scores["acc"].mean == 0.65
    with pytest.raises(ParameterError, match="Got 'guess'"):
        next(machines.bench_machines(["guess"]))


@pytest.mark.slow
def test_a_run_is_made_as_another_machine_would(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machines, "TASKS", {"ridge-digits": ("ridge", "digits")})
    rows = list(machines.bench_machines(seeds=1))
    assert len(rows) == len(machines.MACHINES) and all(0.5 < row["acc"][0] < 1 for row in rows)
