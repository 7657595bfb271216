"""Live events: how long one takes to its readers, and what a thousand open streams cost."""

import http.client
import json
import os
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import cycle, islice
from math import inf, isnan, nan
from pathlib import Path

from bench.calls import Call
from bench.event_crowd import SAMPLED, Crowd, a_crowd
from bench.event_readers import Arrival
from bench.measuring import Filled, Options, filled_database
from bench.processes import Running, ServerEnded, plain_server, raise_limit_of_files
from bench.report import Cell, Sheet, Spread
from bench.seeding import Advance
from nexus.features.events.streaming import REMEMBERED

READERS = (0, 1, 100, 1_000)
TASKS = 1_000  # in the database
WRITES, A_SECOND, FIRST = 120, 2.0, REMEMBERED
IDLE_S = 60.0  # each stream asks once a minute whether its reader may still read
MOST_UNTIL_ENDED_S, ENDS_WITHIN_S, ARRIVES_WITHIN_S = 5.0, 30, 30


@dataclass(frozen=True, kw_only=True)
class Delivered:
    """Writes at a steady rate: from the request to its answer, and to the sampled readers.

    `after`: from the answer to the readers; `last`: from the request to the last of the sample.
    """

    database: str
    readers: int
    commit: Spread
    arrival: Spread
    after: Spread
    last: Spread
    cpu_s: float


@dataclass(frozen=True, kw_only=True)
class Held:
    """What so many open streams cost a server. Processor time is its own, not the database's."""

    database: str
    readers: int
    opening_s: float
    opening_cpu_s: float
    idle_cpu_s: float
    mb: Sequence[float]
    ended_s: float
    told: int


def measure_events(kind: str, options: Options) -> Iterator[tuple[Delivered, Held]]:
    """A server of its own for each number of readers.

    Before they come, so much is written that the server's memory for streams is full, as it is
    where somebody has listened for a while.
    """
    raise_limit_of_files()
    advance = options.progress(f"Streaming {kind}", len(READERS) * (FIRST + WRITES))
    with filled_database(kind, TASKS, replace(options, operations=["create"])) as filled:
        for readers in READERS:
            with plain_server(filled.database) as server:
                yield _measure(filled, server, readers, advance)


def _measure(
    filled: Filled, server: Running, readers: int, advance: Advance
) -> tuple[Delivered, Held]:
    key = filled.plan.key
    writer = _Writer(server.port, key, filled.plan.calls["create"], advance)
    with a_crowd(server.port, key) as crowd:
        with a_crowd(server.port, key) as early:
            early.open(1)
            writer.write(FIRST)
            mb, cpu_s, began = [server.resident_mb], processor_s(server.process), time.monotonic()
            crowd.open(readers)
            opening_s, opening_cpu_s = time.monotonic() - began, processor_s(server.process) - cpu_s
            mb.append(server.resident_mb)
        idle_cpu_s = _while_idle(server) if readers in {0, max(READERS)} else nan
        delivered = _deliver(filled.kind, server, crowd, writer, readers)
        mb.append(server.resident_mb)
        ended_s = _ended(server)
        told = crowd.told_to_come_back()
    held = Held(
        database=filled.kind,
        readers=readers,
        opening_s=opening_s,
        opening_cpu_s=opening_cpu_s,
        idle_cpu_s=idle_cpu_s,
        mb=mb,
        ended_s=ended_s,
        told=told,
    )
    return delivered, held


def _deliver(
    kind: str, server: Running, crowd: Crowd, writer: "_Writer", readers: int
) -> Delivered:
    cpu_s = processor_s(server.process)
    written = writer.write(WRITES, a_second=A_SECOND)
    cpu_s = processor_s(server.process) - cpu_s
    arrivals = _all_arrived(crowd, written)
    last = {one.task_id: one.at for one in sorted(arrivals, key=lambda one: one.at)}
    return Delivered(
        database=kind,
        readers=readers,
        commit=Spread.of([answered - sent for sent, answered in written.values()]),
        arrival=Spread.of([one.at - written[one.task_id][0] for one in arrivals]),
        after=Spread.of([one.at - written[one.task_id][1] for one in arrivals]),
        last=Spread.of([at - written[task_id][0] for task_id, at in last.items()]),
        cpu_s=cpu_s,
    )


def _all_arrived(crowd: Crowd, written: Mapping[str, tuple[float, float]]) -> Sequence[Arrival]:
    """What came to the sample. Raises ServerEnded unless each had all, once."""
    expected = sorted((reader, task) for reader in range(crowd.sampled) for task in written)
    arrivals: Sequence[Arrival] = ()
    until = time.monotonic() + ARRIVES_WITHIN_S
    while len(arrivals) < len(expected) and time.monotonic() < until:
        time.sleep(0.5)
        arrivals = [one for one in crowd.arrivals() if one.task_id in written]
    if sorted((one.reader, one.task_id) for one in arrivals) != expected:
        raise ServerEnded(f"{len(arrivals)} of {len(expected)} events came, or some came twice.")
    return arrivals


