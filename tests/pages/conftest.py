"""A page that is opened, and runs to open it on."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from core import methods, runs
from core.datasets import DataSpec
from core.jobs import JobQueue
from core.runs import RunStore
from tests.conftest import ROOT
from tests.pages.seen import HELD, SMALL, TINY, healthy, quick_spec


@pytest.fixture
def visit() -> Callable[..., AppTest]:
    """Open a page with the small data set chosen; whatever it raises fails the test."""

    def open_page(name: str, **state: Any) -> AppTest:
        app = AppTest.from_file(str(ROOT / "app.py"), default_timeout=60)
        app.session_state["data"] = SMALL.to_dict()
        for key, value in state.items():
            app.session_state[key] = value
        if "run" in state:
            app.query_params["run"] = state["run"]
        app.run()
        app.switch_page(f"pages/{name}.py").run()
        return healthy(app)

    return open_page


@pytest.fixture
def finished(store: RunStore) -> Callable[..., str]:
    """A finished run of a method, by id."""

    def train(method: str, **overrides: Any) -> str:
        return JobQueue(store, immediate=True).submit(quick_spec(method, **overrides), references=False).id

    return train


@pytest.fixture
def held_out(store: RunStore) -> Callable[..., str]:
    """A finished run of a method on data with held-out samples, by id."""

    def train(method: str, data: DataSpec = HELD, **overrides: Any) -> str:
        declared = methods.method_class(method).declared()
        values = {name: value for name, value in (TINY | overrides).items() if name in declared}
        spec = runs.make_spec(method, data, preset="defaults", overrides=values, device="cpu")
        return JobQueue(store, immediate=True).submit(spec, references=False).id

    return train
