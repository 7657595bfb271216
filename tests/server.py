"""A real `nexus serve` and the real `nexus` commands, each in a folder of its own."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx2 as httpx

from tests import stem

NEXUS = Path(sys.executable).parent / "nexus"
READY_WITHIN_S, STOPS_WITHIN_S = 60, 5


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
        """Start a server and wait until it is ready."""
        port = port or free_port()
        if not flags:
            flags = ("--migrate", "--port", str(port), "--database", self.database_url)
        out, err = self.folder / f"{port}.out", self.folder / f"{port}.err"
        with out.open("w") as stdout, err.open("w") as stderr:
            process = subprocess.Popen(
                [NEXUS, "serve", *flags],
                cwd=self.folder,
                env=self.environment | environment,
                stdin=subprocess.DEVNULL,
                stdout=stdout,
                stderr=stderr,
            )
        server = Server(machine=self, port=port, process=process, out=out, err=err)
        try:
            server.wait_until_ready()
        except BaseException:
            server.kill()
            raise
        return server

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
    process: subprocess.Popen[bytes]
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
                if httpx.get(f"{self.url}/readyz").status_code == 200:
                    return
            except httpx.TransportError:
                pass
            time.sleep(0.05)
        raise AssertionError(f"Not ready in {READY_WITHIN_S} s: {self.err.read_text()}")

    def call(self, method: str, path: str, **options: Any) -> Any:
        headers = {"Authorization": f"Bearer {self.key}"}
        answer = httpx.request(
            method, f"{self.url}/api/v1{path}", headers=headers, timeout=60, **options
        )
        assert answer.status_code < 300, answer.text
        return answer.json()

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
