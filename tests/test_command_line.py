"""The `nexus` program against a real server: what it prints, what it keeps, how it ends."""

import json
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
import typer.main

from nexus.entrypoints.cli import app
from tests.conftest import DATABASES
from tests.server import NEXUS, Machine, Server, free_port
from tests.terminal import a_server, owners_machine

BACKLOG = {"tasks": [{"id": 1, "title": "Begin"}, {"id": 2, "title": "End", "dependencies": [1]}]}
OPERATORS = {"serve", "worker", "migrate", "login", "restore", "export"}
INTERNALS = ("sqlalchemy", "litestar", "granian", "pydantic", "alembic", "asyncpg", "msgspec")


@pytest.fixture(scope="module", params=DATABASES)
def server(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, worker_id: str
) -> Iterator[Server]:
    """A server of this module's own, and the machine that it runs on."""
    folder = tmp_path_factory.mktemp("machine")
    with a_server(request.param, folder, f"nexus_command_line_{worker_id}") as server:
        yield server


@pytest.fixture
def machine(server: Server, tmp_path: Path) -> Machine:
    """A computer of the test's own, with the first start's profile."""
    return owners_machine(server, tmp_path)


@pytest.fixture
def project(machine: Machine, request: pytest.FixtureRequest) -> str:
    """The key of a project of the test's own."""
    key = f"P{uuid4().hex[:9].upper()}"
    return machine.json("project", "create", key, "--name", request.node.name[:100])["key"]


PROGRAM: Any = typer.main.get_command(app)


def _commands() -> dict[str, Any]:
    """Every command by the words that call it."""
    found: dict[str, Any] = {}

    def walk(command: Any, words: tuple[str, ...]) -> None:
        for name, child in getattr(command, "commands", {}).items():
            walk(child, (*words, name))
        if not hasattr(command, "commands"):
            found[" ".join(words)] = command

    walk(PROGRAM, ())
    return found


COMMANDS = _commands()


def test_the_first_start_says_once_how_to_sign_in_and_keeps_the_key(server: Server) -> None:
    shown = server.out.read_text()

    (profile,) = json.loads(server.machine.profile_path.read_text())["profiles"]
    assert shown.count(profile["key"]) == shown.count("Password") == shown.count("E-mail") == 1
    assert profile["url"] == server.url
    assert stat.S_IMODE(server.machine.profile_path.stat().st_mode) == 0o600
    assert profile["key"] not in server.err.read_text()


def test_tasks_live_their_life_on_the_command_line(machine: Machine, project: str) -> None:
    first = machine.json("task", "create", "Begin", "-p", project, "--priority", "high")["key"]
    second = machine.json("task", "create", "End", "-p", project.lower(), "-d", "[bold]x")["key"]
    waits = machine.json("task", "depend", second, first)
    before = machine.json("next", "-p", project)
    changed = machine.json("task", "update", second, "--label", "a", "--due", "2026-12-31")
    comment = machine.json("task", "comment", first, "Looks [good]")

    done = machine.nexus("task", "status", first, "done")

    after = machine.json("next", "-p", project)
    listed = machine.json("task", "list", "-p", project, "--sort", "key")
    events = machine.json("events", "--task", second, "--oldest")
    shown = machine.nexus("task", "get", second)
    assert waits["open_dependencies"] == 1
    assert [task["key"] for task in before["items"]] == [first]
    assert (changed["labels"], changed["due_on"]) == (["a"], "2026-12-31")
    assert comment["body"] == "Looks [good]"
    assert (done.returncode, done.stdout.splitlines()) == (
        0,
        [f"{first} is done.", f"Ready now: {second}"],
    )
    assert [task["key"] for task in after["items"]] == [second]
    assert [task["key"] for task in listed["items"]] == [first, second]
    assert events["items"][0]["name"] == "task.created"
    assert "[bold]x" in shown.stdout


def test_an_import_shows_what_came_in(machine: Machine) -> None:
    file = machine.folder / "tasks.json"
    file.write_text(json.dumps(BACKLOG))

    first = machine.json("import", str(file))
    again = machine.nexus("import", str(file))

    assert (first["state"], first["report"]["created"]) == ("done", 2)
    assert again.returncode == 0
    assert "0 created, 0 updated, 2 unchanged, 0 set aside." in again.stdout


