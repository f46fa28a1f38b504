"""Train: pick a method, set it, see what it will cost, launch, and watch."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import streamlit as st

from core import methods, runs
from core.common import InvalidInput, read_only
from core.datasets import Dataset
from core.methods import Clusterer
from core.runs import RunSpec, estimate
from pages.ui.forms import parameter_form
from pages.ui.live import live_panel, scope_words
from pages.ui.navigation import through_app
from pages.ui.state import choose_run, chosen_data, chosen_run, load_data, queue, run_name, store
from pages.ui.text import breakable, plain

CARDS_IN_A_ROW = 3


def method_cards(chosen: str) -> None:
    """All methods: what each is, whose it is, and what it minimises."""
    families: dict[str, list[type[Clusterer]]] = {}
    for cls in methods.registered().values():
        families.setdefault(cls.family, []).append(cls)
    tabs = st.tabs(list(families), default=methods.method_class(chosen).family)
    for tab, known in zip(tabs, families.values(), strict=True):
        with tab:
            for start in range(0, len(known), CARDS_IN_A_ROW):
                for column, cls in zip(st.columns(CARDS_IN_A_ROW), known[start : start + CARDS_IN_A_ROW], strict=False):
                    with column.container(
                        border=True, height="stretch", vertical_alignment="distribute", key=f"card_{cls.name}"
                    ):
                        _card(cls, chosen)


def _card(cls: type[Clusterer], chosen: str) -> None:
    with st.container():
        st.markdown(f"**{cls.title}**")
        st.caption(f"{cls.summary} *{cls.paper}*")
        st.markdown(f"$\\small {breakable(cls.objective)}$")
    st.button(
        "Chosen" if cls.name == chosen else "Choose",
        key=f"choose_{cls.name}",
        type="primary" if cls.name == chosen else "secondary",
        on_click=_choose_method,
        args=(cls.name,),
    )


def _choose_method(name: str) -> None:
    st.session_state["method"] = name
    st.session_state.pop("draft", None)


def settings(cls: type[Clusterer], data: Dataset) -> RunSpec | None:
    """Preset, hyperparameters and launch form; the checked spec, or None with the reason on the page."""
    draft = st.session_state.get("draft") or {}
    presets = ["defaults", *cls.presets]
    own = draft.get("preset") or methods.preset_for(cls.name, data.name)[0]
    preset = st.selectbox(
        "Preset",
        presets,
        index=presets.index(own) if own in presets else 0,
        format_func=lambda name: cls.presets[name].title if name in cls.presets else "Defaults",
        key=f"preset:{cls.name}:{data.name}:{draft.get('run', '')}",
    )
    if preset in cls.presets:
        about = cls.presets[preset]
        st.caption(f"Source: {about.source}, chosen: {about.chosen}. {about.note}")
        if about.dataset != data.name:
            st.caption(f":material/info: This preset was made for {about.dataset}.")
    values = dict(cls.presets[preset].params) if preset in cls.presets else {}
    if draft and preset == own:  # another preset means its own values, not those of the duplicated run
        values |= draft["params"]
    declared = {name: param for name, param in cls.declared().items() if name != "random_state"}
    with st.form(f"settings:{cls.name}"):
        with st.container(horizontal=True):
            launch = st.form_submit_button("Launch", type="primary", icon=":material/rocket_launch:", disabled=read_only())
            st.form_submit_button("Update the cost", help="Shows on the right what these settings will need.")
        key = f"{cls.name}:{data.name}:{preset}:{draft.get('run', '')}"
        given = parameter_form(declared, values, key=key, opened=() if data.n_classes else ("Clusters",))
        with st.expander("Run", expanded=True):
            seed = st.number_input(
                "$s$ seed", 0, runs.MAX_SEED, draft.get("seed", 0), help="Seed of every random number of the run."
            )
            devices = ["auto", "cpu", *(["cuda"] if queue().gpu_available() else [])]
            wanted = draft.get("device", "auto")
            place = devices.index(wanted) if wanted in devices else 0
            device = st.selectbox(
                "Device", devices, place, help="auto takes the GPU if there is one and the method can use it."
            )
            looks = int(draft.get("snapshots", 5))
            meaning = "How often clusters are read off and scored in each stage."
            snapshots = st.slider("Looks while training", 1, runs.MAX_SNAPSHOTS, looks, help=meaning)
            share = round(100 * float(draft.get("looking", 0.2)))
            meaning = "Looks that would take more of the time of a stage are left out; the first and the last are always taken."
            looking = st.slider("Time for looking", 0, 100, share, step=5, format="%d %%", help=meaning)
    try:
        spec = runs.make_spec(
            cls.name,
            chosen_data(),
            preset=preset,
            overrides=given,
            seed=int(seed),
            device=device,
            snapshots=snapshots,
            looking=looking / 100,
        )
    except InvalidInput as error:
        st.error(plain(error), icon=":material/error:")
        return None
    if launch:
        start(spec)
    return spec


def start(spec: RunSpec) -> None:
    """Check the spec against the data at hand, then queue it; a bad one leaves no record."""
    try:
        runs.check(replace(spec, device="cpu"), load_data(spec.data))
    except InvalidInput as error:
        st.error(plain(error), icon=":material/error:")
        return
    run = queue().submit(spec)
    choose_run(run.id)
    st.rerun()


def cost(spec: RunSpec, data: Dataset) -> None:
    """Memory, parameters and time, as far as they are known before the start."""
    expected = estimate(store(), spec, data.samples.shape)
    with st.container(border=True):
        st.markdown("**Before you launch**")
        size, parameters, seconds = st.columns(3)
        size.metric("Memory", _megabytes(expected.cost.bytes), help="Of the matrices that grow with the data.")
        parameters.metric("Parameters", f"{expected.cost.parameters:,}")
        seconds.metric("Time", "unknown" if expected.seconds is None else f"{expected.seconds:.0f} s")
        parts = [f"{name}: {_megabytes(size)}" for name, size in expected.cost.matrices.items()]
        time = "scaled from an earlier run on this data" if expected.measured_on else "known after the first run on this data"
        st.caption("; ".join([*parts, f"time: {time}"]) + ".")
        words = scope_words(spec, data.n_samples)
        if words:
            st.caption(f":material/grid_off: {words}")


def _megabytes(size: int) -> str:
    return f"{size / 2**30:.1f} GB" if size >= 2**30 else f"{size / 2**20:.1f} MB"


def watch() -> None:
    """The run that is looked at, and a choice among the others."""
    runs = store().runs(references=False)
    run = chosen_run(runs)
    if run is None:
        st.info("Nothing has been trained yet. Choose a method, then **Launch**.", icon=":material/rocket_launch:")
        return
    names = {other.id: run_name(other) for other in runs[:50]} | {run.id: run_name(run)}
    picked: Any = st.selectbox("Run", list(names), index=list(names).index(run.id), format_func=lambda run_id: names[run_id])
    if picked != run.id:
        choose_run(picked)
        st.rerun()
    live_panel(run.id)
    if run.over and st.button("Explore this run", type="primary", icon=":material/scatter_plot:"):
        st.switch_page("pages/explore.py", query_params={"run": run.id})


through_app()
st.title("Train")
try:
    chosen_set = load_data(chosen_data())
except InvalidInput as problem:
    st.error(plain(problem), icon=":material/error:")
    st.page_link("pages/data.py", label="Choose other data", icon=":material/database:")
    st.stop()
with st.container(horizontal=True, vertical_alignment="center"):
    st.caption(
        f"On **{plain(chosen_set.title)}**: {chosen_set.n_samples:,} samples, "
        + (f"{chosen_set.n_classes} classes." if chosen_set.n_classes else "no labels.")
        + (f" {chosen_set.test.n_samples:,} more are held out for testing." if chosen_set.test is not None else "")
    )
    st.page_link("pages/data.py", label="Other data", icon=":material/database:")
name = st.session_state.setdefault("method", "udll")
method = methods.method_class(name)
fresh = not store().runs(references=False)  # cards are open until there is something to watch
with st.expander(f"Method: {method.title}", expanded=fresh, icon=":material/category:", key=f"methods:{fresh}"):
    method_cards(name)
left, right = st.columns([1, 1.9], gap="large")
with left:
    st.subheader(method.title)
    st.markdown(f"${breakable(method.objective)}$")
    wanted = settings(method, chosen_set)
with right:
    if wanted is not None:
        cost(wanted, chosen_set)
    watch()
