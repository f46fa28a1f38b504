"""Tables of results that are made again by their rows."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from core import cli
from core.bench import Results, load_results, save_results
from core.bench.remake import again, remake
from core.common import ParameterError

pytestmark = pytest.mark.journey


def table(*rows: dict[str, Any]) -> Results:
    shared = {"title": "T", "commands": ["c"], "origin": "transcribed", "protocol": "P", "device": "CPU", "seeds": [0, 1]}
    return Results.from_dict({**shared, "chosen": "untuned", "rows": rows})


def of(method: str, **more: str) -> dict[str, str]:
    return {"method": method, "preset": "defaults", "data": "digits", **more}


def test_a_row_is_what_its_runs_reach_now(command: Any, tmp_path: Path) -> None:
    wrong = {"acc": {"mean": 0.123, "std": 0.5, "paper": 0.9}}
    file = save_results(
        table({"of": of("kmeans", set="n_init=2"), "scores": wrong}, {"of": of("spectral"), "scores": wrong}),
        tmp_path / "t.json",
    )
    assert cli.main(["bench", "table", str(file)]) == 0
    remade = load_results(file)
    assert remade.origin == "command"
    kmeans, spectral = remade.rows
    settings = ("run", "kmeans", "--dataset", "digits", "--preset", "defaults", "--set", "n_init=2", "--json")
    printed = [json.loads(command(*settings, "--seed", seed).stdout.splitlines()[-1])["metrics"]["acc"] for seed in (0, 1)]
    assert kmeans.seeds == (0, 1) and kmeans.scores["acc"].mean == pytest.approx(np.mean(printed), abs=1e-4)
    assert kmeans.scores["acc"].std == pytest.approx(np.std(printed), abs=1e-4) and kmeans.scores["acc"].paper == 0.9
    assert spectral.scores["acc"].mean == pytest.approx(0.807, abs=0.02) and len(spectral.seeds) in (0, 10)


def test_a_row_whose_last_step_feels_no_seed_has_no_deviation() -> None:
    (row,) = table({"of": of("ridge", set="assign_labels=cluster_qr"), "scores": {"acc": {"mean": 0.1, "std": 0.1}}}).rows
    found = again(row)
    assert found.seeds == () and found.scores["acc"].std is None and 0.5 < (found.scores["acc"].mean or 0) < 1


def test_a_table_of_something_else_is_refused() -> None:
    with pytest.raises(ParameterError, match="task"):
        next(remake(table({"of": {"task": "udll-orl"}, "scores": {"ratio": {"mean": 2.0, "std": 0.1}}})))
