"""The README's commands, typed as they stand there, in a fresh copy of the repository."""

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx2 as httpx
import pytest

from tests.server import free_port

STARTS, NOT_HERE = "make run", {"make test"}  # the second would run this test in this test


def commands(root: Path) -> list[str]:
    """Every line of the README's shell blocks, in order."""
    blocks = re.findall(
        r"^```sh\n(.*?)^```", (root / "README.md").read_text(), re.DOTALL | re.MULTILINE
    )
    return [line for block in blocks for line in block.strip().split("\n")]


@pytest.fixture
def checkout(root: Path, tmp_path: Path) -> Path:
    """What a clone would hold, sharing the environment that is installed already."""
    copy = tmp_path / "nexus"
    listed = ["git", "ls-files", "--cached", "--others", "--exclude-standard"]
    files = subprocess.run(listed, cwd=root, check=True, capture_output=True, text=True).stdout
    for name in files.split("\n"):
        if name and (root / name).is_file():
            target = copy / name
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(root / name, target)
    (copy / ".venv").symlink_to(Path(sys.prefix))
    return copy


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """A newcomer's: a home of their own, and another port, since 8700 may be taken here."""
    kept = {
        name: value for name, value in os.environ.items() if not name.startswith(("NEXUS_", "MAKE"))
    }
    home = tmp_path / "home"
    home.mkdir()
    return kept | {
        "HOME": str(home),
        "XDG_CONFIG_HOME": str(home / ".config"),
        "PORT": str(free_port()),
        "NO_COLOR": "1",
    }


@pytest.fixture
def running(checkout: Path, environment: dict[str, str]) -> Iterator[Path]:
    """`make run`, until the server answers; its output in a file."""
    output = checkout / "output"
    with output.open("w") as file:
        server = subprocess.Popen(
            ["bash", "-c", STARTS],
            cwd=checkout,
            env=environment,
            stdout=file,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            _wait_for(f"http://127.0.0.1:{environment['PORT']}/readyz", server, output)
            yield output
        finally:
            os.killpg(server.pid, signal.SIGTERM)
            server.wait(20)


def test_the_tour_works_as_printed(
    root: Path, checkout: Path, environment: dict[str, str], running: Path
) -> None:
    typed = [line for line in commands(root) if line not in {STARTS, *NOT_HERE}]

    script = "set -euo pipefail\n" + "\n".join(f"echo '$ {i}'\n{c}" for i, c in enumerate(typed))
    done = subprocess.run(
        ["bash", "-c", script],
        cwd=checkout,
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )

    assert done.returncode == 0, done.stdout + done.stderr
    assert "82 created, 0 updated, 0 unchanged, 0 set aside." in done.stdout
    assert "Ready now: SHOP-11, SHOP-12, SHOP-14" in done.stdout
    assert "Created SHOP-58" in done.stdout
    assert "SHOP-11 -> SHOP-58 -> SHOP-11" in done.stderr
    assert "refused, as it should be" in done.stdout
    welcome = running.read_text()
    assert welcome.count("Welcome to Nexus") == 1
    assert "API key     nxs_" in welcome


def test_every_page_that_the_readme_names_is_there(root: Path) -> None:
    links = re.findall(r"\]\((?!http)([^)#]+)\)", (root / "README.md").read_text())

    missing = [link for link in links if not (root / link).exists()]

    assert links
    assert missing == []


def _wait_for(url: str, server: subprocess.Popen[bytes], output: Path) -> None:
    for _ in range(600):
        if server.poll() is not None:
            pytest.fail(f"make run ended: {output.read_text()}")
        try:
            if httpx.get(url).status_code == 200:
                return
        except httpx.TransportError:
            time.sleep(0.1)
    pytest.fail(f"No answer from {url}: {output.read_text()}")
