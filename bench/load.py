"""A load generator in a process of its own: `python -m bench.load`, job in, measurements out.

It speaks HTTP/1.1 over raw asyncio transports: a general client would be slower than the server.
"""

import asyncio
import gc
import sys
import time
from array import array
from collections.abc import Sequence
from functools import partial
from math import ceil
from typing import Any

import msgspec
from msgspec import Struct
from typing_extensions import override

from bench.calls import Call

SLICE_S = 1.0
FIRST_WARM_UP_S, WARM_UP_S = 1.5, 0.2
"""Answers in these are not measured: statements are compiled and pages read in the first."""

PATIENCE_S = 30.0


class Target(Struct, frozen=True):
    """A server's port, the API key to show there, and the calls to send in turns."""

    name: str
    port: int
    key: str
    calls: Sequence[Call]


class Job(Struct, frozen=True):
    """Targets to load for `seconds` each, a slice at a time in turns: noise then hits all alike."""

    targets: Sequence[Target]
    seconds: float
    connections: int


class Measurement(Struct, frozen=True):
    """What one target did. Latencies are in milliseconds.

    Calls that were given up count with the time they had; after any, the target was left alone.
    """

    name: str
    per_second: float
    p50: float
    p99: float
    given_up: int


class UnexpectedAnswer(Exception):
    """An answer that is not the one that was asked for."""


class _Connection(asyncio.Protocol):
    """Sends its calls round and round, each when the one before was answered."""

    def __init__(self, requests: Sequence[tuple[bytes, bytes]], start: int) -> None:
        self.next = start
        self._requests = requests
        self._expected = b""
        self._sent_at = 0.0
        self._buffer = b""
        self._stops = False
        self.latencies = array("d")
        self.stopped: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def begin_measuring(self) -> None:
        self.latencies = array("d")

    def stop(self) -> int:
        """Stop at the next even call, so that what is moved forth is moved back.

        Gives the answers so far; the latencies of the last calls are still added.
        """
        self._stops = True
        return len(self.latencies)

    def give_up(self) -> None:
        self.latencies.append(time.perf_counter() - self._sent_at)
        self._finish(None)

    @override
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport: Any = transport
        self._send()

    @override
    def connection_lost(self, exc: Exception | None) -> None:
        if not self.stopped.done():
            self.stopped.set_exception(exc or UnexpectedAnswer("The server hung up."))

    @override
    def data_received(self, data: bytes) -> None:
        self._buffer += data
        head = self._buffer.find(b"\r\n\r\n")
        if head < 0 or len(self._buffer) < head + 4 + _body_length(self._buffer[:head]):
            return
        self.latencies.append(time.perf_counter() - self._sent_at)
        if self._buffer[9:12] != self._expected:
            error = UnexpectedAnswer(self._buffer[:2000].decode(errors="replace"))
            self._finish(error)
            return
        self._buffer = b""
        if self._stops and self.next % 2 == 0:
            self._finish(None)
        else:
            self._send()

    def _send(self) -> None:
        request, self._expected = self._requests[self.next % len(self._requests)]
        self.next += 1
        self._sent_at = time.perf_counter()
        self._transport.write(request)

    def _finish(self, error: Exception | None) -> None:
        if not self.stopped.done():
            if error:
                self.stopped.set_exception(error)
            else:
                self.stopped.set_result(None)
        self._transport.close()


class _Load:
    """One target under load, slice after slice."""

    def __init__(self, target: Target, connections: int) -> None:
        self._target = target
        self._shards = [
            [_encoded(call, target.key) for call in calls]
            for calls in _shards(target.calls, connections)
        ]
        self._next = [0] * connections
        self._latencies = array("d")
        self._answers, self._elapsed, self._given_up = 0, 0.0, 0

    async def slice(self, seconds: float) -> None:
        if self._given_up:
            return
        loop = asyncio.get_running_loop()
        connections: list[_Connection] = []
        for shard, start in zip(self._shards, self._next, strict=True):
            _, one = await loop.create_connection(
                partial(_Connection, shard, start), "127.0.0.1", self._target.port
            )
            connections.append(one)
        await _while_all_run(connections, WARM_UP_S if self._elapsed else FIRST_WARM_UP_S)
        for one in connections:
            one.begin_measuring()
        began = time.perf_counter()
        await _while_all_run(connections, seconds)
        self._answers += sum(one.stop() for one in connections)
        self._elapsed += time.perf_counter() - began
        self._given_up = await _all_stopped(connections)
        for one in connections:
            self._latencies.extend(one.latencies)
        self._next = [one.next for one in connections]  # else slow targets saw few of the calls

    def measurement(self) -> Measurement:
        ordered = sorted(self._latencies)
        return Measurement(
            name=self._target.name,
            per_second=self._answers / self._elapsed,
            p50=_percentile(ordered, 50),
            p99=_percentile(ordered, 99),
            given_up=self._given_up,
        )


async def _while_all_run(connections: Sequence[_Connection], seconds: float) -> None:
    """Wait, unless a connection fails before: then raise what it failed of."""
    done, _ = await asyncio.wait(
        [one.stopped for one in connections],
        timeout=seconds,
        return_when=asyncio.FIRST_EXCEPTION,
    )
    for one in done:
        one.result()


async def _all_stopped(connections: Sequence[_Connection]) -> int:
    """Wait for the last answers; how many did not come."""
    done, waiting = await asyncio.wait([one.stopped for one in connections], timeout=PATIENCE_S)
    for one in done:
        one.result()
    for one in connections:
        if not one.stopped.done():
            one.give_up()
    return len(waiting)


async def run(job: Job) -> list[Measurement]:
    loads = [_Load(target, job.connections) for target in job.targets]
    slices = max(1, ceil(job.seconds / SLICE_S))
    gc.disable()  # a pause of this process is none of the server
    for _ in range(slices):
        for load in loads:
            await load.slice(job.seconds / slices)
    return [load.measurement() for load in loads]


def _shards(calls: Sequence[Call], connections: int) -> list[list[Call]]:
    """The calls in pairs, dealt out to the connections; all to each where there are too few."""
    pairs = [calls[at : at + 2] for at in range(0, len(calls), 2)]
    if len(pairs) < connections:
        return [list(calls)] * connections
    return [[call for pair in pairs[n::connections] for call in pair] for n in range(connections)]


def _encoded(call: Call, key: str) -> tuple[bytes, bytes]:
    body = call.body.encode()
    lines = [
        f"{call.method} {call.path} HTTP/1.1",
        "host: 127.0.0.1",
        f"authorization: Bearer {key}",
    ]
    if body:
        lines += ["content-type: application/json", f"content-length: {len(body)}"]
    return "\r\n".join([*lines, "", ""]).encode() + body, str(call.expected).encode()


def _body_length(head: bytes) -> int:
    _, found, rest = head.lower().partition(b"\r\ncontent-length:")
    if not found:
        raise UnexpectedAnswer(f"An answer of unknown length: {head!r}")
    return int(rest.partition(b"\r\n")[0])


def _percentile(ordered: Sequence[float], percent: int) -> float:
    return 1000 * ordered[min(len(ordered) - 1, len(ordered) * percent // 100)]


if __name__ == "__main__":
    given = msgspec.json.decode(sys.stdin.buffer.read(), type=Job)
    sys.stdout.buffer.write(msgspec.json.encode(asyncio.run(run(given))))
