"""What can be said of several runs on the same data beside their pictures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import pandas as pd
import streamlit as st
from numpy.typing import NDArray

from core import methods, runs
from core.common import InvalidInput, read_only
from core.explore import differences, moved, over_seeds, paired
from core.papers import published
from core.plots.lines import lines
from core.plots.palette import colours
from core.runs import ACTIVE, Run, RunSpec, Status
from pages.ui.beside import groups_like, runs_beside
from pages.ui.definitions import with_labels
from pages.ui.forms import segments
from pages.ui.headline import chosen_words
from pages.ui.naming import told_apart
from pages.ui.state import load_data, queue, store
from pages.ui.text import plain
from pages.ui.ticking import ticking

LADDER = ("kmeans", "edsc", "ae_kmeans", "ae_edsc", "dsc", "udll", "rgrl")
"""From means to relations: each method adds one idea to the one before it."""
WAIT_SECONDS = 2
WITHOUT = {"silhouette": "Silhouette", "block_diagonality": "Affinity inside clusters"}


def differing(shown: Sequence[Run], names: Mapping[str, str]) -> pd.DataFrame:
    """A row for each run: its scores and the settings in which these runs differ; equal settings are left out."""
    apart, scores = differences([run.spec for run in shown]), with_labels(shown) | WITHOUT
    rows = []
    for place, run in enumerate(shown):
        row: dict[str, Any] = {"Run": names[run.id]}
        for name, title in scores.items():
            value = run.result["metrics"].get(name)
            if value is not None:
                row[title] = round(value, 3)
        row["Seconds"] = round(run.result["seconds"]["total"], 1)
        row["Constants chosen"] = chosen_words(run)
        row["Printed ACC"] = printed_acc(run.spec)
        rows.append(row | {name.replace("_", " "): _shown(values[place]) for name, values in apart.items()})
    return pd.DataFrame(rows)


def printed_acc(spec: RunSpec) -> str:
    """ACC of this variant on these data whole in the papers, each with its paper and table; empty where none prints it."""
    found = [(entry, acc) for entry in published(spec) for name, acc in entry.scores.items() if name.endswith("acc")]
    return ", ".join(f"{acc:.3f} ({entry.table.source})" for entry, acc in found)


def _shown(value: Any) -> str:
    if value is None:
        return "–"
    return f"{value:g}" if isinstance(value, float) else "-".join(map(str, value)) if isinstance(value, list) else str(value)


def course(shown: Sequence[Run], names: Mapping[str, str]) -> None:
    """One score of all runs over their course."""
    history = {run.id: store().history(run.id) for run in shown}
    scored = {name for rows in history.values() for row in rows for name in row.scalars}
    offered = {name: title for name, title in (with_labels(shown) | WITHOUT).items() if name in scored}
    if not offered:
        st.caption("None of these runs was scored while it trained.")
        return
    name = segments("Score", offered, key="compare_score", label_visibility="collapsed")
    series = {}
    for run in shown:
        rows = [(row.seq, row.scalars[name]) for row in history[run.id] if name in row.scalars]
        if name in run.result["metrics"] and rows:
            rows.append((rows[-1][0] + 1, run.result["metrics"][name]))
        if rows:
            series[names[run.id]] = [(100 * at / rows[-1][0], value) for at, value in rows]
    options = lines(series, colours(max(2, len(series))), title=offered[name])
    st.echarts_chart(options, height=300, key="compare_course", alt=f"{offered[name]} over the course of the runs")


def moves(labels: Sequence[NDArray], names: Sequence[str]) -> None:
    """How many samples change cluster from run to run; which ones, the lab can choose."""
    counts = moved(labels)
    st.caption(
        f"Samples in other clusters after the best match, of {len(labels[0]):,}. "
        "**Choose …: in other clusters from run to run** above marks them."
    )
    st.dataframe(
        pd.DataFrame(counts, index=list(names), columns=list(names)), alt="Samples that change cluster between the runs"
    )


def group_table(shown: Sequence[Run]) -> list[dict[str, Any]]:
    """Mean and spread over training seeds of all runs like these, and the gain over the first on the seeds that both have."""
    groups = groups_like(shown)
    names = told_apart([group[0] for group in groups], score=False)
    rows = []
    for group in groups:
        row: dict[str, Any] = {
            "Runs like": names[group[0].id],
            "training seeds": len({r.spec.seed for r in group}),
        }
        for score, title in with_labels(shown).items():
            found = over_seeds(group, score)
            if found:
                row[title] = f"{found['mean']:.3f}" + (f" ± {found['std']:.3f}" if found["n"] > 1 else " (one seed)")
        gain = paired(group, groups[0], "acc") if group is not groups[0] else None
        row["ACC against the first, paired"] = (
            "" if gain is None else f"{gain.mean:+.3f} ± {gain.std:.3f} ({len(gain.seeds)} seeds)"
        )
        rows.append(row)
    return rows


def offer_ladder(run: Run) -> None:
    """Queue what is missing of the ladder, with the preset of the data set or the defaults."""
    known = {other.spec.method for other in runs_beside(run)}
    waiting = _on_their_way(run)
    missing = [name for name in LADDER if name not in known and name not in waiting]
    titles = ", ".join(methods.method_class(name).title for name in missing)
    with st.container(horizontal=True, vertical_alignment="center"):
        if missing:
            about = "k-means to RGRL, each adding one idea; one after the other, with their presets."
            if st.button("Run what is missing of the ladder", icon=":material/stairs:", help=about, disabled=read_only()):
                _queue_missing(run, missing)
            st.caption(f"Not run on these data yet: {titles}.")
        if waiting:
            ticking(_wait, WAIT_SECONDS, run, sorted(waiting))
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
            spec = runs.make_spec(name, run.spec.data, overrides=overrides, seed=run.spec.seed, load=load_data)
            runs.check(replace(spec, device="cpu"), load_data(spec.data))
        except InvalidInput as error:
            problems.append(f"{methods.method_class(name).title}: {error}")
        else:
            queue().submit(spec)
    st.session_state["compare_problems"] = problems
    st.rerun()
