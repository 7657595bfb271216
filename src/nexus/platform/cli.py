"""What all commands share: the server to talk to, output for people and programs, exit codes.

Imports nothing of the server: a command must start in a fraction of a second.
"""

import csv
import os
import sys
from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Annotated, Any, Literal, NoReturn, TypeVar

import msgspec
import typer
from rich.console import Console
from rich.markup import escape
from rich.progress import Progress
from rich.table import Table
from rich.text import Text

from nexus.platform.profiles import Profile, Profiles, ProfilesUnreadable
from nexus_client import models
from nexus_client.client import NexusClient
from nexus_client.connection import TIMEOUT_S, ApiError, ServerNotReached

T = TypeVar("T")

COMPLETION_TIMEOUT_S = 1.5

EXIT_CODES = {
    400: 6,
    401: 3,
    403: 3,
    404: 4,
    409: 5,
    412: 5,
    413: 6,
    415: 6,
    422: 6,
    429: 7,
    503: 7,
}
"""Exit code by HTTP status; anything else is 1. A usage error is 2, as everywhere."""

EXIT_CODES_HELP = (
    "Exit codes: 0 done, 1 a fault of the server, 2 wrong usage, 3 not signed in or not allowed, "
    "4 not found, 5 conflict or changed meanwhile, 6 wrong input, 7 busy or not reached."
)

Json = Annotated[
    bool, typer.Option("--json", help="Print JSON, and nothing else, to standard output.")
]
Csv = Annotated[
    bool, typer.Option("--csv", help="Print CSV, and nothing else, to standard output.")
]
Limit = Annotated[int, typer.Option(min=1, max=200, help="How many to show.")]
Cursor = Annotated[str | None, typer.Option(help="Go on where the last page ended.")]

_STYLES = {
    "done": "green",
    "cancelled": "dim",
    "in_progress": "yellow",
    "in_review": "magenta",
    "deferred": "dim",
    "critical": "bold red",
    "high": "red",
    "low": "dim",
    "none": "dim",
}


def group(name: str, help_text: str) -> typer.Typer:
    """A group of commands whose help reads as it is written."""
    return typer.Typer(name=name, help=help_text, no_args_is_help=True, rich_markup_mode=None)


def client(timeout_s: float = TIMEOUT_S) -> NexusClient:
    """The server of NEXUS_URL and NEXUS_API_KEY, else of the chosen or current profile.

    NEXUS_FENCE proves the hold of a task to it, as the claim returned it.
    """
    url, key = _server(_profile())
    if not url or not key:
        fail(
            "No server is known yet. Run 'nexus login URL', start one with 'make run', or set "
            "NEXUS_URL and NEXUS_API_KEY.",
            3,
        )
    if not key.isascii():
        fail("The API key is not one of Nexus's: it has letters that keys never have.", 3)
    fence = os.environ.get("NEXUS_FENCE")
    if fence and not fence.isdigit():
        fail("NEXUS_FENCE is not a number: it is what 'nexus claim' returned as the fence.", 6)
    return NexusClient(url, key, timeout_s=timeout_s, fence=fence)


def output() -> Console:
    """Standard output; plain text when it is no terminal, and as wide as it needs to be then."""
    is_terminal = sys.stdout.isatty()
    return Console(
        width=None if is_terminal else 200,
        highlight=False,
        soft_wrap=not is_terminal,
        color_system=_color_system(),
    )


def messages() -> Console:
    """Standard error, for what is said beside the result."""
    return Console(stderr=True, highlight=False, soft_wrap=True, color_system=_color_system())


def _color_system() -> Literal["auto"] | None:
    """None with NO_COLOR, for which rich leaves colours out, but neither bold nor dim."""
    return None if os.environ.get("NO_COLOR") else "auto"


def print_json(value: Any) -> None:
    sys.stdout.write(msgspec.json.format(msgspec.json.encode(value), indent=2).decode() + "\n")


def print_table(
    columns: Sequence[str], rows: Iterable[Sequence[str]], *, empty: str, as_csv: bool = False
) -> None:
    """A table, or CSV, or the sentence for when there is nothing to show.

    A table that is longer than the terminal goes through a pager.
    """
    rows = list(rows)
    if as_csv:
        _print_csv([columns, *rows])
        return
    if not rows:
        if empty:
            messages().print(empty)
        return
    console = output()
    # Where the terminal is narrow, an empty column takes room from the others.
    shown = [
        place
        for place, _ in enumerate(columns)
        if not console.is_terminal or any(row[place] for row in rows)
    ]
    table = Table(box=None, pad_edge=False, header_style="bold")
    for place in shown:
        is_name = columns[place] in {"ID", "KEY"}  # in pieces, nobody could copy it
        table.add_column(columns[place], no_wrap=is_name, overflow="fold")
    for row in rows:
        table.add_row(*[row[place] for place in shown])
    with paged(console, len(rows) + 1):
        console.print(table)