def test_a_text_is_read_from_standard_input(machine: Machine, project: str) -> None:
    made = machine.nexus(
        "task", "create", "Read", "-p", project, "-d", "-", "--json", stdin="Ä\n\nB"
    )

    assert json.loads(made.stdout)["description"] == "Ä\n\nB"


def test_a_key_is_made_replaced_and_revoked(machine: Machine, server: Server) -> None:
    made = machine.json("key", "create", "ci", "--scope", "tasks:read")
    environment = {"NEXUS_URL": server.url}
    works = machine.nexus("next", **environment, NEXUS_API_KEY=made["secret"])
    forbidden = machine.nexus(
        "project", "create", "NO", "--name", "No", **environment, NEXUS_API_KEY=made["secret"]
    )
    newer = machine.json("key", "rotate", made["key"]["id"])
    machine.nexus("key", "revoke", newer["key"]["id"])

    replaced = machine.nexus("next", **environment, NEXUS_API_KEY=made["secret"])
    revoked = machine.nexus("next", **environment, NEXUS_API_KEY=newer["secret"])

    assert (works.returncode, forbidden.returncode) == (0, 3)
    assert "projects:write" in forbidden.stderr
    assert (replaced.returncode, revoked.returncode) == (3, 3)
    assert made["key"]["id"] not in [key["id"] for key in machine.json("key", "list")["items"]]


def test_a_refusal_has_its_exit_code_and_a_sentence(machine: Machine, project: str) -> None:
    first = machine.json("task", "create", "A", "-p", project)["key"]
    second = machine.json("task", "create", "B", "-p", project, "--depends-on", first)["key"]
    machine.json("task", "update", second, "--title", "C")
    (machine.folder / "none.json").write_text('{"name": "nexus"}')
    nowhere = {"NEXUS_URL": f"http://127.0.0.1:{free_port()}"}

    refused = {
        "no such task": (4, machine.nexus("task", "get", f"{project}-99")),
        "no such project": (4, machine.nexus("project", "get", "NONE")),
        "stale": (5, machine.nexus("task", "update", second, "--title", "D", "--version", "1")),
        "cycle": (5, machine.nexus("task", "depend", first, second)),
        "taken": (5, machine.nexus("project", "create", project, "--name", "Again")),
        "priority": (6, machine.nexus("task", "create", "D", "-p", project, "--priority", "p0")),
        "status": (6, machine.nexus("task", "status", first, "finished")),
        "sort": (6, machine.nexus("task", "list", "--sort", "colour")),
        "no backlog": (6, machine.nexus("import", "none.json", "--json")),
        "no server": (7, machine.nexus("next", **nowhere)),
        "no address": (7, machine.nexus("next", NEXUS_URL="http://[nexus")),
        "no argument": (2, machine.nexus("task", "get")),
        "no command": (2, machine.nexus("task", "eat")),
        "no option": (2, machine.nexus("next", "--colour")),
        "no file": (2, machine.nexus("import", "missing.json")),
        "no profile": (3, machine.nexus("--profile", "other", "next")),
        "strange key": (3, machine.nexus("next", NEXUS_API_KEY="nxs_schlüssel")),
        "unknown key": (3, machine.nexus("next", NEXUS_API_KEY="nxs_aaaaaaaaaa_bbb")),
    }

    problems = {
        name: (done.returncode, done.stdout[:200], done.stderr[-200:])
        for name, (code, done) in refused.items()
        if done.returncode != code
        or done.stdout
        or not done.stderr.strip()
        or "Traceback" in done.stderr
    }
    assert problems == {}


def test_without_a_profile_a_command_says_how_to_get_one(tmp_path: Path) -> None:
    done = Machine(folder=tmp_path).nexus("next", "--json")

    assert (done.returncode, done.stdout) == (3, "")
    assert "nexus login" in done.stderr


@pytest.mark.parametrize(
    "content",
    [
        "{half a pro",
        "[]",
        "null",
        '{"current": "d", "profiles": [{}]}',
        '{"current": "d", "profiles": [{"name": "d", "url": 5, "key": null}]}',
    ],
)
def test_a_broken_profile_file_is_a_sentence_that_names_it(tmp_path: Path, content: str) -> None:
    machine = Machine(folder=tmp_path)
    machine.profile_path.write_text(content)

    done = machine.nexus("next")

    assert (done.returncode, done.stdout) == (6, "")
    assert "profiles.json" in done.stderr.replace("\n", "")
    assert "Traceback" not in done.stderr
    assert machine.profile_path.read_text() == content


