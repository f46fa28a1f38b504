"""A part of the page that draws itself again never leaves the browser with a page that has gaps."""

from __future__ import annotations

from typing import Any

import pytest
from streamlit.runtime.forward_msg_queue import ForwardMsgQueue
from streamlit.testing.v1 import AppTest
from streamlit.testing.v1.local_script_runner import LocalScriptRunner

from tests.conftest import ROOT


def bare() -> None:
    import streamlit as st

    def tick() -> None:
        st.caption("tick")

    st.caption("before")
    st.fragment(tick, run_every=1)()
    st.caption("after")


def held() -> None:
    import streamlit as st

    from pages.ui.ticking import ticking

    def tick() -> None:
        st.caption("tick")

    st.caption("before")
    ticking(tick, 1)
    st.caption("after")


def gone() -> None:
    import streamlit as st

    from core.common import UnknownName
    from pages.ui.ticking import ticking

    def tick() -> None:
        raise UnknownName("run", "261127-digits", ["<b>other</b>"])

    ticking(tick, 1)
    st.caption("after")


def queued(script: Any, monkeypatch: pytest.MonkeyPatch) -> ForwardMsgQueue:
    """What a run of a script has queued for the browser."""
    queues: list[ForwardMsgQueue] = []

    class Recorded(LocalScriptRunner):
        def run(self, *args: Any, **kwargs: Any) -> Any:
            queues.append(self.forward_msg_queue)
            return super().run(*args, **kwargs)

    monkeypatch.setattr("streamlit.testing.v1.app_test.LocalScriptRunner", Recorded)
    AppTest.from_function(script).run()
    return queues[-1]


def gaps(queue: ForwardMsgQueue) -> list[list[int]]:
    """Paths at which a browser that gets the deltas in this order has nowhere to put them."""
    children: dict[tuple[int, ...], int] = {(0,): 0, (1,): 0}
    found = []
    for path in (tuple(message.metadata.delta_path) for message in queue._queue if message.HasField("delta")):
        parent, index = path[:-1], path[-1]
        if index > children.get(parent, -1):
            found.append(list(path))
        else:
            children[parent] = max(children[parent], index + 1)
            children.setdefault(path, 0)
    return found


def after_a_tick(queue: ForwardMsgQueue) -> ForwardMsgQueue:
    """The queue once the fragments in it have started again before it was sent."""
    fragments = {m.delta.fragment_id for m in queue._queue if m.HasField("delta")} - {""}
    assert len(fragments) == 1
    queue.clear(retain_lifecycle_msgs=True, fragment_ids_this_run=list(fragments))
    return queue


def test_a_part_that_draws_itself_again_before_the_page_was_sent_leaves_no_gap(monkeypatch: pytest.MonkeyPatch) -> None:
    queue = queued(held, monkeypatch)
    assert not gaps(queue)
    assert not gaps(after_a_tick(queue))


def test_a_bare_fragment_does_leave_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """Why the parts are held: once this fails, Streamlit has mended it."""
    assert gaps(after_a_tick(queued(bare, monkeypatch))) == [[0, 2]]


def test_every_part_that_draws_itself_again_is_held() -> None:
    bare = [path for path in [ROOT / "app.py", *(ROOT / "pages").rglob("*.py")] if "st.fragment" in path.read_text()]
    assert bare == [ROOT / "pages/ui/ticking.py"]


def test_a_part_whose_run_is_gone_says_so_and_the_page_goes_on() -> None:
    page = AppTest.from_function(gone).run()
    assert not page.exception
    assert "no run named '261127-digits'" in page.error[0].value and "\\<b>" in page.error[0].value
    assert [shown.value for shown in page.caption] == ["after"]


def test_a_last_picture_that_cannot_be_worked_out_is_no_longer_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """The page around it then says why; the part that waits has no place for it and would end in a traceback."""
    from types import SimpleNamespace

    from core.explore import Answer
    from pages.ui.lab import panel

    answers = {"pending": Answer(pending=True), "gone": Answer(error="There is no run named 'gone'.")}
    analyst = SimpleNamespace(ask=lambda task, run: answers[run])
    monkeypatch.setattr(panel, "queue", lambda: SimpleNamespace(analyst=analyst))
    films = {name: panel.Film(name, name, b"", [], 2, waiting=True) for name in answers}
    assert panel._unseen([films["gone"], films["pending"]])
    assert not panel._unseen([films["gone"]])
