"""What k-means and spectral clustering make of data, by a click: the least that any method must beat."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd
import streamlit as st

from core import methods, runs
from core.common import InvalidInput, read_only
from core.datasets import Dataset, DataSpec
from core.explore import MAX_SQUARE
from core.runs import Run, Status
from pages.ui.state import choose_run, load_data, queue, store
from pages.ui.text import plain
from pages.ui.ticking import ticking

METHODS, POLL_SECONDS = ("kmeans", "spectral"), 1.0
SCORES = {"acc": "ACC", "nmi_geometric": "NMI (geometric)", "ari": "ARI", "silhouette": "Silhouette"}


def baselines(data: Dataset, spec: DataSpec) -> None:
    """Ask for them, and show what there is."""
    K = data.n_classes or st.number_input(
        "K clusters", 2, data.n_samples - 1, None, key=f"base:{spec.name}", width=160, placeholder="your choice"
    )
    names = METHODS if data.n_samples <= MAX_SQUARE else METHODS[:1]
    known = _newest(spec, int(K)) if K else {}
    missing = [name for name in names if name not in known]
    label = f"Run {' and '.join(methods.method_class(name).title for name in missing)}"
    if missing:
        st.button(
            label, type="primary", icon=":material/play_arrow:", disabled=not K or read_only(), on_click=_launch,
            args=(spec, missing, K),
        )  # fmt: skip
    st.caption("These two learn nothing: a deep method that does no better has learnt nothing either.")
    if len(names) < len(METHODS):
        st.caption(f"Spectral clustering of more than {MAX_SQUARE:,} samples is left to Train.")
    waiting = any(not run.over for run in known.values())
    if known:
        ticking(_table, POLL_SECONDS if waiting else None, [run.id for run in known.values()])
    if "baselines_problem" in st.session_state:
        st.error(plain(st.session_state.pop("baselines_problem")), icon=":material/error:")


def _newest(spec: DataSpec, K: int) -> dict[str, Run]:
    """The newest run of each on these data, with K clusters."""
    found: dict[str, Run] = {}
    for run in store().runs(references=True):
        of = run.spec.params.get("n_clusters") or run.result.get("n_clusters") or K
        usable = run.status in (Status.DONE, Status.QUEUED) or run.active
        if run.spec.method in METHODS and run.spec.data == spec and of == K and usable:
            found.setdefault(run.spec.method, run)
    return dict(sorted(found.items()))


def _launch(spec: DataSpec, names: Sequence[str], K: int) -> None:
    try:
        for name in names:
            queue().submit(runs.make_spec(name, spec, overrides={"n_clusters": int(K)}, device="cpu", load=load_data))
    except InvalidInput as error:
        st.session_state["baselines_problem"] = str(error)


def _table(ids: Sequence[str]) -> None:
    found = [store().get(run_id) for run_id in ids]
    rows = []
    for run in found:
        scores = run.result.get("metrics", {})
        shown = {title: round(scores[name], 3) for name, title in SCORES.items() if name in scores}
        state = "" if run.status == Status.DONE else str(run.status)
        rows.append({"Method": methods.method_class(run.spec.method).title, **shown, **({"": state} if state else {})})
    st.dataframe(pd.DataFrame(rows), hide_index=True, alt="Scores of simple methods")
    if all(run.over for run in found) and st.session_state.get("baselines_seen") != ids:
        st.session_state["baselines_seen"] = ids
        st.rerun()
    if found[0].over and st.button("Explore these clusters", icon=":material/scatter_plot:"):
        choose_run(found[0].id)
        st.switch_page("pages/explore.py", query_params={"run": found[0].id})
