"""Visitors who close the page while it is being sent to them."""

from __future__ import annotations

from starlette.types import ASGIApp, Receive, Scope, Send
from starlette.websockets import WebSocketDisconnected


class Departures:
    """Ends the connection of somebody who has left without an alarm in the server's log.

    Streamlit learns of most departures while it listens. One that it learns of while it sends, it takes for a
    message that is no protobuf: it closes what is closed already, and the log shows a traceback of an ordinary event.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "websocket":
            await self._app(scope, receive, send)
            return
        try:
            await self._app(scope, receive, send)
        except WebSocketDisconnected:
            return