class _Writer:
    """One client that makes tasks, each at its moment or, where the last took longer, after it."""

    def __init__(self, port: int, key: str, calls: Sequence[Call], advance: Advance) -> None:
        self._port = port
        self._headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
        self._calls = cycle(calls)
        self._advance = advance

    def write(self, count: int, *, a_second: float = inf) -> dict[str, tuple[float, float]]:
        """When each task's request was sent, and when its answer came."""
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=60)
        written: dict[str, tuple[float, float]] = {}
        began = time.monotonic()
        for number, call in enumerate(islice(self._calls, count)):
            time.sleep(max(0.0, began + number / a_second - time.monotonic()))
            sent = time.monotonic()
            connection.request(call.method, call.path, call.body, self._headers)
            answer = connection.getresponse()
            body = answer.read()
            answered = time.monotonic()
            if answer.status != call.expected:
                raise ServerEnded(f"{call.method} {call.path}: {answer.status} {body.decode()}")
            written[json.loads(body)["id"]] = (sent, answered)
            self._advance(1)
        connection.close()
        return written


def _ended(server: Running) -> float:
    """How long it takes to end, or how long one waited for it."""
    began = time.monotonic()
    server.process.terminate()
    try:
        server.process.wait(ENDS_WITHIN_S)
    except subprocess.TimeoutExpired:
        server.process.kill()
    return time.monotonic() - began


def _while_idle(server: Running) -> float:
    before = processor_s(server.process)
    time.sleep(IDLE_S)
    return processor_s(server.process) - before


def processor_s(process: subprocess.Popen[bytes]) -> float:
    """Of a process that runs, with all its threads."""
    fields = Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def delivered_sheet(found: Sequence[Delivered], circumstances: str) -> Sheet:
    return Sheet(
        title="Events",
        note=(
            f"Milliseconds from sending the request that makes a task to its answer (`commit`), "
            f"to its event at a reader (`arrival`) and the last one looked at (`last`), and from "
            f"the answer to the readers (`after`). One client makes {A_SECOND:.0f} tasks a second, "
            f"{WRITES} in all, after {FIRST:,} that fill the server's memory for streams. "
            f"{SAMPLED} of the readers, spread over all, say when each event came to them; the "
            "others, in another process, take in the bytes and no more. CPU is the server's "
            "processor time from one write to the next, with what it does when idle, and what each "
            "reader adds to it. "
            f"{circumstances}"
        ),
        header=(
            *("database", "readers", "commit p50", "p99", "arrival p50", "p99", "last p50", "p99"),
            *("after p50", "p99", "arrival/commit", "CPU ms a write", "CPU µs a reader"),
        ),
        rows=[_delivered_row(one, found) for one in found],
    )


def held_sheet(found: Sequence[Held], circumstances: str) -> Sheet:
    return Sheet(
        title="Open streams",
        note=(
            "What so many open streams cost `nexus serve`: opening them one after another in "
            f"{SAMPLED} groups, {IDLE_S:.0f} s in which nothing happens, resident megabytes before "
            "the first stream, with all open, and after the writes above, and how long it takes to "
            "end when it is told to (SIGTERM) with all of them open. `come back`: streams that "
            "were told to. CPU is seconds of the server's processor time. Aim: ended in "
            f"{MOST_UNTIL_ENDED_S:.0f} s. {circumstances}"
        ),
        header=(
            *("database", "streams", "opened in s", "CPU", "idle CPU", "MB before", "MB open"),
            *("KB a stream", "MB after", "ended in s", "come back"),
        ),
        rows=[_held_row(one) for one in found],
    )


def _delivered_row(one: Delivered, found: Sequence[Delivered]) -> list[Cell]:
    [alone] = [each for each in found if each.database == one.database and not each.readers]
    more_cpu_s = (one.cpu_s - alone.cpu_s) / WRITES
    return [
        Cell(text=one.database),
        Cell(text=f"{one.readers:,}"),
        *one.commit.cells(),
        *one.arrival.cells(),
        *one.last.cells(),
        *one.after.cells(),
        Cell(text=f"{one.arrival.p50 / one.commit.p50:.2f}" if one.readers else ""),
        Cell(text=f"{1000 * one.cpu_s / WRITES:.1f}"),
        Cell(text=f"{1_000_000 * more_cpu_s / one.readers:.0f}" if one.readers > 1 else ""),
    ]


def _held_row(one: Held) -> list[Cell]:
    before, with_all, after = one.mb
    each = f"{1024 * (with_all - before) / one.readers:.0f}" if one.readers else ""
    return [
        Cell(text=one.database),
        Cell(text=f"{one.readers:,}"),
        Cell(text=f"{one.opening_s:.2f}"),
        Cell(text=f"{one.opening_cpu_s:.2f}"),
        Cell(text="" if isnan(one.idle_cpu_s) else f"{one.idle_cpu_s:.2f}"),
        Cell(text=f"{before:.0f}"),
        Cell(text=f"{with_all:.0f}"),
        Cell(text=each),
        Cell(text=f"{after:.0f}"),
        Cell(text=f"{one.ended_s:.2f}", missed=one.ended_s >= MOST_UNTIL_ENDED_S),
        Cell(text=f"{one.told:,}", missed=one.told != one.readers),
    ]
