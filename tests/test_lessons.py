"""Lessons: every step can be walked, says what is so, and shows what is there."""

from __future__ import annotations

from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from core import runs
from core.common import InvalidInput, unpacked
from core.explore import preview
from core.lessons import MOST_WORDS, Step, lesson_on, lessons, read_lesson
from core.runs import RunStore, film_of_prepared
from core.sweeps import levels, prepared_sweep
from tests.conftest import ROOT

STEPS = [(lesson.name, number) for lesson in lessons().values() for number in range(1, len(lesson.steps) + 1)]
ONE = """
title = "T"
question = "Q?"
[[steps]]
text = "Few words."
"""
RIDGE = 'method = "ridge"\ndata = { name = "digits" }\n'


def step_of(lesson: str, number: int) -> Step:
    return lessons()[lesson].steps[number - 1]


def scores(store: RunStore, step: Step, value: object) -> dict[str, float]:
    _, facts = preview(store, spec=step.spec(value).to_dict())
    return {**facts["scores"], "in_classes": facts.get("in_classes")}


def test_lessons_are_short_and_each_asks() -> None:
    assert len(lessons()) >= 10
    for lesson in lessons().values():
        assert lesson.question.endswith("?") and 3 <= len(lesson.steps) <= 6
        assert any(step.predict for step in lesson.steps)
        assert all(0 < len(step.text.split()) <= MOST_WORDS for step in lesson.steps)
        for predict in (step.predict for step in lesson.steps if step.predict):
            assert len(set(predict.options)) == len(predict.options) >= 2 and predict.why


@pytest.mark.parametrize(("lesson", "number"), STEPS)
def test_what_a_step_shows_is_there(lesson: str, number: int, store: RunStore) -> None:
    step = step_of(lesson, number)
    if step.sweep is not None:
        record, rows = prepared_sweep(step.sweep)
        assert all(level.mean is not None for level in levels(rows, [record.sweep.axes[0].name], step.score))
        return
    if step.film is None:
        frame, facts = preview(store, spec=step.spec().to_dict())
        told = {**facts["scores"], "in_classes": facts.get("in_classes")}
        assert all(told.get(name) is not None for name in step.tells) and step.look.get("by", "circle") in frame
        return
    frames = list(unpacked(film_of_prepared(step.film)[1]))
    assert step.look.get("by", "circle") in frames[-1][1]
    if "at" in step.look:
        assert int(step.look["at"]) in [facts["place"] for facts, _ in frames]


def test_every_knob_of_a_lesson_moves_what_it_tells(store: RunStore) -> None:
    """By a tenth at least between two of its values, but for the one step whose point is that it does not."""
    for lesson, number in STEPS:
        step = step_of(lesson, number)
        if step.knob is None or (lesson, number) == ("neighbours", 1):
            continue
        told = [scores(store, step, value) for value in step.knob.values]
        spreads = {name: max(found[name] for found in told) - min(found[name] for found in told) for name in step.tells}
        assert max(spreads.values()) >= 0.1, (lesson, number, spreads)


