"""Reading a request's body, and refusing what no feature should have to see."""

import hashlib
import json
import re
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from tempfile import TemporaryFile
from typing import IO, Any

import msgspec
from litestar.exceptions import ValidationException
from litestar.types import HTTPReceiveMessage, Receive

from nexus.platform.http.problem import JSON_MEDIA_TYPES, Refusal

MAX_DEPTH = 64
BODY_DECODER = "body_decoder"
"""The option of a route that holds a strict decoder of its body."""

_ESCAPED_NUL = re.compile(rb"(?<!\\)(?:\\\\)*\\u0000")
# A string without an end is taken to the end: else each of its quotes would be tried again.
_STRINGS = re.compile(rb'"(?:[^"\\]|\\.)*+(?:"|\\?\Z)', re.DOTALL)
_BRACKETS = re.compile(rb"[\[\]{}]")


@dataclass(frozen=True, kw_only=True)
class Upload:
    """A body that went to a temporary file as it came in, so that its size costs no memory."""

    file: IO[bytes]
    size: int
    digest: bytes


async def read_body(receive: Receive, declared: bytes | None, limit: int) -> bytes:
    """The whole body. Refuses one that says it is larger than `limit` bytes, or turns out to be."""
    return b"".join([chunk async for chunk in _chunks(receive, declared, limit)])


@asynccontextmanager
async def spooled_body(
    receive: Receive, declared: bytes | None, limit: int
) -> AsyncGenerator[Upload]:
    """The whole body in a file that is gone in the end; refused as by `read_body`."""
    with TemporaryFile() as file:
        size = 0
        digest = hashlib.sha256()
        async for chunk in _chunks(receive, declared, limit):
            file.write(chunk)
            digest.update(chunk)
            size += len(chunk)
        file.flush()
        yield Upload(file=file, size=size, digest=digest.digest())


async def _chunks(receive: Receive, declared: bytes | None, limit: int) -> AsyncIterator[bytes]:
    too_large = Refusal(413, f"The body is larger than the {limit} bytes that are taken here.")
    if declared and declared.isdigit() and int(declared) > limit:
        raise too_large
    size = 0
    while True:
        message = await receive()
        if message["type"] != "http.request":
            raise Refusal(400, "The connection closed in the middle of the body.")
        size += len(message["body"])
        if size > limit:
            raise too_large
        yield message["body"]
        if not message.get("more_body"):
            return


def check_json(body: bytes, content_type: str) -> None:
    """Refuse what is no JSON, names a key twice, is nested too deeply or holds a NUL."""
    if content_type.partition(";")[0].strip().lower() not in JSON_MEDIA_TYPES:
        raise Refusal(415)
    if body.count(b"[") + body.count(b"{") > MAX_DEPTH:
        _check_depth(body)
    if b"\\u0000" in body and _ESCAPED_NUL.search(body):
        raise Refusal(400, "Text must not contain the NUL character (\\u0000).")
    try:
        json.loads(body, object_pairs_hook=_refuse_twins, parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        raise Refusal(400, f"The body is not valid JSON: {error}.") from error


def check_shape(body: bytes, decoder: msgspec.json.Decoder[Any]) -> None:
    """Refuse a body of other types than the route takes: Litestar alone would convert "1" to 1."""
    try:
        decoder.decode(body)
    except msgspec.ValidationError as error:
        raise ValidationException(
            "The body does not fit.", extra=[{"message": str(error)}]
        ) from error
    except msgspec.DecodeError as error:
        raise Refusal(400, f"The body is not valid JSON: {error}.") from error


def replayed(body: bytes, receive: Receive) -> Receive:
    """A `receive` that gives the body once, then whatever the client sends next."""
    unread = [body]

    async def receive_again() -> HTTPReceiveMessage:
        if unread:
            return {"type": "http.request", "body": unread.pop(), "more_body": False}
        return await receive()  # pyright: ignore[reportReturnType]

    return receive_again  # pyright: ignore[reportReturnType]


def _check_depth(body: bytes) -> None:
    depth = 0
    for bracket in _BRACKETS.findall(_STRINGS.sub(b"", body)):
        depth += 1 if bracket in b"[{" else -1
        if depth > MAX_DEPTH:
            raise Refusal(400, f"The body is nested more than {MAX_DEPTH} levels deep.")


def _refuse_twins(pairs: list[tuple[str, Any]]) -> None:
    seen: set[str] = set()
    for key, _ in pairs:
        if key in seen:
            raise ValueError(f"the key {key[:60]!r} stands twice in one object")
        seen.add(key)


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")
