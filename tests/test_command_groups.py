"""Every group of `nexus` commands through its life, against a real server."""

import csv
import io
import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest

from tests.server import Machine, Server, free_port
from tests.terminal import a_newcomer, a_server, owners_machine

LISTS = [
    "project list",
    "project members {project}",
    "project repositories {project}",
    "field list {project}",
    "view list",
    "view run {view}",
    "repository list",
    "user list",
    "invitation list",
    "workspace list",
    "key list",
    "profile list",
    "events",
    "task list",
    "next",
]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with a_server("sqlite", tmp_path_factory.mktemp("machine"), "") as server:
        yield server


@pytest.fixture
def machine(server: Server, tmp_path: Path) -> Machine:
    return owners_machine(server, tmp_path)


@pytest.fixture
def project(server: Server) -> str:
    key = f"P{uuid4().hex[:9].upper()}"
    return server.call("POST", "/projects", json={"key": key, "name": "A project"})["key"]


def test_a_project_has_members_a_lead_and_repositories(
    server: Server, machine: Machine, project: str
) -> None:
    grace = a_newcomer(server)
    name = f"shop-{uuid4().hex[:8]}"
    machine.json("repository", "create", name, "--url", f"https://git.test/{name}")

    added = machine.json("project", "add-member", project, grace.email)
    led = machine.json("project", "update", project, "--lead", grace.email, "--version", "1")
    about = machine.json("project", "add-repository", project, name)

    stale = machine.nexus("project", "update", project, "--name", "Old", "--version", "1")
    lead_stays = machine.nexus("project", "remove-member", project, grace.email)
    nobody = machine.nexus("project", "add-member", project, "@nobody")
    shown = machine.nexus("project", "get", project).stdout
    members = machine.json("project", "members", project)["items"]
    assert added == {"project": project, "added": grace.id}
    assert (led["lead_id"], led["version"]) == (grace.id, 2)
    assert name in shown
    assert [one["id"] for one in members if one["is_lead"]] == [grace.id]
    assert (stale.returncode, lead_stays.returncode, nobody.returncode) == (5, 5, 4)
    assert machine.json("project", "remove-repository", project, name) == {
        "project": project,
        "removed": about["added"],
    }
    assert machine.json("project", "repositories", project)["items"] == []


def test_a_graph_shows_layers_and_the_longest_chain(machine: Machine, project: str) -> None:
    first = machine.json("task", "create", "First [x]", "-p", project)["key"]
    last = machine.json("task", "create", "Last", "-p", project, "--depends-on", first)["key"]
    alone = machine.json("task", "create", "Alone", "-p", project)["key"]

    shown = machine.nexus("project", "graph", project).stdout

    lines = [line.strip() for line in shown.splitlines() if project in line]
    graph = machine.json("project", "graph", project)
    assert lines[0] == f"{project}: 3 tasks in 2 layers. The critical path (*) is 2 tasks long."
    assert lines[1].split() == ["*", first, "todo", "First", "[x]"]
    assert lines[2].split() == [alone, "todo", "Alone"]
    assert lines[3].split() == ["*", last, "todo", "Last", "needs", first]
    assert graph["critical_path"] == [first, last]


def test_a_project_without_tasks_has_no_graph(machine: Machine, project: str) -> None:
    shown = machine.nexus("project", "graph", project)

    assert (shown.returncode, shown.stdout) == (0, f"{project} has no open task.\n")


def test_a_field_is_defined_changed_and_removed(machine: Machine, project: str) -> None:
    field = ("severity", "--type", "choice", "--choice", "low", "--choice", "high")

    made = machine.json("field", "create", project, *field, "--required")
    changed = machine.json("field", "update", project, "severity", "--choice", "low", "--optional")

    twice = machine.nexus("field", "create", project, *field)
    no_choices = machine.nexus("field", "create", project, "odd", "--type", "choice")
    no_change = machine.nexus("field", "update", project, "severity")
    listed = machine.json("field", "list", project)["items"]
    assert (made["name"], made["choices"], made["is_required"]) == (
        "severity",
        ["low", "high"],
        True,
    )
    assert (changed["choices"], changed["is_required"]) == (["low"], False)
    assert listed == [changed]
    assert [one.returncode for one in (twice, no_choices, no_change)] == [5, 6, 2]
    assert machine.json("field", "remove", project, "severity") == {"removed": "severity"}
    assert machine.nexus("field", "remove", project, "severity").returncode == 4