def test_what_the_lessons_say_is_so(store: RunStore) -> None:
    def at(lesson: str, number: int, value: object, name: str = "acc") -> float:
        return scores(store, step_of(lesson, number), value)[name]

    assert at("self-expression", 2, 0.1) > 0.95 and at("self-expression", 2, 0.2) < 0.7
    assert at("self-expression", 3, 0.2) > 0.78
    assert at("the-diagonal", 1, 0.001, "diagonal_mass") == pytest.approx(0.85, abs=0.03)
    assert at("the-diagonal", 1, 0.001) < 0.75 < at("the-diagonal", 1, 1.0) and at("the-diagonal", 2, 0.001) < 0.5
    readings = [at("from-c-to-blocks", 1, value) for value in step_of("from-c-to-blocks", 1).knob.values]  # type: ignore[union-attr]
    assert min(readings) < 0.25 and max(readings) > 0.62
    assert at("from-c-to-blocks", 3, 12) < at("from-c-to-blocks", 3, 1) - 0.1
    assert at("from-c-to-blocks", 3, 12, "block_diagonality") > 0.98
    assert at("neighbours", 1, 0.0) < 0.8 and at("neighbours", 2, 10) > 0.98
    assert at("neighbours", 2, 3) < 0.7 and at("neighbours", 2, 80) < 0.9
    seeds = [at("longer-and-luckier", 3, seed) for seed in range(12)]
    assert max(seeds) - min(seeds) > 0.1
    film = [facts for facts, _ in unpacked(film_of_prepared("too-long")[1]) if "acc" in facts["scores"]]
    acc = [facts["scores"]["acc"] for facts in film]
    best = film[acc.index(max(acc))]
    assert best["place"] == int(step_of("longer-and-luckier", 2).look["at"])
    assert acc.index(max(acc)) < len(acc) / 3 and max(acc) > acc[-1] + 0.1
    losses = [facts["loss"] for facts in film if facts.get("loss") is not None]
    assert losses[-1] == min(losses)
    assert runs.prepared_run("udll-digits").spec().preset == "digits-cold"


def test_what_the_lessons_say_of_sweeps_is_so() -> None:
    def mean(sweep: str, value: object, score: str = "acc") -> float:
        record, rows = prepared_sweep(sweep)
        found = {level.at[0]: level.mean for level in levels(rows, [record.sweep.axes[0].name], score)}
        return found[value] or 0.0

    def best(sweep: str, score: str) -> object:
        record, rows = prepared_sweep(sweep)
        return max(levels(rows, [record.sweep.axes[0].name], score), key=lambda level: level.mean or 0.0).at[0]

    assert min(mean("neighbours", 30), mean("neighbours", 60)) > 0.63
    assert max(mean("neighbours", 2), mean("neighbours", 100)) < 0.4
    assert mean("anchors", 20) > 0.63 and mean("anchors", 500) < 0.25
    assert mean("eta", 0.0) == pytest.approx(0.65, abs=0.02) and mean("eta", 10.0) == pytest.approx(0.19, abs=0.02)
    assert mean("beta", 0.001) == pytest.approx(0.32, abs=0.01) and mean("beta", 10.0) == pytest.approx(0.33, abs=0.01)
    assert mean("beta", 0.1) > 0.88 and max(mean("alpha", 10.0), mean("alpha", 100.0)) < 0.45
    told = {0.001: 0.69, 0.1: 0.88, 10.0: 0.73}
    assert {value: round(mean("gamma", value), 2) for value in told} == told
    code = {size: (200, 100, size) for size in (1, 3, 10, 30)}
    assert [round(mean("code-size", code[size]), 2) for size in (1, 3)] == [0.26, 0.63] and mean("code-size", code[10]) > 0.72
    assert [round(mean("noise", value), 2) for value in (0.0, 0.2, 0.4, 0.8)] == [0.74, 0.69, 0.61, 0.25]
    assert best("neighbours", "silhouette") in (30, 60) and best("code-size", "silhouette") == code[1]
    assert min(mean("dim", d, "block_diagonality") for d in (1, 2, 3, 4, 8)) > 0.98 and mean("dim", 1) < 0.4
    assert best("beta", "block_diagonality") == best("beta", "acc") == 0.1
    assert [round(mean("balance", value), 2) for value in (0.0, 1.0, 3.0)] == [0.34, 0.52, 0.34]
    told = {"stop-gradient": [0.59, 0.23], "stop-gradient-loops": [0.74, 0.66], "stop-gradient-subspaces": [0.22, 0.62]}
    assert {name: [round(mean(name, through), 2) for through in (False, True)] for name in told} == told
    reached = {(row.setting["through_graph"], row.seed): row.scores["acc"] for row in prepared_sweep("stop-gradient-loops")[1]}
    assert sum(reached[True, seed] > reached[False, seed] for seed in range(5)) == 1


