"""Presses of a button that reach the server twice."""

from __future__ import annotations

from google.protobuf.message import DecodeError
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ClientState_pb2 import ClientState

TRIGGERS = {"trigger_value", "string_trigger_value", "json_trigger_value", "chat_input_value"}


class Presses:
    """Takes presses out of the messages that a page sends by the clock.

    A page keeps a press until the browser comes round to send it. A part of the page that asks to be drawn again just
    then takes the press along, and its own message brings it once more: Pause is done, the button reads Resume, and the
    second press resumes. The message of the press itself always follows, so nothing is lost here.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def received() -> Message:
            return once(await receive())

        await self._app(scope, received if scope["type"] == "websocket" else receive, send)


def once(message: Message) -> Message:
    """What arrived, without the presses of a message sent by the clock. What cannot be read is left to Streamlit."""
    content = message.get("bytes") if message["type"] == "websocket.receive" else None
    if not content:
        return message
    said = BackMsg()
    try:
        said.ParseFromString(content)
    except DecodeError:
        return message
    state = said.rerun_script
    return {**message, "bytes": said.SerializeToString()} if state.is_auto_rerun and _unpressed(state) else message


def _unpressed(state: ClientState) -> bool:
    """Take the presses out; whether there were any."""
    widgets = state.widget_states.widgets
    kept = [widget for widget in widgets if widget.WhichOneof("value") not in TRIGGERS]
    found = len(kept) < len(widgets)
    del widgets[:]
    widgets.extend(kept)
    return found
