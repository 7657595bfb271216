"""`python -m bench`: seed, measure, report."""

import os
import signal
import sys
from argparse import ArgumentParser, ArgumentTypeError, Namespace
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn
from rich.progress import Progress as Bars

from bench.claim_waiting import waited_sheet, woken_sheet
from bench.claims import Found, claimed_sheet, measure_claims
from bench.databases import KINDS, describe_server
from bench.events import Delivered, Held, delivered_sheet, held_sheet, measure_events
from bench.jobs import Worked, jobs_sheet, measure_jobs
from bench.measuring import (
    TIMES_LARGER,
    Compared,
    Filled,
    Growth,
    Memory,
    Options,
    compare,
    filled_database,
    grow,
    weigh,
)
from bench.plan import LIVE, OPERATIONS
from bench.processes import ServerEnded
from bench.profiling import profile
from bench.report import (
    Sheet,
    circumstances,
    compared_sheet,
    growth_sheet,
    memory_sheet,
    page,
)
from bench.seeding import Advance
from tools.postgres import URL

FEWEST_TASKS = 1_000
_WIDTH = 150


def main() -> None:
    given = _arguments()
    # An exception, so that servers and databases are cleared away.
    signal.signal(signal.SIGTERM, lambda _signal, _frame: sys.exit(143))
    kinds = KINDS if given.database == "both" else (given.database,)
    if "postgresql" in kinds and URL not in os.environ:
        sys.exit("No PostgreSQL: run it as 'python -m tools.postgres -- python -m bench'.")
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    with Bars(*columns, TimeElapsedColumn(), console=Console(stderr=True)) as bars:

        def progress(name: str, length: int) -> Advance:
            bar = bars.add_task(name, total=length)
            return lambda steps: bars.advance(bar, steps)

        options = Options(
            operations=[given.profile] if given.profile else _without(given.only, LIVE),
            tasks=given.tasks,
            seconds=given.seconds,
            connections=given.connections,
            progress=progress,
        )
        try:
            if given.profile:
                _profile(kinds, options)
            else:
                sheets = _measure(kinds, options, given) if options.operations else []
                sheets += _measure_live(kinds, options, given.only)
                if given.write:
                    _write(sheets, given.write)
        except ServerEnded as error:
            sys.exit(str(error))


def _arguments() -> Namespace:
    parser = ArgumentParser("python -m bench", description=__doc__)
    parser.add_argument("--tasks", type=int, default=50_000, help="tasks in the database")
    parser.add_argument("--seconds", type=float, default=5.0, help="per measurement")
    parser.add_argument("--connections", type=int, default=8, help="that ask at the same time")
    parser.add_argument("--database", choices=[*KINDS, "both"], default="both")
    parser.add_argument(
        "--only",
        type=_names,
        default=[*OPERATIONS, *LIVE],
        metavar="get,list,...",
        help=f"some of {', '.join([*OPERATIONS, *LIVE])}; a report keeps its other tables",
    )
    parser.add_argument(
        "--scale", action="store_true", help=f"with {TIMES_LARGER} times the tasks as well"
    )
    parser.add_argument("--profile", choices=OPERATIONS, help="print where its time goes instead")
    parser.add_argument("--write", type=Path, metavar="FILE", help="write the report as Markdown")
    given = parser.parse_args()
    if given.tasks < FEWEST_TASKS:
        parser.error(f"--tasks takes {FEWEST_TASKS} or more")
    return given


def _names(text: str) -> list[str]:
    names = text.split(",")
    if unknown := _without(names, [*OPERATIONS, *LIVE]):
        raise ArgumentTypeError(f"unknown: {', '.join(sorted(unknown))}")
    return names


def _without(names: Sequence[str], others: Sequence[str]) -> list[str]:
    return [name for name in names if name not in others]


def _measure(kinds: tuple[str, ...], options: Options, given: Namespace) -> list[Sheet]:
    """The tables of what was measured; whoever interrupts is still shown what there is."""
    compared: list[Compared] = []
    memory: list[Memory] = []
    growth: list[Growth] = []
    sheets: list[Sheet] = []
    try:
        for kind in kinds:
            with filled_database(kind, options.tasks, options) as filled:
                if given.scale:
                    growth.extend(_grown(filled, options))
                compared.extend(compare(filled, options))
                memory.append(weigh(filled, options))
    finally:
        sheets += [compared_sheet(compared), memory_sheet(memory)]
        if growth:
            sheets.append(growth_sheet(growth, options.tasks))
        _show(sheets)
    return sheets


def _measure_live(kinds: tuple[str, ...], options: Options, names: Sequence[str]) -> list[Sheet]:
    """As `_measure`, of events, jobs and claims."""
    now = circumstances()
    events: list[tuple[Delivered, Held]] = []
    jobs: list[Mapping[str, Worked]] = []
    claims: list[Found] = []
    sheets: list[Sheet] = []
    try:
        for kind in kinds:
            if "events" in names:
                events.extend(measure_events(kind, options))
            if "jobs" in names:
                jobs.append(measure_jobs(kind, options))
            if "claims" in names:
                claims.append(measure_claims(kind, options))
    finally:
        if events:
            sheets.append(delivered_sheet([one for one, _ in events], now))
            sheets.append(held_sheet([one for _, one in events], now))
        if jobs:
            sheets.append(jobs_sheet(jobs, now))
        if claims:
            sheets.append(claimed_sheet(claims, now))
            sheets.append(woken_sheet([one.woken for one in claims], now))
            sheets.append(waited_sheet([row for one in claims for row in one.waited], now))
        _show(sheets)
    return sheets


def _show(sheets: Sequence[Sheet]) -> None:
    for sheet in sheets:
        Console(width=max(Console().width, _WIDTH)).print(sheet.table())


def _write(sheets: list[Sheet], to: Path) -> None:
    postgresql = describe_server() if URL in os.environ else "not measured"
    was = to.read_text() if to.exists() else ""
    to.write_text(page(sheets, postgresql, was))


def _grown(small: Filled, options: Options) -> Iterator[Growth]:
    with filled_database(small.kind, options.tasks * TIMES_LARGER, options) as large:
        yield from grow(small, large, options)


def _profile(kinds: tuple[str, ...], options: Options) -> None:
    [operation] = options.operations
    for kind in kinds:
        with filled_database(kind, options.tasks, options) as filled:
            found = profile(
                filled.database,
                filled.plan,
                operation,
                seconds=options.seconds,
                connections=options.connections,
            )
        print(f"{operation} on {kind}: {found}")


if __name__ == "__main__":
    main()