def test_what_the_lessons_say_of_depth_is_so(store: RunStore) -> None:
    planes, ridge, spectral = (step_of("deep-or-not", number) for number in (1, 2, 4))
    assert scores(store, ridge, 10.0)["acc"] == pytest.approx(0.9, abs=0.01)
    assert scores(store, ridge, 0.1)["acc"] == pytest.approx(0.62, abs=0.02)
    assert scores(store, spectral, 10)["acc"] == pytest.approx(0.92, abs=0.01) and scores(store, spectral, 3)["acc"] < 0.5
    assert scores(store, planes, 0.02)["acc"] > 0.99 and scores(store, planes, 0.05)["acc"] < 0.75
    assert list(unpacked(film_of_prepared("collapse")[1]))[-1][0]["scores"]["acc"] < 0.4
    ends = {film: list(unpacked(film_of_prepared(film)[1]))[-1][0]["scores"]["acc"] for film in ("udll-digits", "dec-digits")}
    assert ends["udll-digits"] == pytest.approx(0.89, abs=0.01) and ends["dec-digits"] == pytest.approx(0.69, abs=0.01)


def test_what_the_lessons_say_of_small_codes_is_so(store: RunStore) -> None:
    record, rows = prepared_sweep("shrinking")

    def means(score: str) -> dict[float, float]:
        return {level.at[0]: level.mean or 0.0 for level in levels(rows, [record.sweep.axes[0].name], score)}

    size, share = means("code_norm"), means("relative_error")
    assert all(0.5 < size[alpha] < 0.7 for alpha in (0.01, 0.1, 1.0)) and all(size[alpha] < 1 / 45 for alpha in (10.0, 1000.0))
    assert round(share[1.0], 2) == 0.02 and round(share[1000.0], 1) == 0.7 and max(share, key=lambda alpha: share[alpha]) >= 10
    errors = {alpha: size[alpha] ** 2 * share[alpha] for alpha in size}
    assert errors[1.0] / errors[1000.0] == pytest.approx(54, abs=10) and min(errors, key=lambda alpha: errors[alpha]) == 1000
    run = store.get(runs.bring(store, "shrinking"))
    seen = [row for row in store.history(run.id) if "code_norm" in row.scalars]
    first, last = seen[0].scalars, seen[-1].scalars
    assert 0.3 < 1e6 * last["self-expression"] / first["self-expression"] < 3 and 5e-4 < last["code_norm"] < 2e-3
    assert last["relative_error"] > 0.99 and "shrunk codes" in {alarm["kind"] for alarm in run.alarms}
    assert all(row.scalars["acc"] == pytest.approx(0.73, abs=0.016) for row in seen if row.step >= 9)


@pytest.mark.journey
@pytest.mark.usefixtures("inline_queue")
def test_all_steps_of_all_lessons_are_walked() -> None:
    app = AppTest.from_file(str(ROOT / "app.py"), default_timeout=60).run().switch_page("pages/lessons.py").run()
    assert not app.exception
    for lesson in lessons().values():
        app.button(key=f"begin:{lesson.name}").click().run()
        for number, step in enumerate(lesson.steps, 1):
            assert not app.exception and not app.error, (lesson.name, number)
            assert app.title[0].value == lesson.title and app.query_params["step"] == str(number)
            if step.predict is not None:
                sliders = app.select_slider
                assert all(slider.disabled for slider in sliders) and not (app.success or app.warning)
                wrong = step.predict.right % len(step.predict.options)
                app.radio[0].set_value(step.predict.options[wrong]).run()
                assert step.predict.why in app.warning[0].value and not any(slider.disabled for slider in app.select_slider)
                app.radio[0].set_value(step.predict.options[step.predict.right - 1]).run()
                assert app.success[0].value.startswith("Yes.")
            if step.knob is not None:
                app.select_slider[0].set_value(step.knob.values[-1]).run()
                assert not app.exception and not app.error, (lesson.name, number)
            following = "Next" if number < len(lesson.steps) else "Done"
            next(button for button in app.button if button.label == following).click().run()
        assert app.title[0].value == "Lessons" and "lesson" not in app.query_params


