"""A server to type commands at, and the terminal to type them in."""

import fcntl
import os
import pty
import struct
import termios
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from uuid import uuid4

from tests import stem
from tests.cast import PASSWORD
from tests.conftest import a_postgres_database
from tests.server import HTTP, Machine, Process, Server


@contextmanager
def a_server(
    kind: str, folder: Path, name: str, extra: Mapping[str, str] | None = None
) -> Iterator[Server]:
    """A server on a database of its own."""
    machine = Machine(folder=folder, extra=dict(extra or {}))
    if kind == "sqlite":
        with machine.serving() as server:
            yield server
    else:
        with (
            a_postgres_database(name) as url,
            replace(machine, database_url=url).serving() as server,
        ):
            yield server


def owners_machine(server: Server, folder: Path) -> Machine:
    """Another computer with the first start's profile."""
    machine = Machine(folder=folder)
    machine.profile_path.write_text(server.machine.profile_path.read_text())
    return machine


@dataclass(frozen=True, kw_only=True)
class Newcomer:
    """A developer with an account and the password of all of them."""

    email: str
    id: str


def a_newcomer(server: Server) -> Newcomer:
    email = f"grace-{uuid4().hex[:10]}@nexus.test"
    token = server.call("POST", "/users", json={"email": email})["token"]
    account = {"token": token, "name": f"Grace {uuid4().hex[:6]}", "password": PASSWORD}
    joined = HTTP.post(f"{server.url}/api/v1/invitations/acceptances", json=account)
    assert joined.status_code == 201, joined.text
    return Newcomer(email=email, id=joined.json()["actor_id"])


@dataclass(frozen=True, kw_only=True)
class Shown:
    exit_code: int
    text: str


def at_terminal(
    machine: Machine,
    *arguments: str,
    rows: int = 40,
    columns: int = 80,
    typed: Sequence[tuple[str, str]] = (),
    start: Callable[..., Process] = stem.start,
    **environment: str,
) -> Shown:
    """What a command shows in a terminal; at each prompt its answer is typed."""
    # What would overrule the terminal; pytest's worker processes have LINES and COLUMNS.
    ignored = {"LINES", "COLUMNS", "NO_COLOR", "FORCE_COLOR", "PAGER"}
    inherited = {key: one for key, one in machine.environment.items() if key not in ignored}
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
    process = start(
        arguments,
        folder=machine.folder,
        environment=inherited | {"TERM": "xterm-256color"} | environment,
        files=(theirs, theirs, theirs),
    )
    os.close(theirs)
    shown, seen = b"", 0
    waiting = list(typed)
    while piece := _read(ours):
        shown += piece
        if waiting and waiting[0][0].encode() in shown[seen:]:
            seen = len(shown)
            os.write(ours, waiting.pop(0)[1].encode() + b"\n")
    code = process.wait(60)
    os.close(ours)
    assert waiting == [], f"never asked: {waiting}, {shown}"
    return Shown(exit_code=code, text=shown.decode().replace("\r\n", "\n"))


def _read(terminal: int) -> bytes:
    try:
        return os.read(terminal, 4096)
    except OSError:  # the other end is closed
        return b""
