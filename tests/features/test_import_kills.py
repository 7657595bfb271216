"""A server killed in the middle of an import goes on where it was, and nobody notices."""

import json
import random
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import DATABASES, a_postgres_database
from tests.features.importing import Record, free, read
from tests.server import Machine, Server

SAMPLE = Path("shared") / "samples" / "taskmaster-tagged.json"
SEED = 20_261_121
ATTEMPTS = 4
WITHIN_S = 180

Lists = dict[str, dict[str, Record]]
Moment = Callable[[Any], bool]
"""Whether an import, as it is answered, has got where the server is to be killed."""


@pytest.fixture(params=DATABASES)
def machine(request: pytest.FixtureRequest, tmp_path: Path, worker_id: str) -> Iterator[Machine]:
    """A computer with an empty database, and no limit on requests."""
    extra = {"NEXUS_HTTP__REQUESTS_PER_MINUTE": "1000000"}
    if request.param == "sqlite":
        yield Machine(folder=tmp_path, database_url=f"sqlite:///{tmp_path}/nexus.db", extra=extra)
    else:
        with a_postgres_database(f"nexus_kills_{worker_id}") as url:
            yield Machine(folder=tmp_path, database_url=url, extra=extra)


@pytest.fixture
def content(root: Path) -> bytes:
    """The sample but for its longest list, which is most of it."""
    path = root.parent / SAMPLE
    if not path.exists():
        return json.dumps({"tasks": _generated()}).encode()
    lists = json.loads(path.read_bytes())
    del lists["master"]
    return json.dumps(lists).encode()