def test_knobs_know_their_lessons() -> None:
    for knob in ("threshold", "dim", "power", "n_neighbors", "strength", "angle", "noise", "outliers"):
        found = lesson_on(knob)
        assert found is not None and str(step_of(found[0].name, found[1]).knob.name).endswith(knob)  # type: ignore[union-attr]
    swept = {"alpha", "beta", "gamma", "eta", "n_anchors", "widths"}
    assert all((found := lesson_on(knob)) and step_of(found[0].name, found[1]).sweep for knob in swept)
    assert lesson_on("margin_weight") is None


def test_to_ask_for_the_lesson_of_a_knob_reads_nothing_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every knob of a form asks at every click."""
    known = lesson_on("eta")
    monkeypatch.setattr("core.lessons.reading.prepared_sweep", lambda name: pytest.fail("read again"))
    assert known is not None and lesson_on("eta") == known


@pytest.mark.journey
@pytest.mark.usefixtures("inline_queue")
def test_a_step_is_taken_along_to_train_and_a_film_to_explore(store: RunStore) -> None:
    def opened(lesson: str, step: str) -> AppTest:
        app = AppTest.from_file(str(ROOT / "app.py"), default_timeout=60).run().switch_page("pages/lessons.py")
        app.query_params["lesson"], app.query_params["step"] = lesson, step
        return app.run()

    app = opened("neighbours", "3")
    app.select_slider[0].set_value(7).run()
    app.button(key="train:neighbours:3").click().run()
    assert not app.exception and app.title[0].value == "Train"
    assert app.session_state["data"]["name"] == "spirals" and app.session_state["method"] == "spectral"
    slider = next(slider for slider in app.slider if str(slider.key).endswith(":n_neighbors"))
    assert slider.value == 7 and "(/lessons?lesson=neighbours&step=2)" in slider.help
    app = opened("self-expression", "4")
    app.button(key="open:self-expression:4").click().run()
    assert app.title[0].value == "Explore" and store.has("prepared-subspaces")
    assert opened("neighbours", "99").title[0].value == "Too few friends, too many"
    assert opened("nothing", "1").title[0].value == "Lessons"


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ("", "shows either a film, a sweep or a method"),
        ('film = "none"', "no prepared run named 'none'"),
        ('film = "subspaces"\nlook = { colors = "class" }', "no 'colors' to show"),
        ('film = "subspaces"\nsound = 1', "sound"),
        ('method = "udll"\ndata = { name = "digits" }', "only an instant method"),
        (
            'method = "ridge"\ndata = { name = "digits" }\nknob = { name = "power", label = "p", values = [1, 99], start = 1 }',
            "99",
        ),
        (
            'method = "ridge"\ndata = { name = "digits" }\nknob = { name = "power", label = "p", values = [1], start = 2 }',
            "start",
        ),
        (
            'film = "subspaces"\npredict = { question = "?", options = ["a"], right = 2, why = "w" }',
            "right answer must be one of",
        ),
    ],
)
def test_a_lesson_that_cannot_be_is_refused(more: str, words: str, tmp_path: Path) -> None:
    file = tmp_path / "7-mine.toml"
    file.write_text(ONE + more)
    with pytest.raises(InvalidInput, match=words) as refused:
        read_lesson(file)
    assert "7-mine.toml" in str(refused.value)


def test_a_lesson_of_ones_own_is_read_and_a_long_one_refused(tmp_path: Path) -> None:
    file = tmp_path / "7-mine.toml"
    file.write_text(ONE + 'film = "subspaces"')
    assert read_lesson(file).name == "mine"
    file.write_text(ONE.replace("Few words.", "word " * (MOST_WORDS + 1)) + 'film = "subspaces"')
    with pytest.raises(InvalidInput, match="121 words; at most 120"):
        read_lesson(file)
