"""Agents race for tasks while leases run out and servers are killed: the short form of it."""

import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx2 as httpx
import msgspec
import pytest

from soak.claim_rules import LATE, Rule, violations
from soak.claims import Plan, run_on
from tests.conftest import DATABASES, a_postgres_database
from tests.server import HTTP, Machine, Server

Log = list[dict[str, Any]]
BY_NOBODY: dict[str, Any] = {"run_id": None, "fence": None, "actor": None}


@pytest.fixture(params=DATABASES)
def url(request: pytest.FixtureRequest, tmp_path: Path, worker_id: str) -> Iterator[str]:
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path}/nexus.db"
    else:
        with a_postgres_database(f"nexus_claim_races_{worker_id}") as url:
            yield url


def test_agents_do_all_tasks_once_while_leases_run_out_and_servers_die(
    url: str, tmp_path: Path
) -> None:
    plan = Plan(
        name="short",
        seed=5,
        claimers=20,
        tasks=30,
        leases_s=(1, 2, 3),
        kill_every_s=2,
        most_kills=1,
        within_s=90,
    )

    outcome = run_on(tmp_path, url, plan)

    assert outcome.kills >= 1
    assert outcome.deaths >= 1
    assert outcome.count("run.expired") >= 1
    assert outcome.count("task.claimed") > outcome.count("task.created") >= 30


def test_what_is_right_is_not_accused(clean: Log) -> None:
    names = {one["name"] for one in clean}

    assert violations(clean) == []

    assert {"run.expired", "run.submitted", "run.accepted", "run.released"} <= names


def lose_an_event(log: Log) -> None:
    del log[at(log, "run.progressed")]


def hold_twice(log: Log) -> None:
    claimed = at(log, "task.claimed")
    other = changed(log[claimed], run_id=str(uuid4()), fence=log[claimed]["payload"]["fence"] + 1)
    insert(log, claimed + 2, other)


def repeat_a_fence(log: Log) -> None:
    log[at(log, "task.claimed", 1)]["payload"]["fence"] = 1


def write_under_the_fence_before(log: Log) -> None:
    old, progressed = log[at(log, "task.claimed")], at(log, "run.progressed", 1)
    insert(log, progressed, changed(log[progressed], fence=old["payload"]["fence"]))


def write_after_the_end(log: Log) -> None:
    late = log[at(log, "run.progressed")] | {"request_id": "another"}
    insert(log, at(log, "run.expired") + 1, late)


def edit_after_the_end(log: Log) -> None:
    late = log[at(log, "task.updated")] | {"request_id": "another"}
    insert(log, at(log, "run.expired") + 1, late)


def write_in_the_run_of_another(log: Log) -> None:
    stranger = log[at(log, "task.claimed", 1)]["actor"]
    progressed = at(log, "run.progressed")
    insert(log, progressed + 1, log[progressed] | {"actor": stranger})


def write_in_no_run(log: Log) -> None:
    progressed = at(log, "run.progressed")
    insert(log, progressed, changed(log[progressed], run_id=str(uuid4())) | {"run_id": None})


def write_though_the_lease_is_known_to_be_over(log: Log) -> None:
    log[at(log, "run.progressed")]["payload"]["note"] = f"{LATE}On it."


def submit_though_the_lease_is_known_to_be_over(log: Log) -> None:
    log[at(log, "run.submitted")]["payload"]["reason"] = f"{LATE}Done."


def expire_before_the_time(log: Log) -> None:
    claimed, expired = log[at(log, "task.claimed")], log[at(log, "run.expired")]
    expired["recorded_at"] = claimed["recorded_at"]


def expire_though_it_was_renewed(log: Log) -> None:
    renewed, expired = log[at(log, "run.progressed")], log[at(log, "run.expired")]
    renewed["recorded_at"] = expired["recorded_at"]
    log[at(log, "task.claimed")]["payload"]["lease_s"] = 3


def end_twice(log: Log) -> None:
    released = at(log, "run.released")
    insert(log, released + 2, log[released] | {"name": "run.failed"})


def never_end(log: Log) -> None:
    remove(log, at(log, "run.accepted", -1))


def reject_what_was_not_submitted(log: Log) -> None:
    log[at(log, "run.released")]["name"] = "run.rejected"


