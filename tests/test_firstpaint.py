"""The style that comes with the page."""

from __future__ import annotations

import asyncio

import pytest
from starlette.types import Message, Receive, Scope, Send

from pages.ui.firstpaint import ROOM, STYLE, FirstPaint

PAGE = b"<html><head><title>x</title></head><body>" + b"\xc3\xa9" * 50 + b"</body></html>"


async def behind(scope: Scope, receive: Receive, send: Send) -> None:
    """A server that answers in two parts, and packs what may be packed."""
    packed = any(name == b"accept-encoding" for name, _ in scope["headers"])
    body = b"packed" if packed else PAGE
    headers = [(b"content-type", b"text/html"), (b"content-length", str(len(body)).encode()), (b"x-kept", b"1")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body[:20], "more_body": True})
    await send({"type": "http.response.body", "body": body[20:]})


def answer(path: str, *, accept: bytes = b"text/html,*/*", query: bytes = b"") -> tuple[dict[bytes, bytes], bytes]:
    sent: list[Message] = []

    async def keep(message: Message) -> None:
        sent.append(message)

    async def nothing() -> Message:
        return {}

    headers = [(b"accept", accept), (b"accept-encoding", b"gzip")]
    scope = {"type": "http", "path": path, "query_string": query, "headers": headers}
    asyncio.run(FirstPaint(behind)(scope, nothing, keep))
    return dict(sent[0]["headers"]), b"".join(message["body"] for message in sent[1:])


@pytest.mark.parametrize("path", ["/", "/explore", "/lessons"])
def test_a_page_comes_whole_with_its_style(path: str) -> None:
    headers, body = answer(path)
    head, rest = body.split(b"</head>")
    assert head.decode().endswith(STYLE + ROOM) and rest == PAGE.split(b"</head>")[1]
    assert int(headers[b"content-length"]) == len(body) and headers[b"x-kept"] == b"1"


def test_a_projector_has_no_room_for_a_sidebar_that_does_not_come() -> None:
    _, body = answer("/explore", query=b"run=a&present=1")
    assert STYLE.encode() in body and ROOM.encode() not in body


@pytest.mark.parametrize(
    ("path", "accept"), [("/static/js/a.js", b"*/*"), ("/_stcore/health", b"text/html"), ("/explore", b"*/*")]
)
def test_what_is_no_page_passes_as_it_is(path: str, accept: bytes) -> None:
    headers, body = answer(path, accept=accept)
    assert body == b"packed" and headers[b"content-length"] == b"6"
