"""The form of a new sweep: a base, what is varied around it, how, and what it will take."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import streamlit as st

from core import methods, runs, sweeps
from core.common import InvalidInput, read_only
from core.datasets import Dataset
from core.evaluation import score_title
from core.runs import RunSpec, Status, estimate
from core.sweeps import MAX_AXES, MAX_RUNS, SEED, Axis, Sweep, SweepRecord, SweepStore
from pages.ui.awaiting import about
from pages.ui.by_rule import BY_RULE, rule_of
from pages.ui.forms import segments
from pages.ui.naming import told_apart
from pages.ui.settings import DEFAULTS, SEEDS
from pages.ui.state import chosen_data, load_data, queue, store
from pages.ui.text import plain

DESIGN_TITLES = {"grid": "Grid", "one": "One at a time", "random": "Random", "sobol": "Sobol"}
MOST_BASES = 20
OWN, AS_ON_TRAIN = "own", "train"
WRITTEN = "v1, v2, … or low:high:count, with :log by powers of ten"


def vary(spec: RunSpec) -> None:
    """Open the form of a new sweep around what is set on Train."""
    st.session_state["sweep_train"] = spec
    for key, choice in (("figure", OWN), ("method", spec.method), (f"base:{spec.method}", AS_ON_TRAIN)):
        st.session_state[f"sweep_{key}"] = choice
    st.session_state[form_key(len(SweepStore(store().home).ids()))] = True
    st.switch_page("pages/sweeps.py")


def form_key(n_sweeps: int) -> str:
    """Another sweep, another form, which is closed at first: what was just started is what one wants to see."""
    return f"sweep_new:{n_sweeps}"


def new_sweep(data: Dataset) -> SweepRecord | None:
    """Show the form; returns the sweep once it has been started. A figure of a paper has data of its own."""
    known = sweeps.figures()
    wanted = st.selectbox(
        "What", [OWN, *known], format_func=lambda name: known[name].title if name in known else "A sweep of your own",
        key="sweep_figure", persist_state="session", help="The papers' own figures, on data that two cores manage.",
    )  # fmt: skip
    if wanted != OWN:
        chosen = known[wanted]
        st.caption(f"{plain(chosen.note)} The figure shows {score_title(chosen.score)}. {plain(chosen.shape)}")
        return offer(known[wanted].sweep())
    st.caption(f"on **{plain(data.title)}**: {data.n_samples:,} samples")
    base = _base(data)
    axes = _axes(base, data.n_classes) if base is not None else None
    with st.container(horizontal=True, vertical_alignment="bottom"):
        design = segments("Design", DESIGN_TITLES, key="sweep_design", persist_state="session")
        points = 16
        if design in ("random", "sobol"):
            points = int(st.number_input("Settings", 1, MAX_RUNS, 16, key="sweep_points", persist_state="session", width=120))
        seeds = segments("Seeds", {count: str(count) for count in SEEDS}, key="sweep_seeds", persist_state="session")
        name = st.text_input("Name", key="sweep_name", persist_state="session", max_chars=80, placeholder="what it varies")
    if base is None or axes is None:
        return None
    own = 1 if any(axis.name == SEED for axis in axes) else int(seeds)
    sweep = Sweep(
        base=base, axes=tuple(axes), design=design, seeds=tuple(range(base.seed, base.seed + own)), points=points, name=name
    )
    return offer(sweep)


def _base(data: Dataset) -> RunSpec | None:
    """A preset of a method, or a finished run on the chosen data; without classes K is asked for beside it."""
    known = methods.registered()
    order = sorted(known, key=lambda name: known[name].title)
    start = st.session_state.get("method", "udll")
    first = 0 if "sweep_method" in st.session_state or start not in order else order.index(start)
    with st.container(horizontal=True):
        method = st.selectbox(
            "Method", order, index=first, key="sweep_method", persist_state="session",
            format_func=lambda name: known[name].title,
        )  # fmt: skip
        here = [
            run for run in store().runs(status=[Status.DONE], references=False, method=method) if run.spec.data == chosen_data()
        ][:MOST_BASES]
        names: Mapping[str, str] = told_apart(here)
        presets = known[method].presets
        auto = methods.preset_for(method, chosen_data().name)[0]
        offered = list(dict.fromkeys([auto, *rule_of(known[method]), DEFAULTS, *presets]))
        train: RunSpec | None = st.session_state.get("sweep_train")
        if train is not None and (train.method, train.data) == (method, chosen_data()):
            offered.insert(0, AS_ON_TRAIN)
        titles = {DEFAULTS: "Defaults", methods.RULE: BY_RULE, AS_ON_TRAIN: "As set on Train"}
        titles |= {name: f"Preset: {preset.title}" for name, preset in presets.items()}
        chosen = st.selectbox(
            "Base",
            [*offered, *names],
            format_func=lambda base: names.get(base) or titles[base],
            key=f"sweep_base:{method}",
            persist_state="session",
        )
        K = None if data.n_classes or chosen in (AS_ON_TRAIN, *names) else _wanted_clusters(data)
    if chosen == AS_ON_TRAIN:
        return train
    if chosen in names:
        return next(run.spec for run in here if run.id == chosen)
    given = {} if K is None else {"n_clusters": K}
    try:
        return runs.make_spec(method, chosen_data(), preset=chosen, overrides=given, load=load_data)
    except InvalidInput as error:
        st.error(plain(error), icon=":material/error:")
        return None


def _wanted_clusters(data: Dataset) -> int | None:
    """K of data that have no classes; left open it must be varied."""
    K: int | None = st.number_input(
        "K clusters", 2, data.n_samples - 1, None, key=f"sweep_clusters:{data.name}", persist_state="session", width=160,
        placeholder="your choice", help="These data have no classes to count. Choose K, or vary n clusters below.",
    )  # fmt: skip
    return K


def _axes(base: RunSpec, n_classes: int | None) -> list[Axis] | None:
    """One to four axes, with values to begin with; None with the reason on the page."""
    known = sweeps.sweepable(base.method)
    names = st.multiselect(
        "Vary", list(known), max_selections=MAX_AXES, key=f"sweep_axes:{base.method}", persist_state="session",
        format_func=lambda name: name.replace("_", " "), placeholder="nothing but the seed",
    )  # fmt: skip
    found = []
    for name in names:
        param, value = known[name], sweeps.value_of(base, name)
        told = f"{param.help} Allowed: {param.allowed}. The base has {value}."
        printed, recommended = sweeps.axis_of_paper(base.method, name) or ("", None)
        if printed:
            told += " The values to begin with are those of the paper's figure."
        text = st.text_input(
            f"${param.symbol}$ {name.replace('_', ' ')}", printed or sweeps.proposed(param, value, n_classes), help=told,
            key=f"sweep_values:{base.method}:{name}", persist_state="session", placeholder=WRITTEN,
        )  # fmt: skip
        try:
            found.append(replace(sweeps.parse_axis(base.method, f"{name}={text}"), recommended=recommended))
        except InvalidInput as error:
            st.error(plain(error), icon=":material/error:")
    if names:
        st.caption(f"Values are written {WRITTEN}.")
    return found if len(found) == len(names) else None


def offer(sweep: Sweep) -> SweepRecord | None:
    """Say what a sweep will take, and start it on a click."""
    try:
        cells = sweeps.plan(sweep, load_data)
    except InvalidInput as error:
        st.error(plain(error), icon=":material/error:")
        return None
    new = sweeps.missing(store(), sweep, cells, load_data)
    with st.container(horizontal=True, vertical_alignment="center"):
        clicked = st.button("Start", type="primary", icon=":material/rocket_launch:", disabled=read_only(), key="sweep_start")
        st.caption(_cost(sweep, len(cells), len(new)))
    return sweeps.start(store(), sweep, queue(), load_data) if clicked else None


def _cost(sweep: Sweep, cells: int, new: int) -> str:
    """Runs, time and disk in a line, as far as they are known."""
    told = [f"**{cells} {'run' if cells == 1 else 'runs'}**" + (f", {new} to be trained" if new < cells else "")]
    expected = estimate(store(), sweep.base, load_data(sweep.base.data).samples.shape)
    if expected.seconds is None:
        return f"{told[0]}; time is known after the first run of this method on these data"
    if queue().place.address is not None:
        told.append(f"{about(expected.seconds * new)} of work for the cluster")
    else:
        workers = queue().capacity.now
        told.append(f"{about(expected.seconds * new / workers)} with {workers} at once")
    if expected.measured_on is None:
        return "; ".join([*told, "or half as long, or twice: no run on these data was timed yet"])
    folder = store().files.folder(expected.measured_on)
    files = [file.stat() for file in folder.rglob("*") if file.is_file()]
    size = sum(file.st_size for file in files if file.st_nlink == 1)  # what has more links is there already
    return "; ".join([*told, f"{size * new / 2**20:.0f} MB of disk"])
