"""What the pages share between reruns: the store, the queue, and what this user has chosen."""

from __future__ import annotations

from time import localtime, strftime
from typing import Any

import streamlit as st

from core import datasets
from core.common import AffinityLabError
from core.datasets import Dataset, DataSpec
from core.jobs import JobQueue
from core.runs import Run, RunSpec, RunStore
from pages.ui.text import plain

DEFAULT_DATA = DataSpec("digits", per_class=50)  # a first run on these ends within seconds


@st.cache_resource(show_spinner=False)
def _queue() -> JobQueue:
    return JobQueue(RunStore(known_methods=True))


def queue() -> JobQueue:
    """The one queue of this server; if the cache is cleared, a new one finds the workers again through the store."""
    try:
        return _queue()
    except (AffinityLabError, OSError) as error:  # a setting that cannot be, or a home that cannot be used
        st.error(plain(error), icon=":material/error:")
        st.stop()


def store() -> RunStore:
    return queue().store


@st.cache_resource(show_spinner="Loading the data …", max_entries=4)
def _load(plain: tuple[tuple[str, Any], ...], stamp: float) -> Dataset:
    return datasets.load(DataSpec.from_dict(dict(plain)))


def load_data(spec: DataSpec) -> Dataset:
    """The data set of a spec, kept for all users; a file that changes is read again.

    Raises
    ------
    DataError
        If it is not here or cannot be used.
    """
    return _load(tuple(spec.to_dict().items()), datasets.modified(spec.name))


def chosen_data() -> DataSpec:
    """The data this user works on."""
    plain = st.session_state.get("data")
    return DEFAULT_DATA if plain is None else DataSpec.from_dict(plain)


def choose_data(spec: DataSpec) -> None:
    st.session_state["data"] = spec.to_dict()
    st.session_state["adopted"] = _linked_run()  # who chooses data has done with those of the run that was linked


def take_to_train(spec: RunSpec, origin: str) -> None:
    """Open the training form on the data and with the settings of a spec; `origin` is the run, or whatever else it is of."""
    st.session_state["method"] = spec.method
    taken = ("preset", "params", "seed", "snapshots", "looking", "arithmetic", "device")
    st.session_state["draft"] = {"run": origin, **{name: getattr(spec, name) for name in taken}, "params": dict(spec.params)}
    choose_data(spec.data)
    st.switch_page("pages/train.py")


def _linked_run() -> str | None:
    """The run of the link, else the one that was looked at last."""
    return st.query_params.get("run") or st.session_state.get("run")


def chosen_run(runs: list[Run], newest: list[Run] | None = None) -> Run | None:
    """The run this user looks at: the one of the link, else the one chosen last, else the first of `newest`."""
    wanted = _linked_run()
    found = next((run for run in runs if run.id == wanted), None)
    if found is None and wanted and not store().has(wanted):
        st.warning(f"There is no run {plain(wanted)} to show here.", icon=":material/warning:")
        st.query_params.pop("run", None)
        st.session_state.pop("run", None)
    if found is not None:  # who came by a link looks at that run on the other pages too
        st.session_state["run"] = found.id  # not in the address: every change of it is one more step for Back
        return found
    newest = runs if newest is None else newest  # the run that is looked at may be one of another page: it stays that
    return newest[0] if newest else None


def adopt_linked_run() -> None:
    """Who comes by a link to a run works on its data, with its method; once, so that other data can be chosen after that."""
    wanted = _linked_run()
    if not wanted or st.session_state.get("adopted") == wanted:
        return
    st.session_state["adopted"] = wanted
    if store().has(wanted):
        spec = store().get(wanted).spec
        choose_data(spec.data)
        st.session_state["method"] = spec.method


def choose_run(run_id: str) -> None:
    st.session_state["run"] = st.session_state["adopted"] = run_id
    st.query_params["run"] = run_id


def run_name(run: Run) -> str:
    """A run in one line: method, data, when, and its score once it has one."""
    when = strftime("%d %b %H:%M:%S", localtime(run.created))
    accuracy = run.result.get("metrics", {}).get("acc")
    score = f" · ACC {accuracy:.3f}" if accuracy is not None else ""
    return f"{run.spec.method} on {run.spec.data.label} · {when}{score}"
