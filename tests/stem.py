"""Runs `nexus`, each time in a process of its own, forked from one that has read the program.

To start Python and import the program takes longer than what it does then, hundreds of times over.
What is about the start itself uses the installed program: see tests/server.py.
"""

import atexit
import gc
import json
import os
import select
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any, NoReturn

import uuid_utils

WITHIN_S = 60
LONG_LIVED = {"serve", "worker", "migrate"}
"""What imports the server; the commands for users do without."""
_REQUEST_BYTES = 1_000_000


class Process:
    """A running `nexus`, as subprocess.Popen would show it."""

    def __init__(self, end: socket.socket) -> None:
        self._end = end
        self.pid = int(end.recv(16))
        self.returncode: int | None = None

    def poll(self) -> int | None:
        return self._ended(0)

    def wait(self, timeout: float | None = None) -> int:
        """Its exit code, negative for a signal. Raises subprocess.TimeoutExpired."""
        code = self._ended(timeout)
        if code is None:
            raise subprocess.TimeoutExpired(f"nexus, process {self.pid}", timeout or 0)
        return code

    def send_signal(self, number: int) -> None:
        if self.poll() is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)

    def _ended(self, within_s: float | None) -> int | None:
        if self.returncode is None and select.select([self._end], [], [], within_s)[0]:
            self.returncode = int(self._end.recv(16))
            self._end.close()
        return self.returncode


def run(
    arguments: Sequence[str], *, folder: Path, environment: Mapping[str, str], stdin: str | None
) -> subprocess.CompletedProcess[str]:
    """As subprocess.run would run the program, its output captured as text."""
    with (
        tempfile.TemporaryFile() as typed,
        tempfile.TemporaryFile() as out,
        tempfile.TemporaryFile() as err,
    ):
        typed.write((stdin or "").encode())
        typed.seek(0)
        files = (typed.fileno(), out.fileno(), err.fileno())
        code = start(
            arguments, folder=folder, environment=environment, files=files, within_s=WITHIN_S
        ).wait()
        out.seek(0)
        err.seek(0)
        return subprocess.CompletedProcess(
            list(arguments), code, out.read().decode(), err.read().decode()
        )


def start(
    arguments: Sequence[str],
    *,
    folder: Path,
    environment: Mapping[str, str],
    files: tuple[int, int, int],
    within_s: int = 0,
) -> Process:
    """Begin it with these standard input, output and error; after `within_s` it is ended."""
    request = {
        "arguments": list(arguments),
        "folder": str(folder),
        "env": dict(environment),
        "within_s": within_s,
    }
    stem = _stem(of_servers=bool(LONG_LIVED.intersection(arguments[:1])))
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with theirs:
        socket.send_fds(stem, [json.dumps(request).encode()], [*files, theirs.fileno()])
    return Process(ours)


@cache
def _stem(*, of_servers: bool) -> socket.socket:
    """The process that has imported the program, two for each process of the tests."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.stem", str(theirs.fileno()), str(int(of_servers))],
        cwd=Path(__file__).parents[1],
        stdin=subprocess.DEVNULL,
        pass_fds=[theirs.fileno()],
    )
    theirs.close()

    def end() -> None:
        ours.close()
        process.wait()

    atexit.register(end)
    return ours


def _serve(asked: socket.socket, program: Callable[[], object]) -> None:
    running: dict[int, socket.socket] = {}
    told, bell = socket.socketpair()
    told.setblocking(False)
    bell.setblocking(False)
    signal.set_wakeup_fd(bell.fileno())
    signal.signal(signal.SIGCHLD, lambda *_: None)
    gc.collect()
    gc.freeze()  # or the first collection of each copy would copy all of the memory
    while True:
        ready, _, _ = select.select([asked, told], [], [])
        if told in ready:
            told.recv(_REQUEST_BYTES)
            _tell_of_the_ended(running)
        if asked in ready:
            message, files, _, _ = socket.recv_fds(asked, _REQUEST_BYTES, 4)
            if not message:
                return
            end = socket.socket(fileno=files.pop())
            pid = os.fork()
            if pid == 0:
                signal.set_wakeup_fd(-1)
                signal.signal(signal.SIGCHLD, signal.SIG_DFL)
                for one in (asked, told, bell, end, *running.values()):
                    one.close()
                _become(json.loads(message), files)
                _live(program)
            running[pid] = end
            end.send(str(pid).encode())
            for one in files:
                os.close(one)


def _tell_of_the_ended(running: dict[int, socket.socket]) -> None:
    for pid in list(running):
        ended, status = os.waitpid(pid, os.WNOHANG)
        if ended:
            with running.pop(pid) as end:
                end.send(str(os.waitstatus_to_exitcode(status)).encode())


def _become(request: Any, files: Sequence[int]) -> None:
    """Turn the forked process into the one that was asked for."""
    for number, file in enumerate(files):
        os.dup2(file, number)
        os.close(file)
    sys.stdin = os.fdopen(0, "r", closefd=False)
    sys.stdout = os.fdopen(1, "w", closefd=False)
    sys.stderr = os.fdopen(2, "w", closefd=False)
    os.setsid()
    os.chdir(request["folder"])
    os.environ.clear()
    os.environ.update(request["env"])
    sys.argv = ["nexus", *request["arguments"]]
    # Or it would call itself "python -m", and what it starts would import this module.
    sys.modules["__main__"] = ModuleType("__main__")
    uuid_utils.reseed_rng()
    signal.alarm(request["within_s"])


def _live(program: Callable[[], object]) -> NoReturn:
    """Run the program to its end, but not the end of Python, which takes as long as a command."""
    try:
        program()
    except SystemExit as end:
        if not isinstance(end.code, int):
            raise
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(end.code)
    raise AssertionError("It came back.")


def _main(asked: socket.socket, *, of_servers: bool) -> None:
    """Import the program, and what it imports only when it runs; then become it when asked."""
    import httpcore2  # noqa: F401, PLC0415
    import rich._emoji_codes  # noqa: F401, PLC0415
    import typer._adapters  # noqa: PLC0415
    import typer._click.decorators  # noqa: F401, PLC0415

    from nexus.entrypoints import cli  # noqa: PLC0415

    if of_servers:
        import nexus.entrypoints.serve  # noqa: PLC0415
        import nexus.entrypoints.worker  # noqa: PLC0415
        import nexus.platform.listening  # noqa: PLC0415
        import nexus.platform.migrating  # noqa: F401, PLC0415
    _serve(asked, cli.main)


if __name__ == "__main__":
    _main(socket.socket(fileno=int(sys.argv[1])), of_servers=sys.argv[2] == "1")