@contextmanager
def paged(console: Console, lines: int) -> Generator[None]:
    """What is printed within, through the pager where it is longer than the terminal.

    NEXUS_PAGER or PAGER names another one; `cat` is none.
    """
    chosen = os.environ.get("NEXUS_PAGER") or os.environ.get("PAGER") or "less"
    if not console.is_terminal or lines < console.height or chosen == "cat":
        yield
        return
    os.environ["PAGER"] = os.environ["MANPAGER"] = chosen  # pydoc, which rich asks, takes MANPAGER
    os.environ.setdefault("LESS", "-FRX")  # colours as they are, and none for a single screen
    with console.pager(styles=not console.no_color):
        yield


def _print_csv(rows: Iterable[Sequence[str]]) -> None:
    writer = csv.writer(sys.stdout, lineterminator="\n")
    for row in rows:
        writer.writerow([_without_formula(Text.from_markup(cell).plain) for cell in row])


def _without_formula(cell: str) -> str:
    """A spreadsheet would run a text that begins like a formula; an apostrophe keeps it a text."""
    return f"'{cell}" if cell[:1] in {"=", "+", "-", "@", "\t", "\r"} else cell


def print_more(next_cursor: str | None) -> None:
    if next_cursor:
        messages().print(f"There is more: repeat with --cursor {next_cursor}")


def word(text: str) -> str:
    """A status or a priority in its colour."""
    style = _STYLES.get(text)
    return f"[{style}]{text}[/{style}]" if style else text


def plain(text: str) -> str:
    """Somebody's text, in which brackets are brackets."""
    return escape(text)


def since(moment: str) -> str:
    """How long ago, in one unit."""
    seconds = int((datetime.now(UTC) - datetime.fromisoformat(moment)).total_seconds())
    for unit, length in (("d", 86400), ("h", 3600), ("min", 60)):
        if seconds >= length:
            return f"{seconds // length} {unit} ago"
    return "just now"


def long_text(text: str) -> str:
    """An argument, or standard input for `-`."""
    return sys.stdin.read() if text == "-" else text


def edited(text: str) -> str | None:
    """The text as it comes back from $VISUAL or $EDITOR; None if it was not saved."""
    import click  # noqa: PLC0415 - other commands start 30 ms sooner without it

    return click.edit(text, extension=".md", require_save=True)


def named_tasks(arguments: Sequence[str]) -> list[str]:
    """The tasks that a command is about; `-` reads them from standard input.

    That takes a key or an id a line, in quotes or not, and what `--json` prints.
    """
    names: list[str] = []
    for one in arguments:
        names += _read_names(sys.stdin.read()) if one == "-" else [one]
    if not names:
        fail("No task is named. Give keys or ids, or '-' to read them from standard input.", 2)
    return list(dict.fromkeys(names))


def _read_names(text: str) -> list[str]:
    if text.lstrip()[:1] in {"{", "["}:
        try:
            found = msgspec.json.decode(text)
        except msgspec.DecodeError as error:
            fail(f"Standard input begins like JSON, but is none: {error}.", 6)
        return _names_in(found)
    return [name for line in text.splitlines() if (name := line.strip().strip('"'))]


def _names_in(found: Any) -> list[str]:
    names: list[str] | None = None
    match found:
        case str():
            names = [found]
        case list():
            names = [name for one in found for name in _names_in(one)]  # pyright: ignore[reportUnknownVariableType]
        case {"items": list()}:
            names = _names_in(found["items"])
        case {"key": str(key)}:
            names = [key]
        case _:
            pass
    if names is None:
        fail("Standard input is JSON without tasks in it: pass on what --json prints.", 6)
    return names


def complete_tasks(context: typer.Context, incomplete: str) -> list[tuple[str, str]]:
    """Keys and titles for the shell's completion, as the server knows them now."""

    def find(api: NexusClient) -> list[tuple[str, str]]:
        page = api.list_tasks(q=incomplete or None, sort="updated", limit=50)
        wanted = incomplete.upper()
        return [(one.key, _harmless(one.title)) for one in page.items if one.key.startswith(wanted)]

    return _live(context, find)


def complete_projects(context: typer.Context, incomplete: str) -> list[tuple[str, str]]:
    def find(api: NexusClient) -> list[tuple[str, str]]:
        page = api.list_projects(limit=200)
        wanted = incomplete.upper()
        return [(one.key, _harmless(one.name)) for one in page.items if one.key.startswith(wanted)]

    return _live(context, find)


