"""Agents and people who ask the server over HTTP, each on a connection of their own."""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import msgspec

from bench.load import UnexpectedAnswer
from bench.plan import API

_REGISTRARS = 8


class Client:
    """A caller with a key, one request at a time.

    Its connection stays open, until the server has had enough of it between two requests.
    """

    def __init__(self, port: int, key: str) -> None:
        self._port = port
        self._head = f"host: 127.0.0.1\r\nauthorization: Bearer {key}\r\n"
        self._reader: asyncio.StreamReader | None = None
        self._writer: asyncio.StreamWriter | None = None

    async def ask(self, method: str, path: str, body: Any = None) -> Any:
        """Raises UnexpectedAnswer for all that is not a success."""
        sent = b"" if body is None else msgspec.json.encode(body)
        of_body = f"content-type: application/json\r\ncontent-length: {len(sent)}\r\n"
        head = f"{method} {API}{path} HTTP/1.1\r\n{self._head}{of_body if sent else ''}\r\n"
        status, answer = await self._exchange(head.encode() + sent)
        if not 200 <= status < 300:
            raise UnexpectedAnswer(f"{method} {path}: {status} {answer.decode(errors='replace')}")
        return msgspec.json.decode(answer) if answer else None

    async def _exchange(self, request: bytes) -> tuple[int, bytes]:
        if self._reader is None or self._writer is None or self._reader.at_eof():
            await self.close()
            self._reader, self._writer = await asyncio.open_connection("127.0.0.1", self._port)
        self._writer.write(request)
        head = (await self._reader.readuntil(b"\r\n\r\n")).lower()
        _, found, rest = head.partition(b"\r\ncontent-length:")
        if not found:
            raise UnexpectedAnswer(f"An answer of unknown length: {head!r}")
        return int(head[9:12]), await self._reader.readexactly(int(rest.partition(b"\r\n")[0]))

    async def close(self) -> None:
        if self._writer is not None:
            self._writer.close()
            with suppress(OSError):
                await self._writer.wait_closed()


@dataclass(frozen=True, kw_only=True)
class Registered:
    """An agent and its key."""

    id: UUID
    key: str


@asynccontextmanager
async def clients(port: int, keys: Sequence[str]) -> AsyncGenerator[Sequence[Client]]:
    async with AsyncExitStack() as stack:
        found = [Client(port, key) for key in keys]
        for one in found:
            stack.push_async_callback(one.close)
        yield found


async def registered(
    port: int, owner_key: str, count: int, *, name: str, at_once: int
) -> Sequence[Registered]:
    """So many new agents that take everything."""

    async def register(owner: Client, numbers: range) -> list[Registered]:
        made: list[Registered] = []
        for number in numbers:
            agent = {"name": f"{name} {number}", "max_tasks": at_once}
            agent_id = (await owner.ask("POST", "/agents", agent))["id"]
            key = await owner.ask("POST", f"/agents/{agent_id}/keys", {"name": "bench"})
            made.append(Registered(id=UUID(agent_id), key=key["secret"]))
        return made

    async with clients(port, [owner_key] * _REGISTRARS) as owners:
        parts = [
            register(owner, range(place, count, _REGISTRARS)) for place, owner in enumerate(owners)
        ]
        return [one for part in await asyncio.gather(*parts) for one in part]
