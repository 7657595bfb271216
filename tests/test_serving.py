"""`nexus serve` as an operator meets it: start, stop, kill, and what it refuses to run on."""

import json
import socket
import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tests.conftest import DATABASES, a_postgres_database
from tests.server import Machine, Server, free_port

TASKS = 600
WITHIN_S = 120
WRITES_TASKS = """
SELECT 1 FROM pg_locks l JOIN pg_class c ON c.oid = l.relation
JOIN pg_database d ON d.oid = l.database AND d.datname = current_database()
WHERE c.relname = 'tasks' AND l.mode = 'RowExclusiveLock'
"""


@pytest.fixture(params=DATABASES)
def machine(request: pytest.FixtureRequest, tmp_path: Path, worker_id: str) -> Iterator[Machine]:
    """A computer with an empty database."""
    if request.param == "sqlite":
        yield Machine(folder=tmp_path, database_url=f"sqlite:///{tmp_path}/nexus.db")
    else:
        with a_postgres_database(f"nexus_serving_{worker_id}") as url:
            yield Machine(folder=tmp_path, database_url=url)


def test_a_server_stops_when_told_and_starts_again_with_all_it_had(machine: Machine) -> None:
    port = free_port()
    named = {"PORT": str(port), "DATABASE_URL": machine.database_url}
    first = machine.start_installed("--migrate", port=port, **named)
    machine.nexus("project", "create", "API", "--name", "The API")
    profile = machine.profile_path.read_text()

    exit_code = first.stop()
    again = machine.start("--migrate", port=port, **named)

    listed = machine.json("project", "list")
    exit_code_again = again.stop()
    assert (exit_code, exit_code_again) == (0, 0)
    assert "Traceback" not in first.err.read_text() + again.err.read_text()
    assert [project["key"] for project in listed["items"]] == ["API"]
    assert machine.profile_path.read_text() == profile
    assert again.out.read_text() == ""


def test_the_names_of_hosts_are_honoured_and_strangers_are_not_let_in(machine: Machine) -> None:
    port = free_port()
    machine.migrate()

    server = machine.start(
        "--no-worker", port=port, PORT=str(port), DATABASE_URL=machine.database_url
    )

    try:
        with socket.socket() as elsewhere:
            elsewhere.settimeout(5)
            refused = elsewhere.connect_ex(("127.0.0.2", port))
        assert refused != 0
        assert f":{port}" in server.out.read_text()
        assert not (machine.folder / "var").exists()
    finally:
        server.stop()


