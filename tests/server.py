"""A real `nexus serve` and the real `nexus` commands, each in a folder of its own."""

import json
import os
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx2 as httpx
import psycopg

from nexus.platform.database_url import DatabaseUrl, understand_url
from nexus.platform.migrating import migrate
from tests import stem

NEXUS = Path(sys.executable).parent / "nexus"
READY_WITHIN_S, STOPS_WITHIN_S = 180, 5

Process = stem.Process | subprocess.Popen[bytes]
# One for all, because each takes 25 ms to make. No connection is kept: a server may wait for them.
HTTP = httpx.Client(timeout=60, limits=httpx.Limits(max_keepalive_connections=0))


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@dataclass(frozen=True, kw_only=True)
class Machine:
    """Somebody's computer: a folder, a profile in it, and an environment without ours."""

    folder: Path
    database_url: str = "sqlite:///var/nexus.db"
    extra: dict[str, str] = field(default_factory=dict)

    @property
    def profile_path(self) -> Path:
        return self.folder / "profiles.json"

    @property
    def environment(self) -> dict[str, str]:
        ours = ("NEXUS_", "DATABASE_URL", "PORT", "PYTEST_")
        clean = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
        return clean | {"NEXUS_PROFILE_PATH": str(self.profile_path)} | self.extra

    def nexus(
        self, *arguments: str, stdin: str | None = None, **environment: str
    ) -> subprocess.CompletedProcess[str]:
        return stem.run(
            arguments, folder=self.folder, environment=self.environment | environment, stdin=stdin
        )

    def json(self, *arguments: str) -> Any:
        """What a command prints with --json; fails unless that is all of standard output."""
        done = self.nexus(*arguments, "--json")
        assert done.returncode == 0, f"{arguments}: {done.returncode} {done.stderr}"
        return json.loads(done.stdout)

    def start(self, *flags: str, port: int | None = None, **environment: str) -> "Server":
        """Start a server, by the stem, and wait until it is ready.

        Without flags of its own, on its database, which is migrated here.
        """
        port = port or free_port()
        if not flags:
            self.migrate()
            flags = ("--port", str(port), "--database", self.database_url)
        return self._started(stem.start, flags, port, environment)

    def start_installed(self, *flags: str, port: int, **environment: str) -> "Server":
        return self._started(installed, flags, port, environment)

    def _started(
        self,
        start: Callable[..., Process],
        flags: Sequence[str],
        port: int,
        environment: Mapping[str, str],
    ) -> "Server":
        out, err = self.folder / f"{port}.out", self.folder / f"{port}.err"
        with Path(os.devnull).open() as nothing, out.open("w") as stdout, err.open("w") as stderr:
            process = start(
                ["serve", *flags],
                folder=self.folder,
                environment=self.environment | environment,
                files=(nothing.fileno(), stdout.fileno(), stderr.fileno()),
            )
        server = Server(machine=self, port=port, process=process, out=out, err=err)
        try:
            server.wait_until_ready()
        except BaseException:
            server.kill()
            raise
        return server

    def migrate(self) -> None:
        """In this process, which has imported what it takes."""
        migrate(self._database)

    def write(self, statement: str) -> None:
        """Change rows behind a server's back: what only time would do."""
        if self._database.is_sqlite:
            with (
                closing(sqlite3.connect(self._database.file, timeout=10)) as connection,
                connection,
            ):
                connection.execute(statement.replace("dbos.", ""))
        else:
            with psycopg.connect(self.database_url, autocommit=True) as connection:
                connection.execute(statement)  # pyright: ignore[reportArgumentType]

    def end_leases(self) -> None:
        """Let the jobs of a killed server be taken up at once, as if its lease had run out."""
        self.write("UPDATE job_workers SET seen_ms = 0")

    @property
    def _database(self) -> DatabaseUrl:
        """With a relative path as a server in the folder understands it."""
        scheme, slashes, path = self.database_url.partition(":///")
        is_relative = scheme == "sqlite" and not path.startswith("/")
        return understand_url(
            f"{scheme}{slashes}{self.folder / path}" if is_relative else self.database_url
        )

    @contextmanager
    def serving(self) -> Iterator["Server"]:
        server = self.start()
        try:
            yield server
        finally:
            server.stop()


@dataclass(frozen=True, kw_only=True)
class Server:
    machine: Machine
    port: int
    process: Process
    out: Path
    err: Path

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def key(self) -> str:
        (profile,) = json.loads(self.machine.profile_path.read_text())["profiles"]
        return profile["key"]

    def wait_until_ready(self) -> None:
        until = time.monotonic() + READY_WITHIN_S
        while time.monotonic() < until:
            assert self.process.poll() is None, f"It ended: {self.err.read_text()}"
            try:
                if HTTP.get(f"{self.url}/readyz").status_code == 200:
                    return
            except httpx.TransportError:
                pass
            time.sleep(0.05)
        raise AssertionError(f"Not ready in {READY_WITHIN_S} s: {self.err.read_text()}")

    def call(self, method: str, path: str, **options: Any) -> Any:
        """The answer's JSON; fails unless it is a good one."""
        answer = self.answer(method, path, **options)
        assert answer.status_code < 300, answer.text
        return answer.json() if answer.content else None

    def answer(self, method: str, path: str, **options: Any) -> httpx.Response:
        headers = {"Authorization": f"Bearer {self.key}"}
        return HTTP.request(method, f"{self.url}/api/v1{path}", headers=headers, **options)

    def stop(self) -> int:
        """Ask it to stop; its exit code. Fails if it takes too long."""
        self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(STOPS_WITHIN_S)
        except subprocess.TimeoutExpired:
            self.kill()
            raise

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()


def installed(
    arguments: Sequence[str],
    *,
    folder: Path,
    environment: Mapping[str, str],
    files: tuple[int, int, int],
) -> Process:
    """Begin the program as it is installed; stem.start does so in a twentieth of the time."""
    stdin, stdout, stderr = files
    return subprocess.Popen(
        [NEXUS, *arguments],
        cwd=folder,
        env=environment,
        stdin=stdin,
        stdout=stdout,
        stderr=stderr,
        start_new_session=True,
    )
