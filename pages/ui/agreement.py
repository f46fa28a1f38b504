"""What several runs on the same samples agree on, beside each of them alone; and the seeds that are missing for that."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import count, islice

import streamlit as st

from core import methods
from core.common import read_only
from core.datasets import Dataset
from core.explore import MOST_AGREEING, Answer, clusters_csv
from core.plots import figures
from core.runs import ACTIVE, Run, Status, summarize
from pages.ui.awaiting import Long, answered
from pages.ui.beside import groups_like
from pages.ui.clusters import matrices_of
from pages.ui.naming import told_apart
from pages.ui.state import queue, store
from pages.ui.ticking import ticking

SEEDS = 5
PIXELS, SQUARE = 480, 560
WAIT_SECONDS = 2
ABOUT = (
    "A network that starts elsewhere errs elsewhere. The affinities of several runs are averaged, so that a pair of samples "
    "counts as much as most of the runs say, and the mean is cut without labels."
)


def _forget_choice() -> None:
    st.session_state["agree_of"] = None


LONG = Long(seconds=0, on_stop=_forget_choice)  # how long is not known: seconds, minutes where samples are thousands


def agreement(shown: Sequence[Run], data: Dataset) -> None:
    """Offer the runs that are compared, and those like them over seeds, as far as they have an affinity."""
    st.caption(ABOUT)
    able = [run for run in shown if matrices_of(run, data)["affinity"]]
    if not able:
        st.info("None of these runs has an affinity of all pairs of samples.", icon=":material/info:")
        return
    likes = groups_like(able)
    groups = _groups(able, likes)
    chosen = None
    with st.container(horizontal=True, vertical_alignment="bottom"):
        if groups:
            chosen = st.selectbox(
                "Consensus of", list(groups), index=None, placeholder="Choose runs", key="agree_of", width=480
            )
        _offer_seeds(able[0], likes[0])
    if chosen:
        answered("consensus", _draw, waiting="Averaging their affinities", long=LONG, runs=groups[chosen], pixels=PIXELS)


def _groups(able: Sequence[Run], likes: Sequence[Sequence[Run]]) -> dict[str, list[str]]:
    """By its name, every choice of at least two runs: for each kind one run a seed, and those that are compared.

    The names do not count the runs: a choice whose name has changed would be no choice any more.
    """
    groups = {}
    names = told_apart([group[0] for group in likes], score=False)
    for group in likes:
        one_each = list({run.spec.seed: run.id for run in sorted(group, key=lambda run: run.created)}.values())
        groups[f"{names[group[0].id]}, all seeds"] = one_each[:MOST_AGREEING]
    groups["What is compared above"] = [run.id for run in able]
    return {name: ids for name, ids in groups.items() if len(ids) > 1}


def _draw(answer: Answer) -> None:
    scores, alone = answer.facts["scores"], list(answer.facts["alone"].values())
    left, right = st.columns([2, 3], gap="large")
    with left:
        if alone:
            each = summarize(alone)
            gain = scores["acc"] - each["mean"]
            with st.container(horizontal=True):
                st.metric("ACC, agreed", f"{scores['acc']:.3f}", delta=f"{gain:+.3f}" if abs(gain) >= 5e-4 else None)
                st.metric(f"Mean of {len(alone)} alone", f"{each['mean']:.3f}")
            st.markdown(_verdict(gain, each["std"], len(alone)))
            st.caption(
                f"Alone from {min(alone):.3f} to {max(alone):.3f}. Whoever picks the best of them picks with the labels."
            )
        csv = clusters_csv(answer.arrays["labels"].tolist())
        st.download_button("Clusters", csv, "consensus.csv", "text/csv", icon=":material/download:", on_click="ignore")
    with right:
        figure = figures.blocks(answer.arrays["blocks"], answer.arrays["borders"], len(answer.arrays["order"]))
        st.plotly_chart(
            figure, width=SQUARE, key="agreed", alt="Mean affinity of the runs, ordered by the clusters they agree on"
        )


def _verdict(gain: float, spread: float, runs: int) -> str:
    if abs(gain) <= spread:
        return f"**Agreeing changes little**: {gain:+.3f} of ACC, where one run differs from the other by ± {spread:.3f}."
    changed = "adds" if gain > 0 else "costs"
    return f"**Agreeing {changed} {abs(gain):.3f} of ACC** to the mean of the {runs} runs, which is ± {spread:.3f} over them."


def _offer_seeds(run: Run, alike: Sequence[Run]) -> None:
    """Queue what a run and those like it lack of five seeds."""
    on_their_way = _seeds_under_way(run)
    taken = on_their_way | {other.spec.seed for other in alike}
    missing = list(islice((seed for seed in count() if seed not in taken), max(0, SEEDS - len(taken))))
    if missing:
        st.button(
            f"Train {len(missing)} more seeds" if len(missing) > 1 else "Train one more seed", icon=":material/add:",
            help=f"{methods.method_class(run.spec.method).title}, seeds {', '.join(map(str, missing))}; all else as it was.",
            key="agree_seeds", disabled=read_only(), on_click=_queue, args=(run, missing),
        )  # fmt: skip
    if on_their_way:
        ticking(_wait, WAIT_SECONDS, run, on_their_way)


def _seeds_under_way(run: Run) -> set[int]:
    """Seeds of runs like this one that are queued or training."""
    same = replace(run.spec, seed=0)
    return {other.spec.seed for other in store().runs(status=[Status.QUEUED, *ACTIVE]) if replace(other.spec, seed=0) == same}


def _queue(run: Run, seeds: Sequence[int]) -> None:
    for seed in seeds:
        queue().submit(replace(run.spec, seed=seed))


def _wait(run: Run, on_their_way: set[int]) -> None:
    if _seeds_under_way(run) != on_their_way:
        st.rerun()
    st.caption(f":material/hourglass_top: On their way: {len(on_their_way)} more.")
