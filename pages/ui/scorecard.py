"""The score card of a run: its scores with their spread, and what simple methods reach on the same data."""

from __future__ import annotations

from collections.abc import Mapping

import streamlit as st

from core import methods
from core.datasets import Dataset
from core.evaluation import MAP_DEFINITIONS, RANKS
from core.explore import MAX_SQUARE, REFERENCES, Answer, reference_runs
from core.papers import published
from core.runs import Run
from pages.ui.awaiting import answered
from pages.ui.definitions import nmi_of, with_labels
from pages.ui.live import SCORES
from pages.ui.smalltable import small_table
from pages.ui.state import store
from pages.ui.text import OWN_CODES, plain

_REST_MEANING = "The score on the samples outside the subset alone: they took the cluster of the nearest one in it."
_MAP_MEANING = (
    "Mean average precision of the k nearest neighbours of every sample in the space of the codes (of the samples themselves "
    "where a method has no codes), by Euclidean distance."
)
_NMI_MAX_MEANING = "Normalised mutual information, divided by the larger of the two entropies."
WITHOUT_LABELS = ("silhouette", "diagonal_mass", "block_diagonality")


def scores_view(run: Run, data: Dataset) -> None:
    """Final scores first; what was chosen with the labels says so."""
    metrics: Mapping[str, float] = run.result.get("metrics", {})
    if not metrics:
        st.info("This run ended before there were clusters to score.", icon=":material/info:")
        return
    spread = run.result.get("spread", {})
    nmi, title, meaning = nmi_of(run.spec.method)
    shown = {"acc": SCORES["acc"], nmi: (title, meaning), "ari": ("ARI", "ARI"), "purity": ("Purity", "Purity")}
    shown |= {"rest_acc": ("ACC on the rest", _REST_MEANING), f"rest_{nmi}": (f"{title} on the rest", _REST_MEANING)}
    shown |= {name: SCORES[name] for name in WITHOUT_LABELS}
    _row_of(run, shown)
    st.caption(
        "Scores of the final epoch. "
        + ("Under each: mean ± standard deviation over 10 repetitions of the last step. " if spread else "")
        + "Silhouette, diagonal mass and blocks need no labels."
    )
    retrieval(metrics, "map_")
    held_out(run)
    notes(run)
    compare(run)


def _row_of(run: Run, shown: Mapping[str, tuple[str, str]]) -> None:
    """Metric name to (title, meaning): those that the run has, each with its spread if it has one."""
    metrics, spread = run.result["metrics"], run.result.get("spread", {})
    with st.container(horizontal=True):
        for name, (title, meaning) in shown.items():
            if name in metrics:
                with st.container(width=150 if name.startswith("rest_") else 118):
                    st.metric(title, f"{metrics[name]:.3f}", help=meaning)
                    if name in spread:
                        st.caption(f"{spread[name]['mean']:.3f} ± {spread[name]['std']:.3f}")


def retrieval(metrics: Mapping[str, float], stem: str) -> None:
    """Mean average precision under each of its definitions; a paper that gives it may mean any of them."""
    for ending, meaning in MAP_DEFINITIONS.items():
        found = {k: metrics[f"{stem}{k}{ending}"] for k in RANKS if f"{stem}{k}{ending}" in metrics}
        if found:
            values = ", ".join(f"{value:.3f} at {k}" for k, value in found.items())
            st.caption(f"mAP, {meaning}: {values}.", help=_MAP_MEANING)


def held_out(run: Run) -> None:
    """Scores of the samples that were held out, where there are some."""
    if "test_acc" not in run.result["metrics"]:
        return
    alone = methods.method_class(run.spec.method).groups_test
    how = "encoded and clustered by themselves" if alone else "each labelled by its nearest training sample"
    st.markdown(f"**Held out: {run.result['n_test']:,} samples**, {how}")
    meanings = {"acc": ("ACC", SCORES["acc"][1]), "nmi_max": ("NMI (max)", _NMI_MAX_MEANING), "ari": ("ARI", "ARI")}
    _row_of(
        run,
        {f"test_{name}": about for name, about in meanings.items()}
        | {f"test_map_{k}": (f"mAP@{k}", _MAP_MEANING) for k in RANKS},
    )
    retrieval(run.result["metrics"], "test_map_")
    if "test_acc" in run.result.get("spread", {}):
        st.caption("Under each: mean ± standard deviation over 20 seeds of k-means on the codes of the held-out samples.")


def notes(run: Run) -> None:
    """What a reader must know about where the numbers come from."""
    best = run.result.get("best") or {}
    if best.get("acc", 0) > run.result["metrics"].get("acc", 0):
        st.caption(
            f":material/visibility: Best over the run: ACC {best['acc']:.3f} at {best['stage']} step {best['step']}, "
            "**chosen with the labels**."
        )
    if run.result.get("used_labels"):
        st.caption(":material/visibility: This run **used the labels** to choose its subset.")
    cls = methods.method_class(run.spec.method)
    preset = cls.presets.get(run.spec.preset)
    if preset is not None and preset.note:
        changed = ", with changes" if run.spec.modified else ""
        st.caption(f":material/tune: Preset {preset.title}{changed} ({preset.source}, chosen: {preset.chosen}): {preset.note}")
    for found in published(run.spec):
        st.caption(f":material/article: {plain(found.words)}.", help=plain(" ".join([found.table.protocol, *found.notes])))


def compare(run: Run) -> None:
    """References: other methods on the same data, worked out in the background."""

    def draw(_: Answer) -> None:
        known = reference_runs(store(), run)
        own = methods.method_class(run.spec.method).title
        found = [(f"{own} (this run)", run)] + [
            (methods.method_class(name).title, known[name]) for name in REFERENCES if name in known
        ]
        shown = with_labels([other for _, other in found])
        small_table([_row(name, other, shown) for name, other in found], bar="ACC", label="Score comparison")
        if any("acc" not in other.result.get("metrics", {}) for _, other in found):
            st.caption(OWN_CODES)
        if run.result["n_samples"] > MAX_SQUARE:
            st.caption(f"Spectral clustering and ridge are not run as references above {MAX_SQUARE:,} samples.")

    answered("references", draw, waiting="Running k-means, spectral clustering and ridge on the same data", run=run.id)


def _row(name: str, run: Run, shown: Mapping[str, str]) -> dict[str, str | float | None]:
    metrics, spread = run.result.get("metrics", {}), run.result.get("spread", {})
    row: dict[str, str | float | None] = {"Method": name}
    row |= {title: metrics[score] for score, title in shown.items() if score in metrics}
    if "acc" in spread:
        row["± last step"] = f"{spread['acc']['std']:.3f}"
    if "acc" not in metrics:
        row["Silhouette"] = metrics.get("silhouette")
    row["Seconds"] = f"{run.result.get('seconds', {}).get('total', 0):.1f}"
    return row


def reference_lines(run: Run, score: str) -> dict[str, float]:
    """Reference method to its score, as far as they are known."""
    known = reference_runs(store(), run)
    lines = {name: known[name].result.get("metrics", {}).get(score) for name in REFERENCES if name in known}
    return {methods.method_class(name).title: value for name, value in lines.items() if value is not None}
