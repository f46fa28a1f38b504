"""Data: choose a data set, take a part of it, see what it is, or bring your own."""

from __future__ import annotations

from typing import Any

import streamlit as st

from core import datasets
from core.common import InvalidInput
from core.datasets import Dataset, DataSpec
from pages.ui.dataview import data_views
from pages.ui.fetching import offer, recipes
from pages.ui.forms import widget
from pages.ui.importing import bring_data, provenance, what_was_found
from pages.ui.navigation import through_app
from pages.ui.painting import paint_points, painting
from pages.ui.state import DEFAULT_DATA, choose_data, chosen_data, load_data
from pages.ui.text import plain

SCALING_NAMES = {
    "unit": "0 to 1",
    "standard": "zero mean, unit variance per feature",
    "columns": "each feature to 0 to 1",
    "l2": "unit norm per sample",
    "none": "as stored",
}
HELD_OUT = (
    "No method learns from these samples; they are encoded and scored apart. Where a test part is published (MNIST, MNIST2, "
    "Fashion-MNIST, USPS) they are drawn from it, and the rest of it is left out; else they are drawn from all samples."
)
NOISE = (
    "Standard deviation of the Gaussian noise that is added to every value after scaling, also to held-out samples. It is "
    "drawn from the seed, and nothing is clipped, so values may leave the range of the scaling."
)


def choose() -> DataSpec:
    """The widgets that make a data spec."""
    names = datasets.dataset_names()
    if "data_brought" in st.session_state:
        st.session_state["data_name"] = st.session_state.pop("data_brought")
    st.session_state.setdefault("data_name", chosen_data().name)
    if st.session_state["data_name"] not in names:
        st.session_state["data_name"] = DEFAULT_DATA.name
    titles = {entry.name: entry.title for entry in datasets.entries()}
    spec = chosen_data()
    options = sorted(names, key=lambda name: not names[name])
    name = st.selectbox(
        "Data set",
        options,
        format_func=lambda n: titles.get(n, f"{n} (uploaded)") + ("" if names[n] else " (not on this machine)"),
        key="data_name",
    )
    demo = next((entry.demo for entry in datasets.entries() if entry.name == name), DataSpec(name))
    start = spec if spec.name == name else demo
    make = knobs(name, start)
    whole(name, start)
    with st.expander("Take a part, or rescale", expanded=start not in (DataSpec(name, make=start.make), DEFAULT_DATA)):
        scaling: Any = st.selectbox(
            "Scaling",
            list(SCALING_NAMES),
            list(SCALING_NAMES).index(start.scaling),
            format_func=lambda scaling: SCALING_NAMES[scaling],
            key=f"{name}:scaling",
        )
        return DataSpec(
            name=name,
            n_classes=_limit("Only the first classes", start.n_classes, 2, f"{name}:classes"),
            per_class=_limit("Samples per class", start.per_class, 1, f"{name}:per_class"),
            n_samples=_limit("Samples in all, drawn at random", start.n_samples, 4, f"{name}:n"),
            n_test=_limit("Hold out for testing", start.n_test, 4, f"{name}:n_test", placeholder="none", help=HELD_OUT),
            seed=int(st.number_input("Seed of the draw", 0, 2**31 - 1, start.seed, key=f"{name}:seed")),
            scaling=scaling,
            noise=st.number_input(
                "Noise", 0.0, datasets.MAX_NOISE, float(start.noise), 0.05, format="%g", key=f"{name}:noise", help=NOISE
            ),
            make=make,
        )


def whole(name: str, start: DataSpec) -> None:
    """Say that a set opens in part, why, and how it is taken whole."""
    listed = next((entry for entry in datasets.entries() if entry.name == name), None)
    taken = {key: st.session_state.get(f"{name}:{key}", start_of) for key, start_of in _cuts(start).items()}
    if listed is None or not any(taken.values()) or listed.name in datasets.MAKERS:
        return
    with st.container(horizontal=True, vertical_alignment="center"):
        st.caption(f":material/content_cut: A part of its {listed.n:,} samples, so that a first run takes a minute or two.")
        st.button("Take it whole", on_click=_take_whole, args=(name,), key=f"whole:{name}")


def _cuts(spec: DataSpec) -> dict[str, int | None]:
    """What makes a part of a set, by the keys of the fields."""
    return {"classes": spec.n_classes, "per_class": spec.per_class, "n": spec.n_samples}


def _take_whole(name: str) -> None:
    for key in _cuts(DataSpec(name)):
        st.session_state[f"{name}:{key}"] = None


def knobs(name: str, start: DataSpec) -> dict[str, Any]:
    """How data are made, where they are made on the fly."""
    if name not in datasets.MAKERS:
        return {}
    declared, given = datasets.MAKERS[name].knobs, start.knobs
    return {knob: widget(param, given[knob], key=f"{name}:make:{knob}") for knob, param in declared.items()}


def _limit(label: str, value: int | None, low: int, key: str, *, placeholder: str = "all", **about: Any) -> int | None:
    limit: int | None = st.number_input(label, min_value=low, value=value, placeholder=placeholder, key=key, **about)
    return limit


def show(data: Dataset, spec: DataSpec) -> None:
    """What the data set is: numbers, where they come from, and one look at a time."""
    each = {"Each": "×".join(map(str, data.image_shape))} if data.image_shape else {"Features": f"{data.X.shape[1]:,}"}
    facts = {"Samples": f"{data.n_samples:,}", **each, "Classes": data.n_classes or "unknown"}
    if data.partly_labelled:
        facts["Labelled"] = f"{data.n_labelled:,}"
    if data.test is not None:
        facts["Held out"] = f"{data.test.n_samples:,}"
    for column, (label, value) in zip(st.columns(len(facts)), facts.items(), strict=True):
        column.metric(label, value, border=True)
    if data.attributes:
        st.caption(f"Label columns: {label_columns(data)}.")
    provenance(data)
    if data.peculiarities:
        st.caption(" ".join(data.peculiarities))
    data_views(data, spec)


def label_columns(data: Dataset) -> str:
    """The classes and the attributes, each with how many values it has."""
    classes = [] if data.y is None else [f"class ({len(data.classes)})"]
    return ", ".join([*classes, *(f"{plain(name)} ({len(found.classes)})" for name, found in data.attributes.items())])


through_app()
st.title("Data")
st.caption(
    "What shall be clustered? Labels, where there are any, are used for scores only; a run that is set to use them says so."
)
left, right = st.columns([1, 2.4], gap="large")
with left:
    spec = choose()
    onwards = st.container()
    found = bring_data()
    wanted = painting()
    recipes()
with right:
    if wanted:
        paint_points()
    if found is not None:
        what_was_found(found)
        st.stop()
    entry = next((entry for entry in datasets.entries() if entry.name == spec.name), None)
    if entry is not None and not datasets.available(spec.name):
        offer(entry)
        st.stop()
    try:
        chosen = load_data(spec)
    except InvalidInput as problem:
        st.error(plain(problem), icon=":material/error:")
        st.stop()
    choose_data(spec)
    if entry is not None:
        st.markdown(f"**{entry.title}.** {entry.summary}")
        if datasets.origin_note(entry.name):
            st.caption(f":material/info: {datasets.origin_note(entry.name)}")
    show(chosen, spec)
    if entry is not None:
        st.caption(entry.terms)
with onwards:
    if st.button("Train on this data", type="primary", icon=":material/arrow_forward:", width="stretch"):
        st.switch_page("pages/train.py")