def never_be_judged(log: Log) -> None:
    submitted = log[at(log, "run.submitted")]["payload"]["run_id"]
    [verdict] = [
        place
        for place, one in enumerate(log)
        if one["name"] == "run.accepted" and one["payload"]["run_id"] == submitted
    ]
    remove(log, verdict)


def begin_what_waits(log: Log) -> None:
    """For what is not finished before the end."""
    first, last = log[at(log, "task.created")], log[at(log, "task.created", -1)]
    edge = deepcopy(log[at(log, "task.dependency_added")])
    edge["task_id"] = first["task_id"]
    edge["payload"] |= {"depends_on_id": last["task_id"]}
    insert(log, at(log, "task.claimed"), edge)


def begin_what_waits_with_its_parent(log: Log) -> None:
    """The second task waits for the first one; now all others lie below it."""
    first, second = log[at(log, "task.created")], log[at(log, "task.created", 1)]
    edge: dict[str, Any] = deepcopy(log[at(log, "task.updated")]) | BY_NOBODY
    edge["task_id"] = first["task_id"]
    edge["payload"]["changes"] = {"parent": [None, second["payload"]["key"]]}
    insert(log, at(log, "task.claimed"), edge)


def begin_what_has_open_subtasks(log: Log) -> None:
    first, last = log[at(log, "task.created")], log[at(log, "task.created", -1)]
    edge: dict[str, Any] = deepcopy(log[at(log, "task.updated")]) | BY_NOBODY
    edge["task_id"] = last["task_id"]
    edge["payload"]["changes"] = {"parent": [None, first["payload"]["key"]]}
    insert(log, at(log, "task.claimed"), edge)


def begin_what_is_deferred(log: Log) -> None:
    log[at(log, "task.created")]["payload"]["status"] = "deferred"


def finish_twice(log: Log) -> None:
    done = at(log, "task.status_changed", -1)
    insert(log, done + 1, log[done])


def lose_a_change(log: Log) -> None:
    remove(log, at(log, "task.status_changed"))


def stay_open(log: Log) -> None:
    remove(log, at(log, "task.status_changed", -1))


@pytest.mark.parametrize(
    ("happens", "rule"),
    [
        (lose_an_event, Rule.WHOLE_LOG),
        (hold_twice, Rule.ONE_LEASE),
        (repeat_a_fence, Rule.FENCES_RISE),
        (write_under_the_fence_before, Rule.LIVE_WRITES),
        (write_after_the_end, Rule.LIVE_WRITES),
        (edit_after_the_end, Rule.LIVE_WRITES),
        (write_in_the_run_of_another, Rule.LIVE_WRITES),
        (write_in_no_run, Rule.LIVE_WRITES),
        (write_though_the_lease_is_known_to_be_over, Rule.NO_LATE_WRITES),
        (submit_though_the_lease_is_known_to_be_over, Rule.NO_LATE_WRITES),
        (expire_before_the_time, Rule.NO_EARLY_EXPIRY),
        (expire_though_it_was_renewed, Rule.NO_EARLY_EXPIRY),
        (end_twice, Rule.ONE_END),
        (never_end, Rule.ONE_END),
        (never_be_judged, Rule.ONE_END),
        (reject_what_was_not_submitted, Rule.ONE_END),
        (begin_what_waits, Rule.READY),
        (begin_what_waits_with_its_parent, Rule.READY),
        (begin_what_has_open_subtasks, Rule.READY),
        (begin_what_is_deferred, Rule.READY),
        (finish_twice, Rule.ONE_FINISH),
        (lose_a_change, Rule.STATUS_KEPT),
        (stay_open, Rule.ALL_FINISHED),
    ],
)
def test_whatever_must_not_happen_is_found_out(
    clean: Log, happens: Callable[[Log], None], rule: Rule
) -> None:
    happens(clean)

    found = {one.rule for one in violations(clean)}

    assert rule in found


