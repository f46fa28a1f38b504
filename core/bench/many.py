"""Pages over many runs: how long a user waits for a sweep of 500, and for the table of 5,000."""

from __future__ import annotations

import dataclasses
import random
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from core.bench.ui import chromium, held, served, until
from core.datasets import DataSpec
from core.runs import RunSpec, RunStore, Status, make_spec
from core.sweeps import Cell, Sweep, SweepStore, parse_axis, settings

RUNS = 5000
AXES = ("strength=0.01:100:25:log", "power=1:10:10")
SEEDS = (0, 1)
VISITS = 4
AT_MOST = {
    "a sweep of 500 runs, painted": 2.0,
    "a sweep of 500 runs, another score": 0.5,
    f"the table of {RUNS:,} runs": 2.0,
}


def bench_many(visits: int = VISITS) -> Iterator[dict[str, Any]]:
    """Each measure with its bound: medians in seconds, of several visits after one that warms the server.

    Raises
    ------
    DataError
        If Chromium or Playwright is not there.
    """
    with tempfile.TemporaryDirectory() as place, chromium() as browser:
        furnish(RunStore(place))
        measured: dict[str, list[float]] = {}
        with served(Path(place)) as address:
            for _ in range(visits + 1):
                for name, value in _visit(browser, address).items():
                    measured.setdefault(name, []).append(value)
    for name, values in measured.items():
        yield held(name, values[1:], at_most=AT_MOST[name])


def furnish(store: RunStore, n: int = RUNS) -> str:
    """A store with so many finished runs, 500 of them those of a sweep; returns the id of that."""
    base = make_spec("ridge", DataSpec("digits"), preset="defaults", device="cpu")
    sweep = Sweep(base=base, axes=tuple(parse_axis("ridge", text) for text in AXES), seeds=SEEDS)
    cells = [Cell(setting, seed) for setting in settings(sweep) for seed in sweep.seeds]
    rng, filled = random.Random(0), []
    for place in range(n):
        spec = cells[place].spec(base) if place < len(cells) else dataclasses.replace(base, seed=place)
        run_id = f"260101-000000-ridge-digits-{place:08x}"
        store.adopt(_record(run_id, spec, place, rng))
        if place < len(cells):
            filled.append(dataclasses.replace(cells[place], run=run_id))
    return SweepStore(store.home).create(sweep, filled).id


def _record(run_id: str, spec: RunSpec, place: int, rng: random.Random) -> dict[str, Any]:
    scores = {
        name: rng.random() for name in ("acc", "nmi_geometric", "nmi_max", "ari", "purity", "silhouette", "block_diagonality")
    }
    result = {"metrics": scores, "seconds": {"total": 1.0}, "n_samples": 1797, "fingerprint": "0" * 16, "spread": {}}
    return {
        "id": run_id, "spec": spec.to_dict(), "status": str(Status.DONE), "created": 1.7e9 + place, "result": result,
        "progress": {}, "alarms": [], "error": None,
    }  # fmt: skip


def _visit(browser: Any, address: str) -> dict[str, float]:
    page = browser.new_page(viewport={"width": 1280, "height": 800})
    try:
        found = {"a sweep of 500 runs, painted": until(page, lambda: page.goto(f"{address}/sweeps"), HEATMAP.format("ACC"))}
        page.wait_for_timeout(2000)
        page.get_by_role("combobox", name="Score", exact=True).click()
        option = page.get_by_role("option", name="purity", exact=True)
        option.wait_for()
        found["a sweep of 500 runs, another score"] = until(page, option.click, HEATMAP.format("purity"))
        found[f"the table of {RUNS:,} runs"] = until(
            page, lambda: page.goto(f"{address}/runs"), "[data-testid=stDataFrame] canvas"
        )
        return found
    finally:
        page.close()


HEATMAP = '[role=img][aria-label="{} on two axes"]'
