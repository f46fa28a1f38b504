"""A run that goes on from a moment of another one."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from core import methods, runs
from core.common import ParameterError, UnknownName
from core.datasets import DataSpec
from core.explore import by_all_but_seed, same_settings
from core.papers import published
from core.runs import Run, RunStore, Status, branch, branching_points, claim_for_this_process, frame_files, this_process
from core.runs import moments as keeping
from core.runs.branching import changeable
from core.runs.checkpoints import tensor_bytes
from core.runs.moments import Moment, is_due
from core.sweeps import KnownRuns, Sweep, plan
from core.training import Step
from tests.test_cli import ask
from tests.test_contract import DEEP, SMALL

UDLL = {"epochs": 12, "pretrain_epochs": 3, "channels": "4-3", "kernel_sizes": "3-3"}


def trained(store: RunStore, method: str = "udll", overrides: dict[str, Any] | None = None) -> Run:
    spec = runs.make_spec(method, DataSpec("digits", per_class=8), preset="defaults", overrides=overrides or UDLL, device="cpu")
    run = runs.execute(store, store.create(spec, owner=this_process()).id)
    assert run.status == Status.DONE, run.error
    return run


def branched(store: RunStore, run: Run, moment: Moment, **changed: Any) -> Run:
    child = branch(store, run.id, moment.seq, changed)
    assert child.status == Status.QUEUED
    claim_for_this_process(store, child.id)
    return runs.execute(store, child.id)


def moments_of(store: RunStore, run: Run) -> list[Moment]:
    return branching_points(store, run)


@pytest.mark.parametrize(
    ("step", "total", "due"),
    [(1, 1, False), (4, 4, True), (2, 4, False), (2, 8, True), (3, 8, False), (8, 8, True), (75, 150, True), (112, 150, True)],
)
def test_moments_are_the_ends_of_stages_and_the_quarters_of_long_ones(step: int, total: int, due: bool) -> None:
    assert is_due(Step("finetune", step, total)) == due


def test_a_branch_shares_what_was_before_and_differs_after(store: RunStore) -> None:
    run = trained(store)
    kept = moments_of(store, run)
    assert [(m.stage, m.step) for m in kept] == [("pretrain", 3), *(("finetune", step) for step in (3, 6, 9, 12))]
    half = kept[2]
    queued = branch(store, run.id, half.seq, {"gamma": 500.0})
    shared = [frame.name for frame in frame_files(store.files.folder(run.id)) if int(frame.stem) <= half.seq]
    assert [frame.name for frame in frame_files(store.files.folder(queued.id))] == shared and shared
    claim_for_this_process(store, queued.id)
    child = runs.execute(store, queued.id)
    assert child.status == Status.DONE, child.error
    assert child.spec.params == {**run.spec.params, "gamma": 500.0} and child.spec.seed == run.spec.seed
    assert child.spec.branch == {"run": run.id, "seq": half.seq, "stage": "finetune", "step": 6, "changed": {"gamma": 500.0}}
    before, own = store.history(run.id), store.history(child.id)
    assert own[: half.seq] == before[: half.seq]
    done = [row.step for row in own if row.stage == "finetune"]
    assert done == list(range(1, 13)), "six steps of the run, six of its own"
    after = [(a.scalars, b.scalars) for a, b in zip(before, own, strict=False) if a.stage == "finetune" and a.step > 6]
    assert after and all(a != b for a, b in after)
    assert [frame.name for frame in frame_files(store.files.folder(child.id))][: len(shared)] == shared


def test_what_is_read_off_in_the_end_leaves_training_as_it_was(store: RunStore) -> None:
    run = trained(store)
    child = branched(store, run, moments_of(store, run)[1], dim=3)
    C = [store.files.arrays(each.id, "final", ["C"])["C"] for each in (run, child)]
    assert np.array_equal(*C)


def test_a_run_is_trained_for_longer_from_its_end(store: RunStore) -> None:
    run = trained(store)
    child = branched(store, run, moments_of(store, run)[-1], epochs=16)
    assert [row.step for row in store.history(child.id) if row.stage == "finetune"] == list(range(1, 17))


def test_the_rate_that_was_changed_is_the_rate_of_the_next_step(store: RunStore) -> None:
    """An optimiser that is loaded brings its old rate along."""
    run = trained(store)
    half = moments_of(store, run)[2]
    still = branched(store, run, half, learning_rate=1e-6, network_learning_rate=1e-6)
    term = "self-expression"
    moving, held = (
        np.ptp([row.scalars[term] for row in store.history(each.id) if row.stage == "finetune" and row.step > 7])
        for each in (run, still)
    )
    assert held < 0.05 * moving


def test_what_has_been_made_cannot_change(store: RunStore) -> None:
    run = trained(store)
    kept = moments_of(store, run)
    count = len(store.runs())
    for changes, error, word in [
        ({"channels": "5-3"}, ParameterError, "channels"), ({"pretrain_learning_rate": 0.1}, ParameterError, "end of pretrain"),
        ({"gamma": -1.0}, ParameterError, "gamma"), ({}, ParameterError, "at least one"),
        ({"lamda": 1.0}, UnknownName, "lamda"), ({"gamma": run.spec.params["gamma"]}, ParameterError, "at least one"),
    ]:  # fmt: skip
        with pytest.raises(error, match=word):
            branch(store, run.id, kept[0].seq, changes)
    with pytest.raises(UnknownName, match=f"{kept[0].seq}"):
        branch(store, run.id, 10**6, {"gamma": 1.0})
    assert len(store.runs()) == count and len(list((store.home / "runs").iterdir())) == count


def test_moments_take_no_more_room_than_there_is(store: RunStore, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = {
        m.stage: m.path(store.files.folder(run.id)).stat().st_size for run in [trained(store)] for m in moments_of(store, run)
    }
    monkeypatch.setattr(keeping, "MOST_BYTES", whole["pretrain"] + 2 * whole["finetune"] + 100)
    run = trained(store)
    kept = [(m.stage, m.step) for m in moments_of(store, run)]
    assert kept[0] == ("pretrain", 3) and kept[-1] == ("finetune", 12) and len(kept) == 3
    monkeypatch.setattr(keeping, "MOST_BYTES", 100)
    assert moments_of(store, trained(store)) == []


def test_a_branch_whose_moment_cannot_be_read_fails_and_does_not_start_over(store: RunStore) -> None:
    run = trained(store)
    moment = moments_of(store, run)[0]
    path = moment.path(store.files.folder(run.id))
    path.write_bytes(path.read_bytes()[:-200])
    child = branched(store, run, moment, gamma=500.0)
    assert child.status == Status.FAILED and "checkpoint" in child.error["message"]


@pytest.mark.parametrize("method", DEEP)
def test_every_method_goes_on_with_all_that_may_change(store: RunStore, method: str) -> None:
    declared = methods.method_class(method).declared()
    run = trained(store, method, {key: value for key, value in SMALL.items() if key in declared})
    kept = moments_of(store, run)
    if not kept:
        assert method == "ae_kmeans", "nothing of it but k-means comes after its network"
        return
    moment = kept[len(kept) // 2]
    params = changeable(method, moment)
    changed: dict[str, Any] = {}
    for name, param in params.items():
        value = run.spec.params[name]
        if param.kind == "real" and value:
            changed[name] = param.check(min(value * 1.1, param.high if param.high is not None else value * 1.1), method)
    child = branched(store, run, moment, **changed)
    assert child.status == Status.DONE, child.error


def test_the_command_line_lists_moments_and_branches_off(store: RunStore, capsys: pytest.CaptureFixture[str]) -> None:
    run = trained(store)
    code, out, _ = ask(capsys, "branch", run.id, "--json")
    told = json.loads(out)
    assert code == 0 and [row["seq"] for row in told] == [m.seq for m in moments_of(store, run)]
    assert "gamma" in told[0]["can_change"] and "channels" not in told[0]["can_change"]
    code, out, _ = ask(capsys, "branch", run.id, "--at", str(told[-1]["seq"]), "--set", "power=2", "--json")
    child = store.get(json.loads(out.splitlines()[-1])["run_id"])
    assert code == 0 and child.spec.params["power"] == 2.0
    command = runs.as_command(child.spec)
    assert command == f"python -m core branch {run.id} --at {told[-1]['seq']} --set power=2.0"
    code, _, err = ask(capsys, "branch", run.id, "--at", str(told[-1]["seq"]), "--set", "widths=3")
    assert code == 2 and "widths" in err


def test_a_branch_is_no_run_of_its_own_values(store: RunStore) -> None:
    """Before its moment it had others: a sweep must not take it for a whole run, nor a table of a paper."""
    run = trained(store)
    child = branched(store, run, moments_of(store, run)[2], gamma=500.0)
    whole = runs.make_spec("udll", run.spec.data, preset="defaults", overrides={**UDLL, "gamma": 500.0}, device="cpu")
    assert same_settings(whole) == same_settings(dataclasses.replace(child.spec, branch=None)) != same_settings(child.spec)
    assert KnownRuns(store, "udll", None).like(whole) is None
    assert by_all_but_seed([child, run]) == [[child], [run]]
    (around,) = plan(Sweep(base=child.spec, seeds=(7,)))
    assert around.spec(child.spec).branch is None, "a sweep around a branch makes whole runs"
    orl = dataclasses.replace(runs.make_spec("udll", DataSpec("digits"), preset="defaults"), data=DataSpec("orl"))
    assert published(orl) and not published(dataclasses.replace(orl, branch=child.spec.branch))


def test_a_stage_may_be_called_anything(tmp_path: Path) -> None:
    for stage in ("fine-tune", "data path", "a/b", "1-2-3", "..", "ström"):
        moment = Moment(12, stage, 3, 4)
        path = moment.path(tmp_path)
        assert path.parent == tmp_path / "moments" and Moment.of(path) == moment


def test_a_state_that_is_too_large_is_never_copied(store: RunStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keeping, "MOST_BYTES", 100)
    monkeypatch.setattr(keeping, "contents", lambda *_: pytest.fail("it was written to memory"))
    assert moments_of(store, trained(store)) == []
    assert tensor_bytes({"a": [torch.zeros(3), {"b": (torch.zeros(2, dtype=torch.float64), "c", None)}]}) == 12 + 16
