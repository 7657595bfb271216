"""Server-sent events: an answer that goes on until its reader leaves or it ends."""

import asyncio
from collections.abc import AsyncGenerator
from typing import Any

from litestar.response.base import ASGIResponse
from litestar.types import Message, Receive, Scope, Send
from typing_extensions import override

from nexus.platform import metrics

MOST_BYTES = 2_000_000
"""Sent on one stream before the reader is asked to come back. The web server takes whatever it is
given and keeps it until the client does, so this is what a client that takes nothing can cost."""

_HEADERS = [
    (b"content-type", b"text/event-stream"),
    (b"cache-control", b"no-store"),
    (b"x-accel-buffering", b"no"),  # nginx would gather the events
]


class EventStream(ASGIResponse):
    """An answer that sends the chunks of one stream; `come_back` ends one that became long."""

    def __init__(self, chunks: AsyncGenerator[bytes], *, come_back: bytes) -> None:
        super().__init__()
        self._chunks = chunks
        self._come_back = come_back

    @override
    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        with metrics.STREAMS.track_inprogress():
            await self._stream(receive, send)

    async def _stream(self, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": list(_HEADERS)})
        sending = asyncio.create_task(self._send_all(send))
        leaving = asyncio.create_task(client_left(receive))
        try:
            await asyncio.wait({sending, leaving}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in (sending, leaving):
                task.cancel()
            ended, _ = await asyncio.gather(sending, leaving, return_exceptions=True)
            await self._chunks.aclose()
        if isinstance(ended, Exception):
            raise ended

    async def _send_all(self, send: Send) -> None:
        size = 0
        async for chunk in self._chunks:
            await send(_body(chunk, more=True))
            size += len(chunk)
            if size > MOST_BYTES:
                await send(_body(self._come_back, more=True))
                break
        await send(_body(b"", more=False))


async def client_left(receive: Receive) -> None:
    """Until whoever asked is gone; to be asked once the body was read."""
    while (await receive())["type"] != "http.disconnect":
        pass


def _body(chunk: bytes, *, more: bool) -> Message:
    body: Any = {"type": "http.response.body", "body": chunk, "more_body": more}
    return body
