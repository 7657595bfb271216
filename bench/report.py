"""What was measured, as tables in a terminal and as a page of Markdown."""

import os
import platform
import sqlite3
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from math import isnan
from pathlib import Path

from rich.table import Table

from bench.load import Measurement
from bench.measuring import TIMES_LARGER, Compared, Growth, Memory

MARKER = "<!-- where-the-time-goes -->"
LEAST_RATE, MOST_SPREAD, MOST_MB, MOST_GROWTH = 0.5, 10.0, 130.0, 1.5
LIVE = frozenset({"Events", "Open streams", "Jobs", "Claims", "Woken agents", "Waiting agents"})
_RATED = {"get", "list"}


@dataclass(frozen=True, kw_only=True)
class Cell:
    """A value; `missed` where it misses what the product must reach."""

    text: str
    missed: bool = False


@dataclass(frozen=True, kw_only=True)
class Spread:
    """Half of what was measured, and all but one in a hundred, took no longer: in milliseconds.

    Both are nan where nothing was.
    """

    p50: float
    p99: float

    @classmethod
    def of(cls, seconds: Sequence[float]) -> "Spread":
        ordered = sorted(seconds) or [float("nan")]
        at = (len(ordered) * percent // 100 for percent in (50, 99))
        p50, p99 = (1000 * ordered[place] for place in at)
        return cls(p50=p50, p99=p99)

    def cells(self) -> list[Cell]:
        return [Cell(text="" if isnan(one) else f"{one:.2f}") for one in (self.p50, self.p99)]


@dataclass(frozen=True, kw_only=True)
class Sheet:
    title: str
    note: str
    header: Sequence[str]
    rows: Sequence[Sequence[Cell]]

    def table(self) -> Table:
        table = Table(title=self.title, caption=self.note)
        for place, name in enumerate(self.header):
            table.add_column(name, justify="left" if place < 2 else "right")
        for row in self.rows:
            table.add_row(*[f"[red]{c.text}[/red]" if c.missed else c.text for c in row])
        return table

    def markdown(self) -> str:
        rows = [[f"**{c.text}**" if c.missed else c.text for c in row] for row in self.rows]
        aligned = ["---", "---", *["---:"] * (len(self.header) - 2)]
        lines = [f"| {' | '.join(row)} |" for row in (self.header, aligned, *rows)]
        return "\n".join([f"## {self.title}", "", self.note, "", *lines, ""])


def compared_sheet(compared: Sequence[Compared]) -> Sheet:
    return Sheet(
        title="Routes",
        note=(
            "`real` is the route, `minimal` the same SQL on the bare driver in the same server, "
            "`echo` an empty answer of it. /s are answers a second; p50 and p99 are milliseconds. "
            f"Aims: get and list at least {LEAST_RATE} of minimal, p99 below {MOST_SPREAD:.0f} p50."
        ),
        header=(
            *("database", "operation", "real /s", "p50", "p99", "minimal /s", "p50", "p99"),
            *("echo /s", "p50", "p99", "real/minimal", "real/echo", "p99/p50"),
        ),
        rows=[_compared_row(one) for one in compared],
    )


def memory_sheet(memory: Sequence[Memory]) -> Sheet:
    return Sheet(
        title="Memory",
        note=(
            "Resident megabytes of `nexus serve` before its first request and after a second of "
            f"each operation. Aim: below {MOST_MB:.0f} when idle."
        ),
        header=("database", "process", "idle MB", "after the load MB"),
        rows=[
            [
                Cell(text=one.database),
                Cell(text="nexus serve"),
                Cell(text=f"{one.idle:.0f}", missed=one.idle >= MOST_MB),
                Cell(text=f"{one.loaded:.0f}"),
            ]
            for one in memory
        ],
    )


def growth_sheet(growth: Sequence[Growth], tasks: int) -> Sheet:
    small, large = f"{tasks:,}", f"{tasks * TIMES_LARGER:,}"
    return Sheet(
        title="Growth",
        note=(
            f"The same routes with {small} and with {large} tasks, in turns. "
            f"Aim: p99 at most {MOST_GROWTH} times as long."
        ),
        header=(
            *("database", "operation", f"{small} /s", "p50", "p99", f"{large} /s", "p50", "p99"),
            "p99 ratio",
        ),
        rows=[_growth_row(one) for one in growth],
    )


def page(sheets: Sequence[Sheet], postgresql: str, was: str) -> str:
    """The page of the reference, with what was not measured now as it stood in the old one.

    That is tables of LIVE, which say themselves when they were measured; all others where none of
    them is new; and what is below the marker.
    """
    above, _, below = was.partition(MARKER)
    head, *tables = above.split("\n## ")
    old = {table.partition("\n")[0]: f"## {table.rstrip()}\n" for table in tables}
    new = {sheet.title: sheet.markdown() for sheet in sheets}
    if not old or new.keys() - LIVE:
        facts = "\n".join(f"- {fact}" for fact in _facts(postgresql))
        head = f"# Benchmarks\n\nWritten by `make bench`; bold values miss their aim.\n\n{facts}"
        old = {title: table for title, table in old.items() if title in LIVE}
    both = old | new
    shown = "\n".join(both[title] for title in sorted(both, key=LIVE.__contains__))
    kept = below.strip("\n")
    ending = f"\n{kept}\n" if kept else ""
    return f"{head.rstrip()}\n\n{shown}\n{MARKER}\n{ending}"


def circumstances() -> str:
    """When and beside what something is measured: asked for before it is."""
    measured = f"Measured on {datetime.now(UTC):%Y-%m-%d} by {_command()}"
    return f"{measured}; the load average of the machine before was {os.getloadavg()[0]:.1f}."


def _facts(postgresql: str) -> list[str]:
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    machine = f"{_processor()}, {os.cpu_count()} cores, {memory:.0f} GB of memory"
    return [
        f"Date: {datetime.now(UTC):%Y-%m-%d}",
        f"Machine: {machine}; server, database and load generator share it",
        f"Python {platform.python_version()}, SQLite {sqlite3.sqlite_version}",
        f"PostgreSQL {postgresql}",
        f"Command: {_command()}",
    ]


def _command() -> str:
    arguments = " ".join(sys.argv[1:])
    return f"`make bench ARGS='{arguments}'`" if arguments else "`make bench`"


def _processor() -> str:
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


def _compared_row(one: Compared) -> list[Cell]:
    share = _ratio(one.real.per_second, one.minimal.per_second)
    spread = one.real.p99 / one.real.p50
    return [
        Cell(text=one.database),
        Cell(text=one.operation),
        *_measured(one.real),
        *_measured(one.minimal),
        *_measured(one.echo),
        Cell(text=f"{share:.2f}", missed=one.operation in _RATED and share < LEAST_RATE),
        Cell(text=f"{_ratio(one.real.per_second, one.echo.per_second):.3f}"),
        Cell(text=f"{spread:.1f}", missed=spread >= MOST_SPREAD),
    ]


def _growth_row(one: Growth) -> list[Cell]:
    ratio = one.large.p99 / one.small.p99
    return [
        Cell(text=one.database),
        Cell(text=one.operation),
        *_measured(one.small),
        *_measured(one.large),
        Cell(text=f"{ratio:.2f}", missed=ratio > MOST_GROWTH),
    ]


def _measured(one: Measurement) -> list[Cell]:
    more = "> " if one.given_up else ""
    return [
        Cell(text=f"{one.per_second:,.0f}"),
        Cell(text=f"{more}{one.p50:.2f}"),
        Cell(text=f"{more}{one.p99:.2f}"),
    ]


def _ratio(one: float, other: float) -> float:
    return one / other if other else float("inf")
