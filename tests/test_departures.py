"""Who leaves while the page is being sent is no fault of the server."""

from __future__ import annotations

import asyncio
from contextlib import suppress

import pytest
from starlette.types import Message, Receive, Scope, Send
from starlette.websockets import WebSocket, WebSocketDisconnect, WebSocketDisconnected

from pages.ui.departures import Departures


async def endpoint(scope: Scope, receive: Receive, send: Send) -> None:
    """As Streamlit's: what cannot be read is answered with a close."""
    socket = WebSocket(scope, receive, send)
    await socket.accept()
    with suppress(WebSocketDisconnect):  # the sender only notes that nobody is there
        await socket.send_bytes(b"page")
    try:
        await socket.receive_bytes()
    except RuntimeError:
        await socket.close()
        raise TypeError("text") from None


async def broken(scope: Scope, receive: Receive, send: Send) -> None:
    raise TypeError("text")


async def connect() -> Message:
    return {"type": "websocket.connect"}


async def nobody_there(message: Message) -> None:
    if message["type"] == "websocket.send":
        raise OSError("gone")


SCOPE: Scope = {"type": "websocket"}


def test_who_leaves_while_the_page_is_sent_raises_no_alarm() -> None:
    with pytest.raises(WebSocketDisconnected):
        asyncio.run(endpoint(SCOPE, connect, nobody_there))
    asyncio.run(Departures(endpoint)(SCOPE, connect, nobody_there))


@pytest.mark.parametrize("scope", [SCOPE, {"type": "http"}])
def test_any_other_fault_is_one(scope: Scope) -> None:
    with pytest.raises(TypeError, match="text"):
        asyncio.run(Departures(broken)(scope, connect, nobody_there))
