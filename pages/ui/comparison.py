"""Compare: methods side by side on the same data, so that one can see what each idea adds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import pandas as pd
import streamlit as st

from core import methods, runs
from core.common import InvalidInput, read_only
from core.datasets import Dataset
from core.plots import figures
from core.plots.palette import heat_image
from core.runs import ACTIVE, Run, Status
from pages.ui.beside import dated_titles, distinct_titles, runs_beside
from pages.ui.state import load_data, queue, store
from pages.ui.text import plain, short_lines

LADDER = ("kmeans", "edsc", "ae_kmeans", "ae_edsc", "dsc", "udll", "rgrl")
"""From means to relations: each method adds one idea to the one before it."""
IN_A_ROW, MOST, WAIT_SECONDS = 3, 9, 2
WITH_LABELS = {"acc": "ACC", "nmi_geometric": "NMI", "ari": "ARI"}
WITHOUT = {"silhouette": "Silhouette", "block_diagonality": "Blocks"}


def comparison_view(run: Run, data: Dataset) -> None:
    """Scores, affinities and codes of several runs on the data of this run."""
    rivals = _rivals(run)
    latest = {other.spec.method: other for other in reversed(rivals)}  # the newest of each method
    names = dated_titles(rivals)
    start = {other.id for other in [run, *latest.values()][:MOST]}
    chosen = st.multiselect(
        "Runs on this data",
        list(names),
        default=[name for name in names if name in start],
        format_func=lambda i: names[i],
        max_selections=MOST,
        key=f"compare:{run.id}:{rivals[0].id}:{len(rivals)}",  # a new run is a new choice
    )
    _offer_ladder(run, latest)
    shown = [other for other in rivals if other.id in chosen]
    if not shown:
        return
    titles = distinct_titles(shown, run)
    _scores(shown, titles)
    st.caption("Affinity by predicted cluster (log scale), or where a method has none its codes, two principal components")
    for start_of_row in range(0, len(shown), IN_A_ROW):
        for column, other in zip(st.columns(IN_A_ROW), shown[start_of_row : start_of_row + IN_A_ROW], strict=False):
            with column:
                _picture(other, titles[other.id])


def _rivals(run: Run) -> list[Run]:
    """All runs with scores on the same samples and as many clusters: this one, then as the ladder goes, the newest first."""
    K = run.result["n_clusters"]
    found = [other for other in runs_beside(run) if other.result["n_clusters"] == K]
    rank = {name: position for position, name in enumerate(LADDER)}
    return sorted(found, key=lambda other: (other.id != run.id, rank.get(other.spec.method, len(rank)), other.spec.method))


def _offer_ladder(run: Run, known: Mapping[str, Run]) -> None:
    """Queue what is missing of the ladder, with the preset of the data set or the defaults."""
    waiting = _on_their_way(run)
    missing = [name for name in LADDER if name not in known and name not in waiting]
    titles = ", ".join(methods.method_class(name).title for name in missing)
    with st.container(horizontal=True, vertical_alignment="center"):
        if missing:
            about: dict[str, Any] = {"icon": ":material/stairs:", "help": "One after the other, with their presets."}
            if st.button("Run the missing ones", disabled=read_only(), **about):
                _queue_missing(run, missing)
            st.caption(f"Not run here yet: {titles}.")
        if waiting:
            st.fragment(_wait, run_every=WAIT_SECONDS)(run, sorted(waiting))
    for problem in st.session_state.pop("compare_problems", []):
        st.error(plain(problem), icon=":material/error:")


def _on_their_way(run: Run) -> set[str]:
    """Methods that are queued or training on these data."""
    active = store().runs(status=[Status.QUEUED, *ACTIVE])
    K = run.spec.params.get("n_clusters")
    same = (other for other in active if other.spec.data == run.spec.data and other.spec.params.get("n_clusters") == K)
    return {other.spec.method for other in same} & set(methods.registered())


def _wait(run: Run, waiting: list[str]) -> None:
    if sorted(_on_their_way(run)) != waiting:
        st.rerun()
    st.caption(f":material/hourglass_top: On their way: {', '.join(methods.method_class(name).title for name in waiting)}.")


def _queue_missing(run: Run, missing: Sequence[str]) -> None:
    """Queue those that these data allow; the others say why not."""
    problems = []
    for name in missing:
        try:
            overrides = {"n_clusters": run.spec.params.get("n_clusters")}
            spec = runs.make_spec(name, run.spec.data, overrides=overrides, seed=run.spec.seed)
            runs.check(replace(spec, device="cpu"), load_data(spec.data))
        except InvalidInput as error:
            problems.append(f"{methods.method_class(name).title}: {error}")
        else:
            queue().submit(spec)
    st.session_state["compare_problems"] = problems
    st.rerun()


def _scores(shown: Sequence[Run], titles: Mapping[str, str]) -> None:
    scored = WITH_LABELS if any("acc" in other.result["metrics"] for other in shown) else WITHOUT
    rows = []
    for other in shown:
        row = {"Method": titles[other.id]}
        row |= {title: _spread(other, name) for name, title in scored.items()}
        rows.append(row | {"Seconds": f"{other.result['seconds']['total']:.1f}"})
    left, right = st.columns([1.5, 1])
    left.dataframe(pd.DataFrame(rows), hide_index=True, alt="Scores of the chosen runs")
    known = [(titles[other.id], other.result["spread"]["acc"]) for other in shown if "acc" in other.result.get("spread", {})]
    if known:
        dots = [(short_lines(name), acc["mean"], acc["std"]) for name, acc in known]
        right.plotly_chart(figures.score_dots(dots, "ACC"), key="compare_dots", alt="ACC of the chosen runs")
    notes = ["± is over 10 repetitions of the last step."] if known else []
    if any(other.spec.preset != "defaults" for other in shown):
        notes.append("Presets were made with different care: see each run's note.")
    if any(other.spec.modified for other in shown):
        notes.append("\\* with changes to the preset.")
    st.caption(" ".join(notes))


def _spread(run: Run, score: str) -> str:
    spread, value = run.result.get("spread", {}).get(score), run.result["metrics"].get(score)
    if spread:
        return f"{spread['mean']:.3f}" + (f" ± {spread['std']:.3f}" if spread["std"] >= 5e-4 else "")
    return "–" if value is None else f"{value:.3f}"


def _picture(run: Run, title: str) -> None:
    frame = store().files.arrays(run.id, "live")
    accuracy = run.result["metrics"].get("acc")
    st.markdown(f"**{plain(title)}**" + (f" · ACC {accuracy:.3f}" if accuracy is not None else ""))
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
