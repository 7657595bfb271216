"""Runs `nexus` commands, each in a process of its own, forked from one that has read the program.

To start Python and import the commands takes longer than what they do, hundreds of times over.
Whatever is about the start itself uses the installed program: see tests/terminal.py.
"""

import atexit
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

WITHIN_S = 60
_REQUEST_BYTES = 1_000_000


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
        request = {"arguments": list(arguments), "folder": str(folder), "env": dict(environment)}
        stem = _stem()
        socket.send_fds(
            stem, [json.dumps(request).encode()], [f.fileno() for f in (typed, out, err)]
        )
        code = int(stem.recv(16))
        out.seek(0)
        err.seek(0)
        return subprocess.CompletedProcess(
            list(arguments), code, out.read().decode(), err.read().decode()
        )


@cache
def _stem() -> socket.socket:
    """The process that has imported the commands, one for each process of the tests."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.stem", str(theirs.fileno())],
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


def _serve(asked: socket.socket) -> None:
    # In the stem alone: the commands, and what they import only when they run.
    import httpcore2  # noqa: F401, PLC0415
    import typer._adapters  # noqa: F401, PLC0415

    from nexus.entrypoints import cli  # noqa: PLC0415

    while True:
        message, descriptors, _, _ = socket.recv_fds(asked, _REQUEST_BYTES, 3)
        if not message:
            return
        pid = os.fork()
        if pid == 0:
            asked.close()
            _become(json.loads(message), descriptors)
            cli.main()
            return
        for descriptor in descriptors:
            os.close(descriptor)
        _, status = os.waitpid(pid, 0)
        asked.send(str(os.waitstatus_to_exitcode(status)).encode())


def _become(request: Any, descriptors: Sequence[int]) -> None:
    """Turn the forked process into the one that was asked for."""
    for number, descriptor in enumerate(descriptors):
        os.dup2(descriptor, number)
        os.close(descriptor)
    sys.stdin = os.fdopen(0, "r", closefd=False)
    sys.stdout = os.fdopen(1, "w", closefd=False)
    sys.stderr = os.fdopen(2, "w", closefd=False)
    os.chdir(request["folder"])
    os.environ.clear()
    os.environ.update(request["env"])
    sys.argv = ["nexus", *request["arguments"]]
    sys.modules["__main__"].__package__ = None  # or the command would call itself "python -m"
    signal.alarm(WITHIN_S)


if __name__ == "__main__":
    _serve(socket.socket(fileno=int(sys.argv[1])))