def test_an_import_cut_off_by_a_kill_is_finished_once_after_the_restart(
    machine: Machine,
) -> None:
    records = [
        {
            "id": number,
            "title": f"Task {number}",
            "dependencies": [number // 2] if number > 1 else [],
        }
        for number in range(1, TASKS + 1)
    ]
    server = machine.start()
    asked = server.call("POST", "/imports", content=json.dumps({"tasks": records}).encode())
    _wait_until_written(server)

    server.kill()
    machine.end_leases()
    again = machine.start(port=server.port)

    try:
        done = _finished(again, asked["id"])
        keys = [task["key"] for task in _all("/tasks?sort=key&limit=200", again)]
        events = _all("/events?name=import.*&limit=200", again)
        assert (done["state"], done["report"]["created"]) == ("done", TASKS)
        assert len(keys) == len(set(keys)) == TASKS
        names = [event["name"] for event in events]
        assert {name: names.count(name) for name in ("import.created", "import.finished")} == {
            "import.created": 1,
            "import.finished": 1,
        }
        chunks = [one["payload"]["tasks"] for one in events if one["name"] == "import.tasks_added"]
        assert sum(chunks) == TASKS
    finally:
        again.stop()


def test_a_database_without_tables_is_refused_until_it_is_migrated(machine: Machine) -> None:
    if machine.database_url.startswith("sqlite"):
        (machine.folder / "nexus.db").touch()
    where = ("--database", machine.database_url)

    refused = machine.nexus("serve", *where, "--port", str(free_port()))
    migrated = [machine.nexus("migrate", *where) for _ in range(2)]

    assert refused.returncode == 1
    assert "run 'nexus migrate'" in refused.stderr
    assert "Traceback" not in refused.stderr
    assert not machine.profile_path.exists()
    assert [one.returncode for one in migrated] == [0, 0]
    assert all("up to date" in one.stdout for one in migrated)
    server = machine.start(*where, "--port", str(port := free_port()), port=port)
    assert server.stop() == 0


def test_a_port_that_is_taken_is_a_sentence(tmp_path: Path) -> None:
    machine = Machine(folder=tmp_path)
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        holder.listen()
        port = str(holder.getsockname()[1])

        refused = machine.nexus("serve", "--migrate", "--port", port)

    assert refused.returncode == 1
    assert f"Port {port}" in refused.stderr
    assert "--port" in refused.stderr
    assert "Traceback" not in refused.stderr
    assert not (tmp_path / "var").exists()


@pytest.mark.parametrize(
    ("environment", "named"),
    [
        ({"NEXUS_HTTP__PORT": "many"}, "http.port"),
        ({"PORT": "70000"}, "http.port"),
        ({"NEXUS_HTTP__PROT": "80"}, "prot"),
        ({"DATABASE_URL": "mysql://db/nexus"}, "mysql"),
        ({"DATABASE_URL": "not a url"}, "url"),
    ],
)
def test_wrong_settings_are_a_sentence(
    tmp_path: Path, environment: dict[str, str], named: str
) -> None:
    machine = Machine(folder=tmp_path)

    refused = machine.nexus("serve", "--migrate", **environment)

    assert refused.returncode == 6
    assert named in refused.stderr.lower()
    assert "Traceback" not in refused.stderr


@pytest.mark.parametrize(
    "url",
    ["postgresql://nexus:secret-word@127.0.0.1:{port}/nexus", "sqlite:///{folder}"],
    ids=["nobody listens", "a folder"],
)
@pytest.mark.parametrize("command", ["serve", "migrate"])
def test_a_database_that_cannot_be_opened_is_a_sentence(
    tmp_path: Path, url: str, command: str
) -> None:
    machine = Machine(folder=tmp_path)
    where = url.format(port=free_port(), folder=tmp_path)

    refused = machine.nexus(command, "--database", where)

    assert refused.returncode != 0
    assert "database" in refused.stderr.lower()
    assert "Traceback" not in refused.stderr
    assert "secret-word" not in refused.stderr + refused.stdout


def _wait_until_written(server: Server) -> None:
    """Until the server is in the middle of writing tasks."""
    database_url = server.machine.database_url
    until = time.monotonic() + WITHIN_S
    if database_url.startswith("sqlite"):
        while not _is_locked(database_url):
            assert time.monotonic() < until, "The import never began."
            time.sleep(0.005)
    else:
        with psycopg.connect(database_url, autocommit=True) as connection:
            while not connection.execute(WRITES_TASKS).fetchone():
                assert time.monotonic() < until, "The import never began."
                time.sleep(0.005)


def _is_locked(database_url: str) -> bool:
    connection = sqlite3.connect(database_url.removeprefix("sqlite:///"), timeout=0)
    try:
        connection.execute("BEGIN IMMEDIATE")
    except sqlite3.OperationalError:
        return True
    finally:
        connection.close()
    return False


def _finished(server: Server, import_id: str) -> dict[str, dict[str, object]]:
    until = time.monotonic() + WITHIN_S
    while time.monotonic() < until:
        found = server.call("GET", f"/imports/{import_id}")
        if found["state"] in {"done", "failed"}:
            return found
        time.sleep(0.1)
    raise AssertionError(f"Not finished in {WITHIN_S} s.")


def _all(path: str, server: Server) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    cursor = ""
    while True:
        page = server.call("GET", f"{path}{cursor}")
        found += page["items"]
        if page["next_cursor"] is None:
            return found
        cursor = f"&cursor={page['next_cursor']}"
