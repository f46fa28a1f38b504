"""Style that is there before the first paint: what Streamlit sends after it would move everything that is already seen."""

from __future__ import annotations

from starlette.types import ASGIApp, Message, Receive, Scope, Send

STYLE = """<style>
.stMainBlockContainer { padding: 2.6rem 2rem 2rem !important; }
.stApp:has([data-testid="stSidebar"][aria-expanded="false"]) .stMainBlockContainer { padding-top: 4.2rem !important; }
@media (max-width: 768px) { .stMainBlockContainer { padding: 4.2rem 1rem 2rem !important; } }
[class*="st-key-lab_whole"] { min-height: 620px; }
[class*="st-key-lab_brief"] { min-height: 400px; }
.st-key-view_body { min-height: 90vh; }
.stMainBlockContainer h1 { padding: 0 0 0.4rem !important; font-size: 1.7rem !important; }
.st-key-view button { padding-left: 0.55rem !important; padding-right: 0.55rem !important; }
</style>"""
"""Pictures come first: Streamlit has no setting for the empty 100 pixels above its titles, nor for how wide a choice is."""
ROOM = """<style>
@media (min-width: 769px) { .stAppViewContainer:not(:has([data-testid="stSidebar"])) { padding-left: 300px; } }
</style>"""
"""The room of the sidebar, which comes later than what stands beside it."""
NOT_PAGES = ("/_stcore/", "/static/", "/media/", "/component/", "/app/")


_served = {"styled": False}


def comes_styled() -> bool:
    """Whether this server sends the style with its pages; `streamlit run app.py` has one that does not."""
    return _served["styled"]


class FirstPaint:
    """Puts the style into the head of each page on its way to the browser."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        _served["styled"] = True

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"].startswith(NOT_PAGES) or not _asks_for_page(scope):
            await self._app(scope, receive, send)
            return
        left_out = (b"accept-encoding", b"if-none-match", b"if-modified-since")  # the page comes whole, and as it is now
        headers = [(name, value) for name, value in scope["headers"] if name not in left_out]
        alone = b"present=1" in scope["query_string"]
        page = _Page(send, STYLE if alone else STYLE + ROOM)
        await self._app({**scope, "headers": headers}, receive, page.take)


def _asks_for_page(scope: Scope) -> bool:
    return any(name == b"accept" and b"text/html" in value for name, value in scope["headers"])


class _Page:
    """An answer that is held until it is complete, then sent with the style in it."""

    def __init__(self, send: Send, style: str) -> None:
        self._send, self._style, self._body = send, style.encode(), bytearray()
        self._start: Message = {}

    async def take(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self._start = message
            return
        self._body += message.get("body", b"")
        if message.get("more_body"):
            return
        body = bytes(self._body).replace(b"</head>", self._style + b"</head>", 1)
        headers = [(name, value) for name, value in self._start["headers"] if name.lower() != b"content-length"]
        await self._send({**self._start, "headers": [*headers, (b"content-length", str(len(body)).encode())]})
        await self._send({"type": "http.response.body", "body": body})