def test_a_view_lists_what_its_filters_list(machine: Machine, project: str) -> None:
    name = f"Urgent {uuid4().hex[:8]}"
    urgent = machine.json("task", "create", "A", "-p", project, "--priority", "high")["key"]
    other = machine.json("task", "create", "B", "-p", project)["key"]
    machine.json("view", "create", name, "-p", project, "--priority", "high", "--sort", "key")

    ran = machine.nexus("view", "run", name.upper(), "--json").stdout

    same = machine.nexus("task", "list", "--view", name, "--json").stdout
    shown = machine.nexus("view", "get", name).stdout
    assert ran == same
    assert [task["key"] for task in json.loads(ran)["items"]] == [urgent]
    assert f"nexus task list --priority high --project {project} --sort key" in _sorted(shown)
    changed = machine.json("view", "update", name, "--without", "priority", "--shared")
    assert changed["query"] == {"project": [project], "sort": "key"}
    assert changed["is_shared"]
    listed = machine.json("view", "run", name)["items"]
    assert [task["key"] for task in listed] == [urgent, other]


def test_a_view_that_is_not_as_was_thought_is_refused(machine: Machine) -> None:
    name = f"Mine {uuid4().hex[:8]}"
    machine.json("view", "create", name, "--ready")

    refused = {
        "taken": (5, machine.nexus("view", "create", name)),
        "stale": (5, machine.nexus("view", "update", name, "--shared", "--version", "9")),
        "no such filter": (6, machine.nexus("view", "update", name, "--without", "label")),
        "status": (6, machine.nexus("view", "create", "Odd", "--status", "eaten")),
        "unknown": (4, machine.nexus("view", "run", "Nobody's")),
    }

    assert _wrong(refused) == {}
    assert "removed" in machine.json("view", "remove", name)
    assert machine.nexus("view", "get", name).returncode == 4


def test_a_repository_is_added_changed_and_archived(machine: Machine) -> None:
    name = f"tools-{uuid4().hex[:8]}"
    url = f"git@git.test:{name}.git"
    made = machine.json("repository", "create", name, "--url", url, "--provider", "other")

    changed = machine.json("repository", "update", name, "--branch", "trunk", "--version", "1")
    archived = machine.json("repository", "update", url, "--archive")

    refused = {
        "taken": (5, machine.nexus("repository", "create", name, "--url", "https://git.test/x")),
        "stale": (
            5,
            machine.nexus("repository", "update", name, "--branch", "b", "--version", "1"),
        ),
        "no address": (6, machine.nexus("repository", "create", "other", "--url", "there")),
        "unknown": (4, machine.nexus("repository", "get", "none")),
    }
    open_ones = machine.json("repository", "list")["items"]
    archive = machine.json("repository", "list", "--archived")["items"]
    assert (changed["default_branch"], archived["id"]) == ("trunk", made["id"])
    assert made["id"] in [one["id"] for one in archive]
    assert made["id"] not in [one["id"] for one in open_ones]
    assert machine.json("repository", "get", name)["archived_at"] == archived["archived_at"]
    assert _wrong(refused) == {}


def test_a_key_is_looked_at(machine: Machine) -> None:
    made = machine.json("key", "create", "to look at", "--scope", "tasks:read")

    found = machine.json("key", "get", made["key"]["id"])

    shown = machine.nexus("key", "get", made["key"]["id"]).stdout
    assert found["scopes"] == ["tasks:read"]
    assert "tasks:read" in shown
    assert made["secret"] not in shown


