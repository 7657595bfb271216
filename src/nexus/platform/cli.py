"""What all commands share: the server to talk to, output for people and programs, exit codes.

Imports nothing of the server: a command must start in a fraction of a second.
"""

import os
import sys
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from typing import Annotated, Any, NoReturn

import msgspec
import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from nexus.platform.profiles import Profile, Profiles, ProfilesUnreadable
from nexus_client.client import NexusClient
from nexus_client.connection import ApiError, ServerNotReached

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


def client() -> NexusClient:
    """The server of NEXUS_URL and NEXUS_API_KEY, else of the chosen or current profile."""
    profile = _profile()
    url = os.environ.get("NEXUS_URL") or (profile.url if profile else None)
    key = os.environ.get("NEXUS_API_KEY") or (profile.key if profile else None)
    if not url or not key:
        fail(
            "No server is known yet. Run 'nexus login URL', start one with 'make run', or set "
            "NEXUS_URL and NEXUS_API_KEY.",
            3,
        )
    if not key.isascii():
        fail("The API key is not one of Nexus's: it has letters that keys never have.", 3)
    return NexusClient(url, key)


def output() -> Console:
    """Standard output; plain text when it is no terminal, and as wide as it needs to be then."""
    is_terminal = sys.stdout.isatty()
    return Console(width=None if is_terminal else 200, highlight=False, soft_wrap=not is_terminal)


def messages() -> Console:
    """Standard error, for what is said beside the result."""
    return Console(stderr=True, highlight=False, soft_wrap=True)


def print_json(value: Any) -> None:
    sys.stdout.write(msgspec.json.format(msgspec.json.encode(value), indent=2).decode() + "\n")


def print_table(columns: Sequence[str], rows: Iterable[Sequence[str]], *, empty: str) -> None:
    """A table, or the sentence for when there is nothing to show."""
    rows = list(rows)
    if not rows:
        messages().print(empty)
        return
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in columns:
        table.add_column(column, no_wrap=column != "TITLE", overflow="fold")
    for row in rows:
        table.add_row(*row)
    output().print(table)


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
