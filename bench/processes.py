"""Servers in processes of their own, and the memory that they take."""

import os
import resource
import socket
import subprocess
import sys
import time
from collections.abc import Generator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import msgspec

from bench.calls import Plan
from bench.databases import Fresh
from bench.load import Job, Measurement

_ROOT = Path(__file__).parents[1]
_NEXUS = Path(sys.executable).parent / "nexus"
_READY_WITHIN_S, _STOPS_WITHIN_S = 600, 15


class ServerEnded(Exception):
    """A server or a load ended before its time; the message is what it said."""


@dataclass(frozen=True, kw_only=True)
class Running:
    port: int
    process: subprocess.Popen[bytes]

    @property
    def resident_mb(self) -> float:
        """Memory that is in use, as Linux counts it."""
        lines = Path(f"/proc/{self.process.pid}/status").read_text().splitlines()
        [kilobytes] = [line.split()[1] for line in lines if line.startswith("VmRSS:")]
        return int(kilobytes) / 1024


@contextmanager
def bench_server(database: Fresh, plan: Plan, minimal: Sequence[str] = ()) -> Generator[Running]:
    """Nexus with the routes to compare with; `minimal` names the operations that get one."""
    with TemporaryDirectory(prefix="nexus-bench-") as folder:
        path = Path(folder) / "plan.json"
        path.write_bytes(msgspec.json.encode(plan))
        arguments = ["-m", "bench.server", "--plan", str(path), "--minimal", *minimal]
        with _running(arguments, database, Path(folder)) as server:
            yield server


@contextmanager
def plain_server(database: Fresh) -> Generator[Running]:
    """Nothing but `nexus serve`."""
    with (
        TemporaryDirectory(prefix="nexus-bench-") as folder,
        _running([str(_NEXUS), "serve"], database, Path(folder)) as server,
    ):
        yield server


def put_under_load(job: Job) -> dict[str, Measurement]:
    """What each target did, by name. Raises ServerEnded."""
    done = subprocess.run(
        [sys.executable, "-m", "bench.load"],
        input=msgspec.json.encode(job),
        cwd=_ROOT,
        capture_output=True,
        check=False,
    )
    if done.returncode:
        raise ServerEnded(f"The load generator failed: {done.stderr.decode()[-4000:]}")
    found = msgspec.json.decode(done.stdout, type=list[Measurement])
    return {one.name: one for one in found}


@contextmanager
def _running(arguments: Sequence[str], database: Fresh, folder: Path) -> Generator[Running]:
    port = _free_port()
    log = folder / "log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, *arguments, "--database", database.url, "--port", str(port)],
            cwd=folder,  # no .env of a developer
            env=_environment(folder),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    try:
        _wait_until_ready(process, port, log)
        yield Running(port=port, process=process)
    finally:
        process.terminate()
        try:
            process.wait(_STOPS_WITHIN_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _environment(folder: Path) -> dict[str, str]:
    ours = ("NEXUS_", "DATABASE_URL", "PORT")
    clean = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
    path = os.pathsep.join(filter(None, [str(_ROOT), clean.get("PYTHONPATH")]))
    return clean | {
        "PYTHONPATH": path,
        "NEXUS_HTTP__REQUESTS_PER_MINUTE": str(10**9),
        "NEXUS_LOG__LEVEL": "warning",
        "NEXUS_PROFILE_PATH": str(folder / "profiles.json"),
    }


def _wait_until_ready(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    until = time.monotonic() + _READY_WITHIN_S
    while time.monotonic() < until:
        if process.poll() is not None:
            raise ServerEnded(f"The server did not start: {log.read_text()[-4000:]}")
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            time.sleep(0.05)
        else:
            time.sleep(0.5)
            return
    raise ServerEnded(f"The server was not ready within {_READY_WITHIN_S} s.")


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return probe.getsockname()[1]


def raise_limit_of_files() -> None:
    """For this process and those it starts."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    with suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
