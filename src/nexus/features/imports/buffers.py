"""Buffers read as streams, so that a mapped file is never in memory as a whole: pure."""

import io

from typing_extensions import Buffer


class BufferStream(io.RawIOBase):
    """Copies only what is read from it."""

    def __init__(self, data: Buffer) -> None:
        self._rest = memoryview(data)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Buffer, /) -> int:
        into = memoryview(buffer)
        part = self._rest[: len(into)]
        into[: len(part)] = part
        self._rest = self._rest[len(part) :]
        return len(part)