def complete_labels(context: typer.Context, incomplete: str) -> list[str]:
    def find(api: NexusClient) -> list[str]:
        wanted = incomplete.casefold()
        found = api.list_labels(limit=200).items
        names = [one.name for one in found if one.name == _harmless(one.name)]
        return [name for name in names if name.casefold().startswith(wanted)]

    return _live(context, find)


# What lists of tasks are filtered by, in every command that does.
Status = Annotated[list[str] | None, typer.Option("--status", "-s", help="In this status.")]
Label = Annotated[
    list[str] | None,
    typer.Option("--label", "-l", help="With this label.", autocompletion=complete_labels),
]
Priority = Annotated[list[str] | None, typer.Option(help="Of this priority.")]
Assignee = Annotated[str | None, typer.Option(help="An id, 'me' or 'none'.")]
CreatedBy = Annotated[str | None, typer.Option(help="Created by this actor (id).")]
Parent = Annotated[str | None, typer.Option(help="Subtasks of this task, or 'none'.")]
Repository = Annotated[str | None, typer.Option(help="About this repository (id).")]
Waiting = Annotated[
    bool | None, typer.Option("--waiting/--not-waiting", help="Held up by others, or not.")
]
DueFrom = Annotated[str | None, typer.Option(help="Due then or later.")]
DueUntil = Annotated[str | None, typer.Option(help="Due then or earlier.")]
UpdatedSince = Annotated[str | None, typer.Option(help="Changed since, as 2026-12-01T00:00:00Z.")]
Search = Annotated[str | None, typer.Option("--search", "-q", help="Words in the task.")]
Archived = Annotated[bool | None, typer.Option("--archived", help="The archived ones.")]
Sort = Annotated[
    str | None, typer.Option(help="newest oldest updated priority due rank key next relevance")
]


def given_filters(arguments: Mapping[str, Any]) -> dict[str, Any]:
    """The filters among all the arguments (`locals()`) of a command, where they were given."""
    names = models.ViewQueryIn.__struct_encode_fields__
    return {name: arguments[name] for name in names if arguments[name] is not None}


def _harmless(text: str) -> str:
    """Somebody's text without what a shell would run (zsh evaluates it) or rich take for markup."""
    return "".join(letter if letter.isalnum() or letter in " ,.+/#%@_-" else " " for letter in text)


def _live(context: typer.Context, find: Callable[[NexusClient], list[T]]) -> list[T]:
    """Ask the server, shortly; a completion that fails completes nothing and says nothing."""
    chosen = context.find_root().params.get("profile") or os.environ.get("NEXUS_PROFILE")
    try:
        profile = Profiles.load().find(chosen)
    except ProfilesUnreadable:
        return []
    url, key = _server(profile)
    if not url or not key or not key.isascii():
        return []
    try:
        return find(NexusClient(url, key, timeout_s=COMPLETION_TIMEOUT_S))
    except (ApiError, ServerNotReached):
        return []


def progress_bar() -> Progress:
    """A bar for whoever looks on; where nobody does, nothing."""
    console = messages()
    return Progress(console=console, transient=True, disable=not console.is_terminal)


def fail(message: str, code: int) -> NoReturn:
    messages().print(f"[red]{escape(message)}[/red]")
    raise typer.Exit(code)


def run(app: Callable[[], Any]) -> NoReturn:
    """Run a command line and end the process with the exit code that its errors mean."""
    try:
        app()
    except ApiError as error:
        reference = f" (request {error.request_id})" if error.status >= 500 else ""
        _end(f"{error.detail}{reference}", EXIT_CODES.get(error.status, 1))
    except ServerNotReached as error:
        _end(str(error), 7)
    except ProfilesUnreadable as error:
        _end(str(error), 6)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(0)
    sys.exit(0)


def _end(message: str, code: int) -> NoReturn:
    messages().print(f"[red]{escape(message)}[/red]")
    sys.exit(code)


def _profile() -> Profile | None:
    chosen = os.environ.get("NEXUS_PROFILE")
    profile = Profiles.load().find(chosen)
    if chosen and profile is None:
        fail(f"There is no profile {chosen!r}. 'nexus login --name {chosen} URL' makes it.", 3)
    return profile


def _server(profile: Profile | None) -> tuple[str | None, str | None]:
    """The address and the key to use, as far as they are known."""
    return (
        os.environ.get("NEXUS_URL") or (profile.url if profile else None),
        os.environ.get("NEXUS_API_KEY") or (profile.key if profile else None),
    )