def test_signing_in_with_a_key_makes_a_profile(server: Server, tmp_path: Path) -> None:
    machine = Machine(folder=tmp_path)

    done = machine.nexus("login", server.url, "--key", server.key, "--name", "work")

    refused = machine.nexus("login", server.url, "--key", "nxs_aaaaaaaaaa_bbb", "--name", "bad")
    assert (done.returncode, refused.returncode) == (0, 3)
    assert "Signed in as Owner" in done.stdout
    assert server.key not in done.stdout + done.stderr
    assert stat.S_IMODE(machine.profile_path.stat().st_mode) == 0o600
    assert machine.nexus("next").returncode == 0
    assert len(json.loads(machine.profile_path.read_text())["profiles"]) == 1


def test_the_profile_that_is_named_is_the_one_that_is_used(server: Server, tmp_path: Path) -> None:
    machine = Machine(folder=tmp_path)
    gone = {"name": "gone", "url": f"http://127.0.0.1:{free_port()}", "key": "nxs_a_b"}
    good = {"name": "good", "url": server.url, "key": server.key}
    machine.profile_path.write_text(json.dumps({"current": "gone", "profiles": [gone, good]}))

    current = machine.nexus("next")
    by_option = machine.nexus("--profile", "good", "next")
    by_environment = machine.nexus("next", NEXUS_PROFILE="good")

    assert current.returncode == 7
    assert (by_option.returncode, by_environment.returncode) == (0, 0)


@pytest.mark.parametrize(("is_right", "exit_code"), [(True, 0), (False, 3)])
def test_signing_in_with_a_password_makes_a_key_and_shows_nothing(
    server: Server, tmp_path: Path, is_right: bool, exit_code: int
) -> None:
    machine = Machine(folder=tmp_path)
    words = dict(
        line.split()
        for line in server.out.read_text().splitlines()
        if "  " in line[2:] and len(line.split()) == 2
    )
    password = words["Password"] if is_right else "not the password at all"

    code, shown = _typed(machine, ["login", server.url, "--email", words["E-mail"]], password)

    assert code == exit_code, shown
    assert password not in shown
    assert "Traceback" not in shown
    assert machine.profile_path.exists() is is_right
    assert machine.nexus("next").returncode == exit_code


@pytest.mark.parametrize("command", COMMANDS)
def test_the_help_of_a_command_is_for_its_user(
    command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    takes_arguments = any(
        one.param_type_name == "argument" or one.required
        for one in COMMANDS[command].params
        if one.name != "help"
    )

    with pytest.raises(SystemExit) as end:
        PROGRAM.main([*command.split(), "--help"], prog_name="nexus")

    shown = capsys.readouterr().out
    assert end.value.code == 0
    examples = shown.partition("Examples:")[2]
    assert f"nexus {command.partition(' ')[0]}" in examples or not takes_arguments
    assert [word for word in INTERNALS if word in shown.lower()] == []


@pytest.mark.parametrize("command", [one for one in COMMANDS if one not in OPERATORS])
def test_every_command_of_a_user_prints_json_if_asked(command: str) -> None:
    options = [option for one in COMMANDS[command].params for option in one.opts]

    assert "--json" in options


def test_commands_of_users_import_nothing_of_the_server() -> None:
    program = (
        "import nexus.entrypoints.cli, sys; "
        "print({'litestar', 'sqlalchemy', 'granian', 'pydantic'} & set(sys.modules))"
    )

    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )

    assert done.stdout == "set()\n"


def _typed(machine: Machine, arguments: list[str], line: str) -> tuple[int, str]:
    """Run a command in a terminal and type a line once it asks; exit code and what it showed."""
    terminal = "import os, pty, sys; sys.exit(os.waitstatus_to_exitcode(pty.spawn(sys.argv[1:])))"
    with subprocess.Popen(
        [sys.executable, "-c", terminal, NEXUS, *arguments],
        cwd=machine.folder,
        env=machine.environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    ) as process:
        assert process.stdin
        assert process.stdout
        shown = b""
        while b"Password: " not in shown:
            byte = process.stdout.read(1)
            assert byte, shown
            shown += byte
        process.stdin.write(line.encode() + b"\n")
        process.stdin.flush()
        shown += process.stdout.read()
    return process.returncode, shown.decode()
