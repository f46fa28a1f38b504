"""The campaign of faults: a quick part of it with real processes, and that it notices what it looks for."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from core.bench.faults import PIECES, bench_faults
from core.bench.faults.kills import VICTIMS, Campaign
from core.bench.faults.scene import Scene, scene
from core.common import ParameterError
from core.runs import Status, this_process
from core.runs.spec import CHECKPOINT

pytestmark = pytest.mark.journey


def test_a_killed_server_loses_no_run() -> None:
    """Its workers go with it, and a new server takes up what they did."""
    with scene() as on:
        campaign = Campaign(on, seed=0)
        campaign.strike("server")
        assert campaign.conclude() == [] and not campaign.failures
        assert campaign.kills.total() == 1
        assert {run.status for run in on.store.runs(references=False)} == {Status.DONE}


@pytest.mark.slow
@pytest.mark.parametrize("piece", PIECES)
def test_runs_survive(piece: str) -> None:
    outcomes = list(bench_faults([piece], kills=2 * len(VICTIMS)))
    assert outcomes and not [failure for outcome in outcomes for failure in outcome.failures]


def test_what_is_wrong_in_the_end_is_told(tmp_path: Path) -> None:
    on = Scene(tmp_path / "home")
    assert on.faults() == []
    failed, done = (on.store.create(on.spec(seed), owner=this_process()).id for seed in (1, 2))
    on.store.finish(failed, Status.FAILED, {})
    on.store.finish(done, Status.DONE, {})
    (on.store.files.folder(failed) / CHECKPOINT).write_bytes(b"half a fit")
    (on.store.files.folder(done) / f".final.npz.{os.getpid()}.abc123.tmp").write_bytes(b"half")
    told = on.faults()
    assert len(told) == 3 and f"{failed} is failed" in told and all(failed in word or done in word for word in told)
    (on.home / "runs.sqlite").write_bytes(b"no database" * 100)
    assert on.faults() == ["core list fails"]


def test_pieces_that_are_none_are_refused() -> None:
    for pieces, kills in ((["flood"], 1), ([], 0)):
        with pytest.raises(ParameterError, match=r"flood|--kills"):
            next(bench_faults(pieces, kills=kills))