def _generated() -> list[Any]:
    return [
        {
            "id": number,
            "title": f"Task {number}",
            "status": "done" if number % 7 == 0 else "pending",
            "dependencies": [number // 2] if number > 1 else [2],
            "subtasks": [{"id": 1, "title": f"Part of {number}", "status": "pending"}],
        }
        for number in range(1, 251)
    ]


@dataclass(kw_only=True)
class Trial:
    """One import by one server after the other. `seen` is what looked ready on the way."""

    server: Server
    import_id: str
    backlog: Lists
    seen: set[tuple[str, str]] = field(default_factory=set[tuple[str, str]])
    looked_at: tuple[Any, ...] = ()

    def look(self) -> Any:
        """How far it has got; notes what looks ready of it, once after each chunk."""
        found = self.server.call("GET", f"/imports/{self.import_id}")
        ids = {one["project"]: one["name"] for one in found["report"]["lists"]}
        here = (found["state"], found["phase"], found["position"])
        if here == self.looked_at:
            time.sleep(0.01)
        elif ids:
            self.looked_at = here
            for task in _all(self.server, "/tasks", ready="true", project=list(ids)):
                self.seen.add(_name(task["key"], ids, self.backlog))
        return found

    def killed_when(self, moment: Moment) -> bool:
        """Kill the server at that moment; False if the import was over before."""
        while not moment(found := self.look()):
            if found["state"] in {"done", "failed"}:
                return False
        self.server.kill()
        return True

    def ended(self) -> Any:
        until = time.monotonic() + WITHIN_S
        while time.monotonic() < until:
            found = self.look()
            if found["state"] in {"done", "failed"}:
                return found
        raise AssertionError(f"Not done in {WITHIN_S} s: {found}")


def _name(key: str, ids: dict[str, str], backlog: Lists) -> tuple[str, str]:
    """The list and id of a record: number n of a new project is its n-th one."""
    project, _, number = key.rpartition("-")
    return ids[project], list(backlog[ids[project]])[int(number) - 1]


def _all(server: Server, path: str, **params: Any) -> list[Any]:
    items: list[Any] = []
    while True:
        page = server.call("GET", path, params={"limit": 200, **params})
        items += page["items"]
        if page["next_cursor"] is None:
            return items
        params["cursor"] = page["next_cursor"]


def began(server: Server, content: bytes, source: str, backlog: Lists) -> Trial:
    asked = server.call("POST", "/imports", content=content, params={"source": source})
    return Trial(server=server, import_id=asked["id"], backlog=backlog)


def outcome(trial: Trial, done: Any) -> dict[str, Any]:
    """All that has come of an import, without the keys and ids that differ from one to another."""
    ids = {one["project"]: one["name"] for one in done["report"]["lists"]}
    columns = ("open_dependencies", "open_subtasks", "unlock_depth", "unlock_count", "version")
    plain = ("title", "status", "priority", "labels")  # complexity is estimated within a minute
    tasks: dict[Any, Any] = {}
    for task in _all(trial.server, "/tasks", sort="key", project=list(ids)):
        above = task["parent"] and _name(task["parent"]["key"], ids, trial.backlog)
        needs = [_name(one["key"], ids, trial.backlog) for one in task["dependencies"]]
        values = {name: task[name] for name in (*columns, *plain)}
        tasks[_name(task["key"], ids, trial.backlog)] = (values, above, sorted(needs))
    records = _all(trial.server, f"/imports/{trial.import_id}/records")
    lists = [{k: v for k, v in one.items() if k != "project"} for one in done["report"]["lists"]]
    return {
        "tasks": tasks,
        "records": [_without(one, "task_id", "key") for one in records],
        "report": done["report"] | {"lists": lists},
        "ended": (done["state"], done["error"], done["position"], done["records"]),
    }


def _without(one: dict[str, Any], *names: str) -> dict[str, Any]:
    return {name: value for name, value in one.items() if name not in names}


def left_out(result: dict[str, Any], backlog: Lists) -> set[tuple[str, str, str]]:
    """The dependencies of the file that did not come in."""
    wanted = {(n, i, need) for n, held in backlog.items() for i in held for need in held[i].needs}
    return wanted - {
        (n, i, on) for (n, i), (_, _, needs) in result["tasks"].items() for _, on in needs
    }


def moments(count: int) -> dict[str, Moment]:
    """At a random record of each phase."""
    chance = random.Random(SEED)
    at_task, at_edge = chance.randint(1, count - 200), chance.randint(0, count - 200)
    return {
        "tasks": lambda one: one["phase"] == "tasks" and one["position"] >= at_task,
        "edges": lambda one: one["phase"] == "edges" and one["position"] >= at_edge,
        "settling": lambda one: one["phase"] == "settling" and one["state"] == "running",
    }


def test_a_kill_at_any_moment_leaves_no_trace_in_what_comes_of_an_import(
    machine: Machine, content: bytes
) -> None:
    backlog = read(content)
    server = machine.start()
    undisturbed = began(server, content, "undisturbed", backlog)
    expected = outcome(undisturbed, undisturbed.ended())
    allowed = free(backlog, left_out(expected, backlog))

    trials: dict[str, Trial] = {}
    results: dict[str, dict[str, Any]] = {}
    try:
        for name, moment in moments(sum(map(len, backlog.values()))).items():
            trials[name] = trial = _killed(server, content, name, backlog, moment)
            machine.end_leases()
            trial.server = server = machine.start(port=server.port)
            results[name] = outcome(trial, trial.ended())
        finished = [one["subject"] for one in _all(server, "/events", name="import.finished")]
    finally:
        server.kill()

    assert expected["ended"][:2] == ("done", None)
    assert len(expected["tasks"]) == expected["report"]["created"]
    for name, result in results.items():
        for part, value in expected.items():
            assert result[part] == value, f"{part} after a kill in {name}"
        assert finished.count(f"import:{trials[name].import_id}") == 1
        assert trials[name].seen <= allowed, f"looked ready too early around a kill in {name}"
    assert undisturbed.seen <= allowed


def _killed(server: Server, content: bytes, name: str, backlog: Lists, moment: Moment) -> Trial:
    """An import whose server was killed at that moment; a moment that was missed is tried again."""
    for attempt in range(ATTEMPTS):
        trial = began(server, content, f"{name} {attempt}", backlog)
        if trial.killed_when(moment):
            return trial
    raise AssertionError(f"No import could be caught in {name}.")
