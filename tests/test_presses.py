"""A press counts once, however often the page sends it."""

from __future__ import annotations

import asyncio

import pytest
from starlette.types import Message, Receive, Scope, Send
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.runtime.scriptrunner_utils import script_requests

from pages.ui.presses import TRIGGERS, Presses, once


def said(auto: bool) -> BackMsg:
    """A page with a slider, a button that was pressed, and a component that has something to tell."""
    message = BackMsg()
    state = message.rerun_script
    state.is_auto_rerun, state.fragment_id, state.query_string = auto, "panel", "run=1"
    state.widget_states.widgets.add(id="slider").double_array_value.data.append(3.0)
    state.widget_states.widgets.add(id="pause").trigger_value = True
    state.widget_states.widgets.add(id="lab").json_trigger_value = '[{"event":"branch"}]'
    state.widget_states.widgets.add(id="tick").bool_value = True
    return message


def received(content: bytes) -> Message:
    return {"type": "websocket.receive", "bytes": content}


def read(message: Message) -> BackMsg:
    return BackMsg.FromString(message["bytes"])


def test_what_the_clock_sends_carries_no_press_and_all_else() -> None:
    state = read(once(received(said(auto=True).SerializeToString()))).rerun_script
    assert [widget.id for widget in state.widget_states.widgets] == ["slider", "tick"]
    assert state.is_auto_rerun and (state.fragment_id, state.query_string) == ("panel", "run=1")


def test_every_kind_of_press_that_streamlit_has_is_known() -> None:
    assert script_requests._TRIGGER_PROTO_FIELDS == TRIGGERS


def test_the_message_of_the_press_itself_is_left_as_it_is() -> None:
    message = received(said(auto=False).SerializeToString())
    assert once(message) is message


@pytest.mark.parametrize(
    "message",
    [
        {"type": "websocket.connect"},
        {"type": "websocket.disconnect", "code": 1001},
        {"type": "websocket.receive", "text": "hello", "bytes": None},
        {"type": "websocket.receive", "bytes": b"\xff\xff\xff"},
        {"type": "websocket.receive", "bytes": BackMsg(stop_script=True).SerializeToString()},
    ],
)
def test_what_says_nothing_of_presses_passes(message: Message) -> None:
    assert once(dict(message)) == message


@pytest.mark.parametrize(("kind", "kept"), [("websocket", 2), ("http", 4)])
def test_the_app_behind_it_hears_what_is_left(kind: str, kept: int) -> None:
    heard: list[BackMsg] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        heard.append(read(await receive()))

    async def receive() -> Message:
        return received(said(auto=True).SerializeToString())

    async def send(message: Message) -> None:
        raise AssertionError(message)

    asyncio.run(Presses(app)({"type": kind}, receive, send))
    assert len(heard[0].rerun_script.widget_states.widgets) == kept
