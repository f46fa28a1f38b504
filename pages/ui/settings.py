"""What to run: a method, a preset, hyperparameters, seed and device, as a checked spec."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import streamlit as st

from core import methods, runs
from core.common import InvalidInput, read_only
from core.datasets import Dataset
from core.methods import Clusterer
from core.runs import RunSpec
from pages.ui.by_rule import BY_RULE, rule_of, show_rules
from pages.ui.forms import parameter_form
from pages.ui.state import chosen_data, load_data, queue
from pages.ui.text import breakable, plain

FOLLOWS = 2500  # samples up to which an instant method can follow its knobs
DEFAULTS = "defaults"
SEEDS = (1, 3, 5, 10)


@dataclass(frozen=True)
class Wish:
    """What the form holds: a checked spec (None with the reason on the page), with how many seeds, and what is to be done."""

    spec: RunSpec | None
    launch: bool
    follow: bool
    key_of_k: str
    seeds: int = 1


def choose_method() -> type[Clusterer]:
    """A list of all methods by family, in which one can search, and the card of the chosen one."""
    known = methods.registered()
    order = sorted(known, key=lambda name: (list(_families()).index(known[name].family), known[name].title))
    chosen = st.session_state.setdefault("method", "udll")
    name = st.selectbox(
        "Method", order, index=order.index(chosen) if chosen in order else 0,
        format_func=lambda name: f"{known[name].title} · {known[name].family}",
        help="Type to search among all methods.", key="method_list",
    )  # fmt: skip
    if name != chosen:
        st.session_state["method"] = name
        st.session_state.pop("draft", None)
    cls = known[name]
    st.caption(f"{cls.summary} *{cls.paper}*")
    return cls


def _families() -> dict[str, None]:
    """Headings of the list, those of the five papers first."""
    first = ("Deep subspace", "Graph-regularised", "Deep spectral", "Shallow subspace")
    return dict.fromkeys([*first, *(cls.family for cls in methods.registered().values())])


def settings(cls: type[Clusterer], data: Dataset) -> Wish:
    """Preset, hyperparameters and Launch."""
    draft = st.session_state.get("draft") or {}
    preset, values = _preset(cls, data, draft)
    declared = {name: param for name, param in cls.declared().items() if name != "random_state"}
    quick = cls.learns == "instant" and data.n_samples <= FOLLOWS
    follow = quick and st.toggle(
        "The pictures follow the knobs", value=True, key="follow", persist_state="session",
        help="This method answers at once on data of this size. Nothing is kept until you launch.",
    )  # fmt: skip
    key = f"{cls.name}:{data.name}:{preset}:{draft.get('run', '')}"
    place = st.container() if follow else st.form(f"settings:{cls.name}")
    with place:
        with st.container(horizontal=True):
            about: dict[str, Any] = {"type": "primary", "icon": ":material/rocket_launch:", "disabled": read_only()}
            launch = st.button("Launch", **about) if follow else st.form_submit_button("Launch", **about)
            seeds = st.segmented_control(
                "Seeds", SEEDS, default=SEEDS[0], required=True, key="launch_seeds", label_visibility="collapsed",
                format_func=lambda count: "1 seed" if count == 1 else str(count), persist_state="session",
                help="Whole runs that differ in their seed alone: mean and spread are on Compare.",
            )  # fmt: skip
            if not follow:
                st.form_submit_button("Update the cost", help="Shows on the right what these settings will need.")
        _explained(cls, preset, values)  # below Launch, which is to be in sight
        given = parameter_form(
            declared, values, key=key, opened=() if data.n_classes else ("Clusters",),
            idle=cls.idle if follow else None,  # in a form a choice counts only once it is sent
        )  # fmt: skip
        with st.expander("Run"):
            asked = _run_settings(draft) | (_arithmetic(draft) if cls.uses_gpu else {})
    try:
        spec = runs.make_spec(cls.name, chosen_data(), preset=preset, overrides=given, load=load_data, **asked)
    except InvalidInput as error:
        st.error(plain(error), icon=":material/error:")
        return Wish(None, launch, follow, f"{key}:n_clusters")
    return Wish(spec, launch, follow, f"{key}:n_clusters", seeds or SEEDS[0])


def _preset(cls: type[Clusterer], data: Dataset, draft: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
    """The chosen preset and its values: those made for these data first, then rule and defaults, then those of other data."""
    presets = cls.presets
    own = [name for name, preset in presets.items() if preset.dataset == data.name]
    order = [*own, *rule_of(cls), DEFAULTS, *(name for name in presets if name not in own)]
    start = draft.get("preset") or methods.preset_for(cls.name, data.name)[0]

    def title(name: str) -> str:
        if name in (DEFAULTS, methods.RULE):
            return BY_RULE if name == methods.RULE else "Defaults"
        return presets[name].title if name in own else f"Made for {presets[name].dataset}: {presets[name].title}"

    preset = st.selectbox(
        "Preset", order, index=order.index(start) if start in order else 0, format_func=title,
        key=f"preset:{cls.name}:{data.name}:{draft.get('run', '')}",
    )  # fmt: skip
    if preset in presets:
        about = presets[preset]
        foreign = "" if preset in own else f":material/info: Made for {about.dataset}, not for these data. "
        st.caption(f"{foreign}Source: {about.source}, chosen: {about.chosen}. {about.note}")
    values = dict(presets[preset].params) if preset in presets else {}
    if preset == methods.RULE:
        values = dict(show_rules(cls, data, draft.get("params", {}).get("n_clusters")))
    if draft and preset == start:  # another preset means its own values, not those of the duplicated run
        values |= draft["params"]
    return preset, values


def _explained(cls: type[Clusterer], preset: str, values: Mapping[str, Any]) -> None:
    """What is minimised, and where that is not what the paper has."""
    _minimised(cls, values)
    apart = methods.against_paper(cls.name, preset)
    if apart:
        told = ", ".join(f"{plain(name)} {plain(ours)} ({plain(theirs)})" for name, (ours, theirs) in apart.items())
        st.caption(f":material/compare_arrows: Objective, in brackets the paper's preset for these data: {told}.")


def _minimised(cls: type[Clusterer], values: Mapping[str, Any]) -> None:
    """The objective of the chosen preset, and what of it is ours."""
    params = {name: param.default for name, param in cls.declared().items()} | dict(values)
    st.markdown(f"$\\small {breakable(cls.minimised(params))}$")
    for sentence in cls.departures(params):
        st.caption(f":material/edit_note: Ours, not the paper's: {plain(sentence)}")


def _run_settings(draft: Mapping[str, Any]) -> dict[str, Any]:
    """Seed, device, and how often to look."""
    meaning = "Seed of every random number of the run."
    seed = st.number_input("seed", 0, runs.MAX_SEED, draft.get("seed", 0), help=meaning)
    devices = ["auto", "cpu", *(["cuda"] if queue().gpu_available() else [])]
    wanted = draft.get("device", "auto")
    place = devices.index(wanted) if wanted in devices else 0
    meaning = "auto takes the GPU if there is one and the method can use it."
    device = st.selectbox("Device", devices, place, help=meaning)
    looks = int(draft.get("snapshots", runs.LOOKS))
    meaning = "How often clusters are read off and scored in each stage, as far as the time for looking allows."
    snapshots = st.slider("Times the clusters are read off in each stage", 1, runs.MAX_SNAPSHOTS, looks, help=meaning)
    share = round(100 * float(draft.get("looking", 0.2)))
    meaning = "Looks that would take more of the time of a stage are left out; the first and the last are always taken."
    looking = st.slider("Share of the time for looking", 0, 100, share, step=5, format="%d %%", help=meaning)
    return {"seed": int(seed), "device": device, "snapshots": snapshots, "looking": looking / 100}


def _arithmetic(draft: Mapping[str, Any]) -> dict[str, Any]:
    """How exactly matrices are multiplied, for what trains networks."""
    wanted = draft.get("arithmetic", runs.ARITHMETICS[0])
    meaning = "auto multiplies matrices as fast as this machine can; exact in float32, as torch does by default."
    return {"arithmetic": st.selectbox("Arithmetic", runs.ARITHMETICS, runs.ARITHMETICS.index(wanted), help=meaning)}
