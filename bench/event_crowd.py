"""A crowd of readers of the event stream, some of whom say when each event came to them."""

import subprocess
import sys
from collections.abc import Generator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

import msgspec

from bench.event_readers import Arrival, Reading, Report
from bench.processes import ServerEnded

SAMPLED = 20
_ROOT = Path(__file__).parents[1]


class Crowd:
    """Two processes: one that keeps what comes to the sample, and one that takes in the rest.

    The server tells its readers in the order in which they came: the sample is spread over it.
    """

    def __init__(self, sample: "_Process", rest: "_Process") -> None:
        self._sample = sample
        self._rest = rest
        self.sampled = 0

    def open(self, count: int) -> None:
        """Returns when each stream has begun."""
        self.sampled = min(count, SAMPLED)
        for number in range(self.sampled):
            before, after = (count * n // self.sampled for n in (number, number + 1))
            self._rest.ask(f"open {after - before - 1}")
            self._sample.ask("open 1")

    def arrivals(self) -> Sequence[Arrival]:
        """Of all new tasks, at the sampled readers."""
        return msgspec.json.decode(self._sample.ask("report"), type=Report).arrivals

    def told_to_come_back(self) -> int:
        """Once all streams are over: how many of them said that it goes on elsewhere."""
        return int(self._sample.ask("ended")) + int(self._rest.ask("ended"))


class _Process:
    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self._process = process

    def ask(self, command: str) -> bytes:
        assert self._process.stdin  # noqa: S101 - both are pipes
        assert self._process.stdout  # noqa: S101
        try:
            self._process.stdin.write(f"{command}\n".encode())
            self._process.stdin.flush()
            answer = self._process.stdout.readline()
        except BrokenPipeError:
            answer = b""
        if not answer:
            raise ServerEnded(f"The readers of events ended at '{command}'; see above.")
        return answer


@contextmanager
def a_crowd(port: int, key: str) -> Generator[Crowd]:
    with ExitStack() as stack:
        sample, rest = (
            stack.enter_context(_reading(Reading(port, key, keeps=keeps)))
            for keeps in (True, False)
        )
        yield Crowd(sample, rest)


@contextmanager
def _reading(reading: Reading) -> Generator[_Process]:
    process = subprocess.Popen(
        [sys.executable, "-m", "bench.event_readers", msgspec.json.encode(reading).decode()],
        cwd=_ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    try:
        yield _Process(process)
    finally:
        process.kill()
        process.wait()
