"""The Papers page as a user sees it: a printed table, ours in its cells, and a click that runs what is missing."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from core import runs
from core.bench import reproduced
from core.datasets import DataSpec
from core.papers import cells, desk, table, tables
from core.runs import RunStore, Status
from pages.ui import paper_table
from pages.ui.comparison import printed_acc
from pages.ui.definitions import nmi_of, shared_nmi, with_labels
from pages.ui.live import scores_of
from pages.ui.paper_table import MARKS, frame, worded
from tests.pages.seen import healthy, texts
from tests.test_papers import small_table
from tests.test_reproduce import reached

pytestmark = [pytest.mark.journey, pytest.mark.usefixtures("inline_queue")]


def test_a_table_looks_as_it_is_printed_with_ours_beside() -> None:
    printed = small_table(ACC=70.0, NMI=60.0)
    first, second, third = desk(RunStore(), printed, seeds=2)
    shown = [cell for cell in cells([reached(first, 0.6), second, third]) if cell.metric == "ACC"]
    words, styles = frame(printed, shown)
    assert words.to_dict() == {
        "D": {"KM": f"{MARKS['reproduced']} 0.600 ± 0.250 (0.700)", "JULE": f"{MARKS['cannot be']} (0.960)"},
        "X": {"KM": f"{MARKS['cannot be']} (0.500)", "JULE": ""},
    }
    assert "background" in styles.loc["KM", "D"] and "background" not in styles.loc["JULE", "D"]
    short = next(cells([reached(first, 0.6, seeds=(0,))]))
    assert worded(short) == f"{MARKS['short']} 0.600 (0.700)"
    whole, _ = frame(table("rgrl/table4"), [c for c in cells(desk(RunStore(), table("rgrl/table4"))) if c.metric == "ACC"])
    assert whole.shape == (18, 6) and "(0.870)" in whole.loc["RGRL-L2", "ORL"]


def test_what_is_missing_is_run_by_a_click_with_the_time_told_before(
    visit: Callable[..., AppTest],
    store: RunStore,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    printed = small_table(ACC=60.0, NMI=99.0)
    monkeypatch.setattr(paper_table, "tables", lambda: {printed.key: printed})
    monkeypatch.setattr(paper_table, "kept", lambda found: reproduced.kept(found, tmp_path))
    monkeypatch.setattr(paper_table, "with_kept", lambda slots: reproduced.with_kept(slots, tmp_path))
    app = visit("papers")
    assert "**1** not run" in texts(app) and "**2** cannot be" in texts(app)
    assert not [b for b in app.button if b.key == "paper_run"], "before a cell is chosen"
    app.query_params["row"], app.query_params["data"] = "KM", "X"
    assert "X is secret" in texts(healthy(app.run())) and not [b for b in app.button if b.key == "paper_run"]
    app.query_params["data"] = "D"
    app.run()
    button = app.button(key="paper_run")
    assert button.label == "Run 3 here (nobody has timed them here)"
    button.click().run()
    assert [run.status for run in store.runs(references=False)] == [Status.DONE] * 3
    assert "**1** reproduced" in texts(healthy(app)) and "in this store" in texts(app) and "Nothing is missing" in texts(app)
    reproduced.keep(printed, desk(store, printed), "python -m core reproduce p/t", tmp_path)
    for run in store.runs():
        store.delete(run.id)
    app.run()
    assert "**1** reproduced" in texts(healthy(app)) and "came with the app" in texts(app), "the page opens on what is shipped"
    assert "(about 1 min)" in app.button(key="paper_run").label, "what was shipped tells the time"


def test_every_table_opens(visit: Callable[..., AppTest]) -> None:
    app = visit("papers")
    assert len(app.selectbox(key="paper_table").options) == len(tables())
    app.query_params["table"] = "grdnn/table2"
    app.query_params["row"], app.query_params["data"] = "D-DAE", "COIL20"
    fresh = healthy(app.run())
    for key in ("tagnet/table2", "rgrl/text", "grdnn/table2"):
        fresh.selectbox(key="paper_table").set_value(key).run()
        assert healthy(fresh).query_params["table"] == key
    assert "none of three definitions" in texts(fresh)


def test_a_table_of_runs_names_paper_and_table_of_a_printed_number() -> None:
    assert printed_acc(runs.make_spec("dec", DataSpec("coil20"))) == "0.722 (RGRL, Table 4), 0.790 (UDLL, Table 3)"
    assert printed_acc(runs.make_spec("dec", DataSpec("coil20", n_samples=600))) == ""


@pytest.mark.parametrize(
    ("method", "kind"), [("kmeans", "NMI"), ("grdnn", "NMI (max)"), ("dscdan", "NMI (max)"), ("tagnet", "NMI (max)")]
)
def test_the_nmi_that_is_shown_is_that_of_the_paper_and_named(method: str, kind: str) -> None:
    score, title, meaning = nmi_of(method)
    assert title == kind and ("larger" in meaning) == (score == "nmi_max")
    assert list(scores_of(method))[1] == score and scores_of(method)[score][0] == kind


def test_runs_side_by_side_have_one_nmi(store: RunStore) -> None:
    made = {
        m: store.create(runs.make_spec(m, DataSpec("digits"), preset="defaults")) for m in ("kmeans", "udll", "dscdan", "grdnn")
    }
    assert shared_nmi([made["kmeans"], made["udll"]]) == ("nmi_geometric", "NMI")
    assert shared_nmi([made["dscdan"], made["grdnn"]]) == ("nmi_max", "NMI (max)")
    assert shared_nmi(list(made.values())) == ("nmi_geometric", "NMI (geometric)")
    assert list(with_labels([made["grdnn"]])) == ["acc", "nmi_max", "ari"]