@pytest.mark.parametrize("words", LISTS)
def test_a_list_is_a_table_for_spreadsheets_and_json_for_programs(
    machine: Machine, project: str, words: str
) -> None:
    view = f"View {uuid4().hex[:8]}"
    machine.json("task", "create", "=1+1", "-p", project, "--label", 'a "b", c')
    machine.json("view", "create", view, "-p", project)
    arguments = [one.format(project=project, view=view) for one in words.split()]

    as_csv = machine.nexus(*arguments, "--csv")

    header, *rows = list(csv.reader(io.StringIO(as_csv.stdout)))
    items = machine.json(*arguments)["items"]
    assert as_csv.returncode == 0
    assert [name for name in header if name != name.upper()] == []
    assert {len(row) for row in rows} <= {len(header)}
    assert len(rows) == len(items)
    assert [cell for row in rows for cell in row if cell.startswith("=")] == []


def test_any_operation_is_called_by_its_address(machine: Machine, project: str) -> None:
    task = json.dumps({"project": project, "title": "Once"})
    posted = ("api", "POST", "/tasks", "--data", task, "--idempotency-key", uuid4().hex)
    made = machine.nexus(*posted)
    again = machine.nexus(*posted)
    key = json.loads(made.stdout)["key"]

    patched = machine.nexus(
        "api",
        "patch",
        f"/api/v1/tasks/{key}",
        "--data",
        "-",
        "--if-match",
        "1",
        stdin='{"title": "B"}',
    )
    listed = machine.nexus(
        "api", "GET", "/tasks?sort=key", "-q", f"project={project}", "-q", "limit=9"
    )
    removed = machine.nexus("api", "PUT", f"/projects/{project}/members/{_my_id(machine)}")
    healthy = machine.nexus("api", "GET", "/healthz")

    assert made.stdout == again.stdout
    assert (json.loads(patched.stdout)["title"], patched.returncode) == ("B", 0)
    assert [one["key"] for one in json.loads(listed.stdout)["items"]] == [key]
    assert (removed.returncode, removed.stdout) == (0, "")
    assert json.loads(healthy.stdout)["status"] == "ok"


def test_a_refused_operation_is_printed_and_has_its_exit_code(
    machine: Machine, project: str
) -> None:
    key = machine.json("task", "create", "A", "-p", project)["key"]
    body = ("--data", '{"title": "B"}')

    unknown = machine.nexus("api", "GET", "/tasks/NONE-1")
    stale = machine.nexus("api", "PATCH", f"/tasks/{key}", *body, "--if-match", "9")
    elsewhere = machine.nexus("api", "GET", f"//127.0.0.1:{free_port()}/me")
    nowhere = machine.nexus("api", "GET", "/me", NEXUS_URL=f"http://127.0.0.1:{free_port()}")

    assert (unknown.returncode, json.loads(unknown.stdout)["code"]) == (4, "task.not_found")
    assert (stale.returncode, json.loads(stale.stdout)["status"]) == (5, 412)
    assert machine.json("api", "GET", f"/tasks/{key}")["title"] == "A"
    assert (elsewhere.returncode, json.loads(elsewhere.stdout)["code"]) == (4, "route.not_found")
    assert (nowhere.returncode, nowhere.stdout) == (7, "")
    assert machine.nexus("api", "GET", "tasks").returncode == 2
    assert machine.nexus("api", "FETCH", "/tasks").returncode == 2
    assert machine.nexus("api", "GET", "/tasks", "--query", "limit").returncode == 2
    assert machine.nexus("api", "POST", "/tasks", "--data", "{").returncode == 6


def _my_id(machine: Machine) -> str:
    return machine.json("me")["actor"]["id"]


def _sorted(shown: str) -> str:
    """The last line, with its options in alphabetical order."""
    command, *options = shown.splitlines()[-1].split(" --")
    return " --".join([command, *sorted(options)])


def _wrong(
    refused: dict[str, tuple[int, subprocess.CompletedProcess[str]]],
) -> dict[str, tuple[int, str, str]]:
    return {
        name: (done.returncode, done.stdout, done.stderr)
        for name, (code, done) in refused.items()
        if done.returncode != code or done.stdout or not done.stderr or "Traceback" in done.stderr
    }
