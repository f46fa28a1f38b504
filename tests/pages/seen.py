"""What tests of pages look for, and the runs that they look at."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
from streamlit.testing.v1 import AppTest

from core import datasets, methods, runs
from core.datasets import DataSpec
from core.jobs import JobQueue
from core.runs import Run, RunSpec, RunStore

SMALL = DataSpec("digits", per_class=12, n_classes=4)
OTHER = DataSpec("digits", per_class=8)
QUICK = {"pretrain_epochs": 2, "epochs": 2, "channels": (4,), "kernel_sizes": (3,), "n_atoms": 20, "sweeps": 1}


def healthy(app: AppTest) -> AppTest:
    assert not app.exception, app.exception[0].message
    return app


def texts(app: AppTest) -> str:
    """All text on the page, as a reader sees it: without the backslashes that keep Markdown out."""
    shown = [*app.markdown, *app.caption, *app.info, *app.error, *app.warning]
    return "\n".join(str(element.value) for element in shown) + "\n" + errors(app)


def errors(app: AppTest) -> str:
    return re.sub(r"\\([^A-Za-z0-9\s])", r"\1", "\n".join(element.value for element in [*app.error, *app.warning]))


def quick_spec(method: str, **overrides: Any) -> RunSpec:
    declared = methods.method_class(method).declared()
    quick = {name: value for name, value in QUICK.items() if name in declared}
    return runs.make_spec(method, SMALL, overrides=quick | overrides, device="cpu")


def unescaped(app: AppTest) -> str:
    return re.sub(r"\\([^A-Za-z0-9\s])", r"\1", texts(app))


def button(app: AppTest, label: str) -> Any:
    return next(b for b in app.button if b.label == label)


VIEWS = (
    "Scores", "Embedding", "Affinity", "Workbench", "Confusion", "Reconstructions", "Curves", "Retrieval", "Anchors", "Codes",
    "New samples", "Figures", "Record",
)  # fmt: skip
HELD = DataSpec("digits", per_class=12, n_classes=4, n_test=30)
TINY = {"widths": (16, 8), "epochs": 2, "n_neighbors": 5}


def unlabelled(n: int = 60) -> DataSpec:
    """Samples without classes that are no images, some of them held out."""
    rows = "\n".join(",".join(map(str, row)) for row in np.random.default_rng(0).integers(0, 9, (n, 6)))
    path = datasets.store_upload("plain.csv", f"a,b,c,d,e,f\n{rows}\n".encode())
    return DataSpec(path.stem, n_test=20)


def plots(app: AppTest) -> list[dict[str, Any]]:
    return [json.loads(chart.proto.spec) for chart in app.get("plotly_chart")]


def numbers_of(packed: Any) -> np.ndarray:
    """An array as Plotly sends it: binary, or a list."""
    if isinstance(packed, dict):
        return np.frombuffer(base64.b64decode(packed["bdata"]), dtype=packed["dtype"])
    return np.asarray(packed)


def new_samples(visit: Callable[..., AppTest], run: str) -> AppTest:
    return visit("explore", run=run, view="New samples")


def finished_with(store: RunStore, method: str, seed: int, **overrides: Any) -> str:
    spec = replace(quick_spec(method, **overrides), seed=seed)
    return JobQueue(store, immediate=True).submit(spec, references=False).id


def own_runs(store: RunStore) -> list[Run]:
    return store.runs(references=False)
