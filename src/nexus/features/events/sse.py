"""Events as server-sent events: one message each, whose id is where to go on.

An event's message has no name of its own, so that `onmessage` gets them all; `reconnect` and
`end` are about the stream.
"""

from collections.abc import AsyncGenerator

import msgspec

from nexus.features.events.dto import EventOut
from nexus.features.events.errors import PlaceNotUnderstood
from nexus.features.events.streaming import Ended, Heartbeat, Item

_COME_BACK_AFTER_MS = 1000
_MAX_SEQ = 2**31 - 1
_encode = msgspec.json.Encoder().encode


def place_of(last_event_id: str) -> int:
    """The number after which to go on. Raises PlaceNotUnderstood."""
    if not (last_event_id.isascii() and last_event_id.isdigit()) or int(last_event_id) > _MAX_SEQ:
        raise PlaceNotUnderstood(given=last_event_id, field="Last-Event-ID")
    return int(last_event_id)


async def as_text(items: AsyncGenerator[Item]) -> AsyncGenerator[bytes]:
    """The messages of a stream, ready to be sent."""
    yield b"retry: %d\n" % _COME_BACK_AFTER_MS
    try:
        async for item in items:
            yield _message(item)
    finally:
        await items.aclose()


def _message(item: Item) -> bytes:
    match item:
        case Heartbeat():
            # Without data it is no message, but the reader's place moves on.
            return b"id: %d\n: heartbeat\n\n" % item.seq
        case Ended():
            return _about_the_stream(item)
        case _:
            return b"id: %d\ndata: %b\n\n" % (item.seq, _encode(EventOut.of(item)))


def _about_the_stream(end: Ended) -> bytes:
    name = b"end" if end.is_final else b"reconnect"
    return b"event: %b\ndata: %b\n\n" % (name, _encode({"reason": end.reason}))


COME_BACK = _about_the_stream(Ended("This stream has become long. Go on.", is_final=False))