def test_the_checker_reads_a_log_from_a_file(clean: Log, tmp_path: Path) -> None:
    right, wrong = tmp_path / "right.jsonl", tmp_path / "wrong.jsonl"
    right.write_bytes(b"\n".join(map(msgspec.json.encode, clean)))
    hold_twice(clean)
    wrong.write_bytes(b"\n".join(map(msgspec.json.encode, clean)))

    on_right, on_wrong = check_file(right), check_file(wrong)

    assert (on_right.returncode, on_wrong.returncode) == (0, 1)
    assert f"{len(clean) - 1} events, 0 violations." in on_right.stdout
    assert Rule.ONE_LEASE in on_wrong.stdout
    assert "task.claimed by Ann" in on_wrong.stdout


def check_file(path: Path) -> subprocess.CompletedProcess[str]:
    arguments = [sys.executable, "-m", "soak.claim_rules", str(path)]
    return subprocess.run(arguments, capture_output=True, text=True, check=False)


@pytest.fixture
def clean(recorded: Log) -> Log:
    return deepcopy(recorded)


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Log:
    """What a server wrote down of three tasks: expired, taken again, released, judged, done."""
    with Machine(folder=tmp_path_factory.mktemp("recorded")).serving() as server:
        keys = a_backlog(server)
        ann, ben, cy = (an_agent(server, name) for name in ("Ann", "Ben", "Cy"))
        server.call("PATCH", f"/agents/{cy.id}", json={"needs_review": True})
        first = ann.take(keys[0], lease_s=1)
        ann.write(first, "progress", note="On it.")
        ann.edit(first, description="More of it.")
        time.sleep(1.1)
        second = ben.take(keys[0])
        ben.write(second, "progress", note="On it again.")
        ben.write(second, "submission", summary="Done.")
        ben.write(ben.take(keys[1]), "release")
        third = cy.take(keys[1])
        cy.write(third, "submission", summary="Done, I think.")
        server.call("POST", f"/runs/{third['run_id']}/acceptance", json={})
        ann.write(ann.take(keys[2]), "submission", summary="Done.")
        return server.call("GET", "/events?limit=200")["items"]


def a_backlog(server: Server) -> list[str]:
    """Three tasks, the second of which waits for the first."""
    server.call("POST", "/projects", json={"key": "LOG", "name": "Log"})
    policy: dict[str, Any] = {"landing": "done", "evidence": []}
    server.call("PUT", "/projects/LOG/policy", json=policy)
    draft = {"project": "LOG", "title": "Something"}
    keys = [server.call("POST", "/tasks", json=draft)["key"] for _ in range(3)]
    server.call("POST", f"/tasks/{keys[1]}/dependencies", json={"depends_on": keys[0]})
    return keys


@dataclass(frozen=True, kw_only=True)
class Agent:
    server: Server
    id: str
    key: str

    def take(self, task: str, *, lease_s: int = 60) -> Any:
        return self._send("POST", "/agents/assign", {"task": task, "lease_s": lease_s}).json()

    def write(self, claim: Any, what: str, **body: str) -> None:
        self._send("POST", f"/runs/{claim['run_id']}/{what}", body, claim["fence"])

    def edit(self, claim: Any, **body: str) -> None:
        self._send("PATCH", f"/tasks/{claim['task']['key']}", body, claim["fence"])

    def _send(self, method: str, path: str, body: Any, fence: int | None = None) -> httpx.Response:
        headers = {"Authorization": f"Bearer {self.key}"}
        if fence is not None:
            headers["Nexus-Fence"] = str(fence)
        url = f"{self.server.url}/api/v1{path}"
        return HTTP.request(method, url, json=body, headers=headers).raise_for_status()


def an_agent(server: Server, name: str) -> Agent:
    made = server.call("POST", "/agents", json={"name": name})
    key = server.call("POST", f"/agents/{made['id']}/keys", json={"name": name})
    return Agent(server=server, id=made["id"], key=key["secret"])


def at(log: Log, name: str, which: int = 0) -> int:
    """Where an event of this name stands."""
    return [place for place, one in enumerate(log) if one["name"] == name][which]


def changed(event: dict[str, Any], **payload: Any) -> dict[str, Any]:
    copy = deepcopy(event)
    copy["payload"] |= payload
    return copy


def insert(log: Log, place: int, event: dict[str, Any]) -> None:
    log.insert(place, deepcopy(event))
    renumber(log)


def remove(log: Log, place: int) -> None:
    del log[place]
    renumber(log)


def renumber(log: Log) -> None:
    for seq, one in enumerate(log, start=1):
        one["seq"] = seq
