"""Auto-encoders: the pretrained networks that are kept, where they come from, and what they see."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from typing import Any

import numpy as np
import pandas as pd
import streamlit as st

from core import methods
from core.common import UnknownName, read_only
from core.datasets import DataSpec
from core.runs import STARTS, Pretrained, PretrainedStore, Run
from pages.ui.live import PARTS, reconstruction_sheet
from pages.ui.navigation import through_app
from pages.ui.state import choose_data, choose_run, run_name, store
from pages.ui.text import plain

SHEET, LISTED = 12, 10
LAYER_BY_LAYER = "layer by layer"  # the recipe of `core.methods.graph_regularised.family`


def kept_networks() -> PretrainedStore:
    return PretrainedStore(store().home)


def layers(kept: Pretrained) -> str:
    """The network in a few characters."""
    recipe = kept.recipe
    if "widths" in recipe:
        masked = f", {recipe['mask']:.0%} masked" if recipe.get("mask") else ""
        return "-".join(map(str, recipe["widths"])) + masked
    return ", ".join(f"{c} of {k}×{k}" for c, k in zip(recipe["channels"], recipe["kernel_sizes"], strict=True))


def users() -> dict[str, list[Run]]:
    """The runs that started from each network, by its key, newest first."""
    found: dict[str, list[Run]] = {}
    for run in store().runs(references=True):
        if run.result.get("pretrained"):
            found.setdefault(run.result["pretrained"]["key"], []).append(run)
    return found


def table(networks: list[Pretrained], used: dict[str, list[Run]]) -> Pretrained | None:
    """All kept networks; returns the ticked one."""
    rows = [
        {
            "Data": kept.facts["dataset"], "n": kept.facts["n_samples"], "Layers": layers(kept),
            "Epochs": kept.recipe["pretrain_epochs"], "Seed": kept.recipe["random_state"],
            "Error": kept.facts["mean_squared_error"], "Seconds": kept.facts["seconds"],
            "Runs": len(used.get(kept.key, [])), "Created": pd.Timestamp(kept.facts["created"], unit="s"), "Key": kept.key,
        }
        for kept in networks
    ]  # fmt: skip
    number = st.column_config.NumberColumn
    event: Any = st.dataframe(
        pd.DataFrame(rows),
        column_config={
            "n": number(format="localized"),
            "Error": number(format="%.5f", help="Mean squared error of the reconstructions, in the scale of the data."),
            "Seconds": number(format="%.1f", help="What the pretraining took."),
            "Runs": number(help="Runs that started from it, the one that made it included."),
            "Created": st.column_config.DatetimeColumn(format="D MMM, HH:mm"),
        },
        hide_index=True,
        on_select="rerun",
        selection_mode="single-row",
        key=f"networks:{hash(tuple(kept.key for kept in networks))}",
        alt="Table of pretrained networks",
    )
    chosen = [networks[i] for i in event.selection.rows if i < len(networks)]
    return chosen[0] if chosen else None


def show(kept: Pretrained, used: list[Run]) -> None:
    """Reconstructions, provenance, and what can be done with the network."""
    facts = kept.facts
    pictures = kept_networks().pictures(kept.key)
    if pictures["X"].ndim > 2:
        st.caption("Originals above, reconstructions below")
        for part in np.array_split(np.arange(len(pictures["X"])), max(1, len(pictures["X"]) // SHEET)):
            sheet = reconstruction_sheet(pictures["X"][part], pictures["X_hat"][part])
            st.image(sheet, width="stretch", alt="Originals and reconstructions")
    st.markdown(
        f"Pretrained on **{plain(facts['dataset'])}** ({facts['n_samples']:,} samples, content `{facts['fingerprint']}`) "
        f"by a run of {title(facts['method'])} (`{facts['run']}`) on {facts['device']}, in {facts['seconds']:.1f} s."
    )
    if kept.recipe["network"] == LAYER_BY_LAYER:
        recipe = kept.recipe
        st.caption(
            f"Trained layer by layer ({recipe['layer_epochs']} epochs each), then as a whole (at most "
            f"{recipe['path_epochs']}). Its error is that of the samples shown."
        )
    st.caption(
        "A run with the same data, network, pretraining and seed takes this network instead of training its own; "
        "on the same machine, with as many threads, the result is the same to the last bit."
    )
    with st.container(horizontal=True, vertical_alignment="bottom"):
        starts = starting_params(kept.recipe)
        state_key = f"start_method:{kept.recipe['network']}" if kept.recipe["network"] == LAYER_BY_LAYER else "start_method"
        method = st.selectbox("Method", list(starts), format_func=title, width=260, key=state_key, persist_state="session")
        if st.button("Train from this network", type="primary", icon=":material/play_circle:"):
            train_from(kept, method, starts[method])
        with st.popover("Delete", icon=":material/delete:"):
            st.markdown("The runs that used it keep their own weights. This cannot be undone.")
            if st.button("Delete for good", type="primary", disabled=read_only()):
                with suppress(UnknownName):  # somebody else was faster
                    kept_networks().delete(kept.key)
                st.rerun()
    if used:
        more = f", the newest {LISTED} of {len(used)}" if len(used) > LISTED else ""
        st.caption(f"Runs that started here{more}")
        with st.container(gap="xxsmall"):
            for run in used[:LISTED]:
                about: dict[str, Any] = {"icon": ":material/scatter_plot:", "disabled": not run.result.get("metrics")}
                if st.button(plain(run_name(run)), type="tertiary", key=f"open:{run.id}", **about):
                    choose_run(run.id)
                    st.switch_page("pages/explore.py", query_params={"run": run.id})
    with st.expander("Recipe as JSON"):
        st.json(dict(kept.recipe))


def title(method: str) -> str:
    known = methods.registered()
    return known[method].title if method in known else method


def starting_params(recipe: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """The methods that can start from a network of that recipe, each with the hyperparameters that make it do so."""
    params = {name: value for name, value in recipe.items() if name not in ("random_state", "dual")}
    if recipe["network"] != LAYER_BY_LAYER:
        starters = {name: cls for name, cls in methods.registered().items() if "network" in cls.shows}
        return {name: params for name, cls in starters.items() if set(params) <= set(cls.declared())}
    params |= {"recipe": "layer-wise", "activation": "sigmoid", "corruption": recipe["mask"]}
    if "method" in recipe:  # its own penalty shaped the network
        return {recipe["method"]: params}
    base = "ddae" if recipe["mask"] else "cdae" if "gamma" in recipe else "dae"
    return {base: params, "grdnn": params | {"base": base}}


def train_from(kept: Pretrained, method: str, params: dict[str, Any]) -> None:
    """Open the training form with the recipe of a network."""
    st.session_state["method"] = method
    st.session_state["draft"] = {"run": kept.key, "params": params, "seed": kept.recipe["random_state"]}
    st.session_state["draft"]["device"] = kept.facts["device"]  # networks of the CPU and of the GPU are kept apart
    choose_data(DataSpec.from_dict(kept.facts["data"]))
    st.switch_page("pages/train.py")


def other_starts() -> None:
    """What else is kept for later runs to start from, and a way to be rid of it."""
    kept_starts = PretrainedStore(store().home, STARTS)
    found = kept_starts.all()
    if not found:
        return
    with st.expander(f"Dictionaries, graphs and first clusters ({len(found)})"):
        st.caption("A sparse-coding method with the same data, values and seed takes them instead of making its own.")
        rows = [
            {
                "Data": kept.facts["dataset"],
                "n": kept.facts["n_samples"],
                "What": PARTS.get(kept.recipe["part"], kept.recipe["part"]),
                "Run": kept.facts["run"],
                "Seconds": kept.facts["seconds"],
                "Created": pd.Timestamp(kept.facts["created"], unit="s"),
            }
            for kept in found
        ]
        st.dataframe(pd.DataFrame(rows), hide_index=True, alt="Table of what else is kept")
        with st.popover("Delete all of these", icon=":material/delete:"):
            st.markdown("The runs that used them keep their own. This cannot be undone.")
            if st.button("Delete all for good", type="primary", disabled=read_only()):
                for kept in found:
                    with suppress(UnknownName):  # somebody else was faster
                        kept_starts.delete(kept.key)
                st.rerun()


through_app()
st.title("Auto-encoders")
st.caption(
    "Deep methods start from an auto-encoder that only reconstructs. Each is kept, so that methods can be compared from the "
    "same start and no pretraining is paid twice."
)
found = kept_networks().all()
if not found:
    st.info("None is kept yet: the first run of a deep method leaves one here.", icon=":material/info:")
    st.page_link("pages/train.py", label="Train one", icon=":material/play_circle:")
    other_starts()
    st.stop()
all_users = users()
ticked = table(found, all_users)
if ticked is None:
    st.caption("Tick a network to see its reconstructions and to train from it.")
else:
    show(ticked, all_users.get(ticked.key, []))
other_starts()
