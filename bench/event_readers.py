"""Readers of the event stream in a process of their own: `python -m bench.event_readers READING`.

Commands come by standard input, one at a time, and each is answered with a line: `open 50`,
`report`, `ended`. Bare sockets, because a client for each stream would cost more than the server.
"""

import re
import select
import socket
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import msgspec
from msgspec import Struct

_AT_ONCE = 65_536
_LAST = 400  # bytes: a stream's last message, in which it is told to come back
_MESSAGE = re.compile(rb"id: \d+\ndata: ([^\n]*)\n\n")


class Reading(Struct, frozen=True):
    """Whether it `keeps` what arrives, or only takes it in."""

    port: int
    key: str
    keeps: bool


class Arrival(Struct, frozen=True):
    """`at` is of the clock that all processes of a machine share."""

    reader: int
    task_id: str
    at: float


class Report(Struct, frozen=True):
    """The new tasks that the readers were told of, so far."""

    arrivals: Sequence[Arrival]


class _Event(Struct, frozen=True):
    name: str
    task_id: str | None


class Refused(Exception):
    """A stream that did not begin; the message is what the server said."""


@dataclass
class _Stream:
    number: int
    connection: socket.socket
    unread: bytes = b""
    last: bytes = b""
    has_begun: bool = False


class _Readers:
    def __init__(self, reading: Reading) -> None:
        self._reading = reading
        self._epoll = select.epoll()
        self._streams: dict[int, _Stream] = {}
        self._begun = self._told = self._count = 0
        self._kept: list[tuple[int, float, bytes]] = []

    def run(self) -> None:
        """Until standard input ends."""
        self._epoll.register(sys.stdin.fileno(), select.EPOLLIN)
        while True:
            for file, _ in self._epoll.poll():
                if file == sys.stdin.fileno():
                    line = sys.stdin.buffer.readline().decode().split()
                    if not line:
                        return
                    self._obey(*line)
                elif file in self._streams:
                    self._take(self._streams[file])

    def _obey(self, command: str, argument: str = "") -> None:
        match command:
            case "open":
                self._open(int(argument))
                answer = argument.encode()
            case "report":
                answer = msgspec.json.encode(self._report())
            case "ended":
                self._take_until(lambda: not self._streams)
                answer = str(self._told).encode()
            case _:
                raise ValueError(command)
        sys.stdout.buffer.write(answer + b"\n")
        sys.stdout.buffer.flush()

    def _open(self, count: int) -> None:
        lines = (
            "GET /api/v1/events/stream HTTP/1.1",
            "host: 127.0.0.1",
            f"authorization: Bearer {self._reading.key}",
            "accept: text/event-stream",
        )
        for _ in range(count):
            connection = socket.create_connection(("127.0.0.1", self._reading.port))
            connection.sendall("\r\n".join([*lines, "", ""]).encode())
            connection.setblocking(False)
            self._streams[connection.fileno()] = _Stream(self._count, connection)
            self._epoll.register(connection.fileno(), select.EPOLLIN)
            self._count += 1
        self._take_until(lambda: self._begun == self._count)

    def _take_until(self, is_so: Callable[[], bool]) -> None:
        while not is_so():
            for file, _ in self._epoll.poll():
                if file in self._streams:
                    self._take(self._streams[file])

    def _take(self, stream: _Stream) -> None:
        try:
            data = stream.connection.recv(_AT_ONCE)
        except ConnectionResetError:
            data = b""
        at = time.monotonic()
        if not data:
            self._end(stream)
        elif not stream.has_begun:
            self._begin(stream, data)
        elif self._reading.keeps:
            self._keep(stream, data, at)
        stream.last = (stream.last + data)[-_LAST:]

    def _begin(self, stream: _Stream, data: bytes) -> None:
        stream.unread += data
        if b": heartbeat\n\n" not in stream.unread:
            return
        if stream.unread[9:12] != b"200":
            raise Refused(stream.unread.decode())
        stream.unread = b""
        stream.has_begun = True
        self._begun += 1

    def _keep(self, stream: _Stream, data: bytes, at: float) -> None:
        stream.unread += data
        end = 0
        for found in _MESSAGE.finditer(stream.unread):
            self._kept.append((stream.number, at, found[1]))
            end = found.end()
        stream.unread = stream.unread[end:]

    def _end(self, stream: _Stream) -> None:
        if not stream.has_begun:
            raise Refused(stream.unread.decode() or "The server hung up.")
        self._told += b"event: reconnect" in stream.last
        del self._streams[stream.connection.fileno()]
        self._epoll.unregister(stream.connection)
        stream.connection.close()

    def _report(self) -> Report:
        arrivals: list[Arrival] = []
        for reader, at, data in self._kept:
            event = msgspec.json.decode(data, type=_Event)
            if event.name == "task.created" and event.task_id:
                arrivals.append(Arrival(reader, event.task_id, at))
        return Report(arrivals)


if __name__ == "__main__":
    given = msgspec.json.decode(sys.argv[1], type=Reading)
    _Readers(given).run()
