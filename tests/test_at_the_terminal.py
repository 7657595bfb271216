"""The `nexus` program in a shell: colours, pager, completion, pipes and editor."""

import json
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest

from tests.server import Machine, Server, free_port, installed
from tests.terminal import a_server, at_terminal, owners_machine

ODD = r"[/x] \$(touch pwned) `touch pwned` 'q' [bold]b"
SHELLS = ["bash", "zsh", "fish"]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """On SQLite alone: what a terminal shows does not depend on the database."""
    with a_server("sqlite", tmp_path_factory.mktemp("machine"), "") as server:
        yield server


@pytest.fixture
def machine(server: Server, tmp_path: Path) -> Machine:
    return owners_machine(server, tmp_path)


@pytest.fixture
def project(server: Server) -> str:
    """The key of a project with a dozen ready tasks."""
    key = f"P{uuid4().hex[:9].upper()}"
    server.call("POST", "/projects", json={"key": key, "name": "A project"})
    for number in range(12):
        server.call("POST", "/tasks", json={"project": key, "title": f"Task {number}"})
    return key


def test_colours_are_for_terminals_and_for_those_who_want_them(
    machine: Machine, project: str
) -> None:
    commands = [
        ("task", "list", "-p", project),
        ("project", "graph", project),
        ("task", "get", f"{project}-1"),
    ]

    coloured = [at_terminal(machine, *one, NEXUS_PAGER="cat").text for one in commands]
    plain = [at_terminal(machine, *one, NO_COLOR="1", NEXUS_PAGER="cat").text for one in commands]
    refused = at_terminal(machine, "task", "get", "NONE-1", NO_COLOR="1")
    piped = [machine.nexus(*one).stdout for one in commands]
    as_installed = [
        at_terminal(machine, *commands[0], start=installed, NEXUS_PAGER="cat", **colours).text
        for colours in ({}, {"NO_COLOR": "1"})
    ]

    assert [text for text in coloured if "\x1b[" not in text] == []
    assert [text for text in [*plain, refused.text, *piped] if "\x1b" in text] == []
    assert [text for text in plain if f"{project}-1" not in text] == []
    assert refused.exit_code == 4
    assert as_installed == [coloured[0], plain[0]]


def test_the_pager_is_for_what_is_longer_than_the_terminal(machine: Machine, project: str) -> None:
    pager = _script(machine, "pager", 'touch "$HOME/was_used"; cat')
    environment = {"NEXUS_PAGER": str(pager), "MANPAGER": "false", "HOME": str(machine.folder)}
    used = machine.folder / "was_used"
    listing = ("task", "list", "-p", project)

    piped = machine.nexus(*listing, **environment)
    long_enough = at_terminal(machine, *listing, rows=40, **environment)
    unwanted = at_terminal(machine, *listing, rows=8, **environment | {"NEXUS_PAGER": "cat"})
    was_used_before = used.exists()
    too_short = at_terminal(machine, *listing, rows=8, **environment)

    shown = [piped.stdout, long_enough.text, unwanted.text, too_short.text]
    assert [text for text in shown if text.count(f"{project}-") != 12] == []
    assert (was_used_before, used.exists()) == (False, True)


@pytest.mark.parametrize("shell", SHELLS)
def test_the_shell_completes_keys_as_the_server_knows_them(
    machine: Machine, project: str, shell: str
) -> None:
    task = machine.json("task", "create", ODD, "-p", project)["key"]

    projects = _completed(machine, shell, f"nexus project get {project[:4]}")
    tasks = _completed(machine, shell, f"nexus task status {task}")
    words = _completed(machine, shell, "nexus proj")

    assert project in projects
    assert task in tasks
    assert "project" in words
    assert [sign for sign in ("$(", "`", "\\") if sign in tasks] == []


@pytest.mark.parametrize("shell", SHELLS)
def test_a_completion_that_fails_says_nothing(machine: Machine, shell: str) -> None:
    nowhere = f"http://127.0.0.1:{free_port()}"
    line = "nexus project get "

    away = _completed(machine, shell, line, NEXUS_URL=nowhere)
    strange_key = _completed(machine, shell, line, NEXUS_API_KEY="nxs_schlüssel")
    machine.profile_path.write_text("{half a pro")
    broken = _completed(machine, shell, line)

    assert {away.strip(), strange_key.strip(), broken.strip()} <= {"", "_files"}


def test_a_completion_asks_the_profile_that_is_named(
    server: Server, machine: Machine, project: str
) -> None:
    gone = {"name": "gone", "url": f"http://127.0.0.1:{free_port()}", "key": "nxs_a_b"}
    good = {"name": "good", "url": server.url, "key": server.key}
    machine.profile_path.write_text(json.dumps({"current": "gone", "profiles": [gone, good]}))

    current = _completed(machine, "bash", f"nexus project get {project}")
    named = _completed(machine, "bash", f"nexus --profile good project get {project}")

    assert (current.strip(), named.strip()) == ("", project)


def test_what_one_command_prints_another_one_reads(machine: Machine, project: str) -> None:
    ready = machine.nexus("next", "-p", project, "--limit", "2", "--json")
    keys = [task["key"] for task in json.loads(ready.stdout)["items"]]

    from_json = machine.nexus("task", "status", "in_progress", "-", stdin=ready.stdout)
    from_lines = machine.nexus("task", "status", "-", "in_review", stdin="\n".join(keys))
    quoted = machine.nexus("task", "status", "done", "-", stdin=f'"{keys[0]}"\n')
    nothing = machine.nexus("task", "status", "done", "-", stdin="")
    no_tasks = machine.nexus("task", "status", "done", "-", stdin='{"a": 1}')

    assert len(keys) == 2
    assert from_json.stdout.splitlines() == [f"{key} is in_progress." for key in keys]
    assert from_lines.stdout.splitlines() == [f"{key} is in_review." for key in keys]
    assert quoted.stdout.splitlines()[0] == f"{keys[0]} is done."
    assert (nothing.returncode, no_tasks.returncode) == (2, 6)


def test_a_text_is_written_in_the_editor(machine: Machine, project: str) -> None:
    editor = _script(machine, "editor", 'printf "written [here]" >> "$1"')
    task = f"{project}-1"
    made = machine.nexus(
        "task",
        "create",
        "Edited",
        "-p",
        project,
        "-d",
        "as ",
        "--edit",
        "--json",
        EDITOR=str(editor),
    )
    machine.nexus("task", "update", task, "--edit", EDITOR=str(editor))

    unsaved = machine.nexus("task", "update", task, "--edit", EDITOR="true")

    found = machine.json("task", "get", task)
    assert json.loads(made.stdout)["description"].split() == ["as", "written", "[here]"]
    assert (unsaved.returncode, found["description"], found["version"]) == (0, "written [here]", 2)


def _completed(machine: Machine, shell: str, line: str, **environment: str) -> str:
    """What the shell is told for the last word of a line, by Typer's protocol."""
    count = len(line.split()) - (not line.endswith(" "))
    done = machine.nexus(
        _NEXUS_COMPLETE=f"complete_{shell}",
        COMP_WORDS=line,
        COMP_CWORD=str(count),
        _TYPER_COMPLETE_ARGS=line,
        _TYPER_COMPLETE_FISH_ACTION="get-args",
        **environment,
    )
    assert done.stderr == ""
    return done.stdout


def _script(machine: Machine, name: str, commands: str) -> Path:
    path = machine.folder / name
    path.write_text(f"#!/bin/sh\n{commands}\n")
    path.chmod(0o700)
    return path
