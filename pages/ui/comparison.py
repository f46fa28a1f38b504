"""Compare: methods side by side on the same data, so that one can see what each idea adds."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd
import streamlit as st

from core import execute, registry
from core.datasets import Dataset
from core.errors import InvalidInput
from core.plots import figures
from core.plots.palette import heat_image
from core.runs import ACTIVE, Run, Status
from pages.ui.scorecard import WITH_LABELS
from pages.ui.state import queue, run_name, store
from pages.ui.text import plain

LADDER = ("kmeans", "edsc", "ae_kmeans", "ae_edsc", "dsc", "udll", "rgrl")
"""From means to relations: each method adds one idea to the one before it."""
IN_A_ROW, MOST = 3, 9


def comparison_view(run: Run, data: Dataset) -> None:
    """Scores, affinities and codes of several runs on the data of this run."""
    rivals = _rivals(run)
    latest = {other.spec.method: other for other in reversed(rivals)}  # the newest of each method
    names = {other.id: run_name(other) for other in rivals}
    start = [run.id, *(other.id for other in latest.values() if other.id != run.id)][:MOST]
    chosen = st.multiselect(
        "Runs on this data", list(names), default=sorted(start, key=list(names).index), format_func=lambda i: names[i],
        max_selections=MOST, key=f"compare:{run.id}",
    )  # fmt: skip
    _offer_ladder(run, latest)
    shown = [other for other in rivals if other.id in chosen]
    if not shown:
        return
    _scores(shown)
    st.caption("Affinity by predicted cluster (log scale), or where a method has none its codes, two principal components.")
    for start_of_row in range(0, len(shown), IN_A_ROW):
        for column, other in zip(st.columns(IN_A_ROW), shown[start_of_row : start_of_row + IN_A_ROW], strict=False):
            with column:
                _picture(other)


def _rivals(run: Run) -> list[Run]:
    """All finished runs on the same samples with the same number of clusters, newest first."""
    same = (run.result["fingerprint"], run.result["n_clusters"])
    return [
        other
        for other in store().runs(references=True)
        if other.over and other.result.get("metrics") and (other.result["fingerprint"], other.result["n_clusters"]) == same
    ]


def _offer_ladder(run: Run, known: dict[str, Run]) -> None:
    """Queue what is missing of the ladder, with the preset of the data set or the defaults."""
    active = store().runs(status=[Status.QUEUED, *ACTIVE])
    waiting = {other.spec.method for other in active if other.spec.data == run.spec.data}
    missing = [name for name in LADDER if name not in known and name not in waiting]
    titles = ", ".join(registry.method(name).title for name in missing)
    with st.container(horizontal=True, vertical_alignment="center"):
        if missing and st.button("Run the missing ones", icon=":material/stairs:", help=f"{titles}, one after the other."):
            try:
                for name in missing:
                    overrides = {"n_clusters": run.spec.params.get("n_clusters")}
                    spec = execute.make_spec(name, run.spec.data, overrides=overrides, seed=run.spec.seed)
                    execute.prepare(spec)
                    queue().submit(spec)
            except InvalidInput as error:
                st.error(plain(error), icon=":material/error:")
            else:
                st.rerun()
        if missing:
            st.caption(f"Not run here yet: {titles}.")
        if waiting:
            st.caption(f"{len(waiting)} on their way: see Runs, then come back.")


def _scores(shown: Sequence[Run]) -> None:
    left, right = st.columns([1.3, 1])
    rows = []
    for other in shown:
        row = {"Method": _title(other)}
        for score, title in WITH_LABELS.items():
            spread = other.result.get("spread", {}).get(score)
            row[title] = f"{spread['mean']:.3f} ± {spread['std']:.3f}" if spread else "–"
        row |= {"Seconds": f"{other.result['seconds']['total']:.1f}", "Run": other.id}
        rows.append(row)
    left.dataframe(pd.DataFrame(rows), hide_index=True, alt="Scores of the chosen runs")
    dots = [(row["Method"], other.result["spread"]["acc"]) for row, other in zip(rows, shown, strict=True)
            if other.result.get("spread", {}).get("acc")]  # fmt: skip
    if dots:
        figure = figures.score_dots([(name, acc["mean"], acc["std"]) for name, acc in dots], "ACC")
        right.plotly_chart(figure, key="compare_dots", alt="ACC of the chosen runs")
    if any(other.spec.method in registry.methods() and registry.method(other.spec.method).presets for other in shown):
        st.caption("Presets were made with different care: see each run's note. ± is over 10 seeds of the last step.")


def _title(run: Run) -> str:
    preset = "" if run.spec.preset in ("defaults", run.spec.data.name) else f", {run.spec.preset}"
    return f"{registry.method(run.spec.method).title}{preset}{' *' if run.spec.modified else ''}"


def _picture(run: Run) -> None:
    frame = store().arrays(run.id, "live")
    accuracy = run.result["metrics"].get("acc")
    st.markdown(f"**{_title(run)}**" + (f" · ACC {accuracy:.3f}" if accuracy is not None else ""))
    if "blocks" in frame:
        scale = max(1, 360 // len(frame["blocks"]))
        st.image(heat_image(frame["blocks"], log=True, scale=scale), width="stretch", alt=f"Affinity of {run.id}")
    elif "points" in frame:
        groups = frame["labels"][frame["shown"]]
        names = [f"cluster {c}" for c in range(int(frame["labels"].max()) + 1)]
        figure = figures.embedding(frame["points"], frame["shown"], groups, names)
        figure.update_layout(height=300, showlegend=False, dragmode="pan")
        figure.update_yaxes(scaleanchor=None)
        st.plotly_chart(figure, key=f"compare_{run.id}", alt=f"Codes of {run.id}", config={"displayModeBar": False})
