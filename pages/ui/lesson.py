"""One step of a lesson: its text and its question, and the film or the method with one knob beside it."""

from __future__ import annotations

from typing import Any

import streamlit as st

from core import methods, runs
from core.common import read_only
from core.explore import Answer
from core.lessons import TOLD, Predict, Step
from core.runs import RunSpec, film_of_prepared
from core.sweeps import prepared_sweep
from pages.ui.lab import Film, lab
from pages.ui.preview import film_of_answer, follow
from pages.ui.state import choose_run, load_data, queue, store, take_to_train
from pages.ui.sweep_pictures import one_curve


def words(step: Step, key: str) -> bool:
    """The text and the question; whether it has been answered, or there is none."""
    st.markdown(step.text)
    return step.predict is None or _asked(step.predict, key)


def _asked(predict: Predict, key: str) -> bool:
    st.markdown(f"**{predict.question}**")
    picked = st.radio(
        predict.question,
        predict.options,
        index=None,
        key=f"predict:{key}",
        label_visibility="collapsed",
        persist_state="session",
    )
    if picked is None:
        return False
    right = predict.options.index(picked) == predict.right - 1
    told, icon = (st.success, ":material/check:") if right else (st.warning, ":material/lightbulb:")
    told(("Yes. " if right else f"No: {predict.options[predict.right - 1]} ") + predict.why, icon=icon)
    return True


def shown(step: Step, key: str, answered: bool) -> None:
    """What there is to see, once the question is answered; a knob stands still until then."""
    if step.method is not None:
        _live(step, key, answered)
    elif answered:
        _film(step, key) if step.film is not None else _sweep(step, key)
    else:
        st.info("Predict first, then the picture comes.", icon=":material/psychology:")


def _film(step: Step, key: str) -> None:
    assert step.film is not None
    prepared = runs.prepared_run(step.film)
    spec = prepared.spec()
    data = load_data(spec.data)
    scene, frames = film_of_prepared(prepared.name)
    K = spec.params.get("n_clusters") or data.n_classes or 1
    film = Film(prepared.run_id, prepared.title, scene, [frames], int(K))
    lab([film], data, key=f"lesson:{key}", brief=True, start={**prepared.look, **step.look})
    known = store().has(prepared.run_id)
    if st.button("Explore this run", key=f"open:{key}", icon=":material/scatter_plot:", disabled=read_only() and not known):
        run = runs.bring(store(), prepared.name)
        choose_run(run)
        st.switch_page("pages/explore.py", query_params={"run": run})


def _sweep(step: Step, key: str) -> None:
    """A score along the knob of a sweep that comes with the app."""
    assert step.sweep is not None
    record, rows = prepared_sweep(step.sweep)
    with st.container(key=f"swept:{key}"):
        one_curve(record, rows, step.score)
    st.caption("Each point is a run, the line their mean over seeds, the band their deviation.")
    st.page_link(
        "pages/sweeps.py", label="Run it yourself", icon=":material/stacked_line_chart:", query_params={"sweep": record.id}
    )  # fmt: skip


def _live(step: Step, key: str, free: bool) -> None:
    knob, value = step.knob, None
    if knob is not None:
        value = st.select_slider(
            knob.label, knob.values, knob.start, key=f"knob:{key}", disabled=not free, persist_state="session",
            help=None if free else "Predict first.",
        )  # fmt: skip
    spec = step.spec(value)
    _ask_ahead(step, key)
    follow(spec, lambda of, answer: _picture(step, key, of, answer), kept=("lesson", key))
    if st.button("Run it yourself", key=f"train:{key}", icon=":material/play_circle:"):
        take_to_train(spec, "lesson")


def _ask_ahead(step: Step, key: str) -> None:
    """Let all values of the knob be worked out while the text is read, so that each is there when it is asked for."""
    if step.knob is None or st.session_state.get("lesson_ahead") == key:
        return
    st.session_state["lesson_ahead"] = key
    for value in step.knob.values:
        queue().analyst.ask("preview", spec=step.spec(value).to_dict())


def _picture(step: Step, key: str, spec: RunSpec, answer: Answer) -> None:
    data = load_data(spec.data)
    scores: dict[str, Any] = {**answer.facts["scores"], "in_classes": answer.facts.get("in_classes")}
    told = [f"{TOLD[name]} **{scores[name]:.2f}**" for name in step.tells if scores.get(name) is not None]
    st.markdown("  ·  ".join([methods.method_class(spec.method).title, *told]))
    film = film_of_answer(f"lesson:{key}", spec, data, answer)
    lab([film], data, key=f"lesson:{key}", brief=True, start=dict(step.look))
