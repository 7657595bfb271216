"""Server-sent events: an answer that goes on until its reader leaves or it ends."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import suppress
from typing import Any

from litestar.response.base import ASGIResponse
from litestar.types import Message, Receive, Scope, Send
from typing_extensions import override

SEND_WITHIN_S = 20.0
"""A reader that takes nothing for so long is dropped; it comes back to where it was."""

_HEADERS = [
    (b"content-type", b"text/event-stream"),
    (b"cache-control", b"no-store"),
    (b"x-accel-buffering", b"no"),  # nginx would gather the events
]


class EventStream(ASGIResponse):
    """An answer that sends the chunks of one stream."""

    def __init__(self, chunks: AsyncGenerator[bytes]) -> None:
        super().__init__()
        self._chunks = chunks

    @override
    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": list(_HEADERS)})
        sending = asyncio.create_task(self._send_all(send))
        leaving = asyncio.create_task(_left(receive))
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
        with suppress(TimeoutError):
            async for chunk in self._chunks:
                async with asyncio.timeout(SEND_WITHIN_S):
                    await send(_body(chunk, more=True))
            await send(_body(b"", more=False))


async def _left(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


def _body(chunk: bytes, *, more: bool) -> Message:
    body: Any = {"type": "http.response.body", "body": chunk, "more_body": more}
    return body
