"""What must hold of claims, judged from the event log alone: `python -m soak.claim_rules FILE`.

The file has a line for each event, as GET /events shows it, from the workspace's first one on.
What the log does not say is not judged: dependencies that a task was created with, and heartbeats.
"""

import sys
from argparse import ArgumentParser
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from pathlib import Path
from typing import Any

import msgspec

LATE = "late: "
"""How a writer begins a note or summary that it sends though it knows that its lease is over."""

CLOCKS = timedelta(seconds=0.05)
SLACK = timedelta(seconds=1)
"""How long a renewal may have taken until it was put on record."""

STORY, AFTERWARDS = 14, 4

Event = Mapping[str, Any]


class Rule(StrEnum):
    WHOLE_LOG = "the log has every number once"
    ONE_LEASE = "a task has one live lease at most"
    FENCES_RISE = "fences of a task only rise"
    LIVE_WRITES = "nothing is written under a fence that is over"
    NO_LATE_WRITES = "nothing is written after the end of a lease that nobody renewed"
    NO_EARLY_EXPIRY = "a lease lasts as long as was said"
    ONE_END = "a run has one end"
    READY = "agents take what is ready"
    ONE_FINISH = "a task is finished once, unless it is reopened"
    STATUS_KEPT = "a status changes from the one that the task has"
    ALL_FINISHED = "every task ends finished"


class State(StrEnum):
    LIVE = "live"
    SUBMITTED = "submitted"
    OVER = "over"


FINISHED = {"done", "cancelled"}
BY_HOLDER = {"run.progressed", "run.logged", "run.used", "run.asked"}
"""Signs of life: each renews the lease."""

BY_OTHERS = {"run.answered", "run.evidence_verified"}
VERDICTS = {"run.accepted", "run.rejected", "run.cancelled"}
ENDS = {
    State.LIVE: {
        "run.submitted",
        "run.accepted",
        "run.failed",
        "run.released",
        "run.expired",
        "run.cancelled",
    },
    State.SUBMITTED: VERDICTS,
    State.OVER: set[str](),
}
ALL_ENDS = ENDS[State.LIVE] | VERDICTS


@dataclass(frozen=True, kw_only=True)
class Violation:
    rule: Rule
    seq: int
    task: str | None
    what: str

    def __str__(self) -> str:
        return f"Event {self.seq}: {self.rule}. {self.what}"


@dataclass(kw_only=True)
class _Task:
    id: str
    key: str
    status: str
    fence: int = 0
    holding: "_Run | None" = None
    parent: str | None = None
    dependencies: set[str] = field(default_factory=set[str])

    @property
    def is_finished(self) -> bool:
        return self.status in FINISHED


@dataclass(kw_only=True)
class _Run:
    """`until`: before that its lease cannot run out. `last_request` is the one that ended it.

    `seq` is the event with which it came into its state.
    """

    id: str
    task: _Task
    fence: int
    holder: str
    lease_s: int | None
    until: datetime | None
    seq: int
    state: State = State.LIVE
    last_request: str | None = None


def violations(events: Sequence[Event]) -> list[Violation]:
    """What was broken, in the order of the log."""
    judge = _Judge()
    for event in events:
        judge.read(event)
    judge.close()
    return sorted(judge.found, key=lambda one: one.seq)


def story(events: Sequence[Event], violation: Violation) -> list[Event]:
    """The events of the same task around it."""
    about = [one for one in events if violation.task in {None, one["task_id"]}]
    until = sum(one["seq"] <= violation.seq for one in about)
    return about[max(0, until - STORY) : until + AFTERWARDS]


def told(event: Event) -> str:
    """An event on one line."""
    actor = event["actor"]["name"] if event["actor"] else "the system"
    said = msgspec.json.encode(event["payload"]).decode()
    return f"{event['seq']:>6} {event['recorded_at']} {event['name']} by {actor}: {said}"


class _Judge:
    def __init__(self) -> None:
        self.found: list[Violation] = []
        self._tasks: dict[str, _Task] = {}
        self._runs: dict[str, _Run] = {}
        self._seq: int | None = None

    def read(self, event: Event) -> None:
        seq: int = event["seq"]
        if self._seq is not None and seq != self._seq + 1:
            self._accuse(Rule.WHOLE_LOG, f"It comes after {self._seq}.", seq=seq)
        self._seq = seq
        name: str = event["name"]
        payload: Mapping[str, Any] = event["payload"]
        if name == "task.created":
            key, status = payload["key"], payload["status"]
            self._tasks[event["task_id"]] = _Task(id=event["task_id"], key=key, status=status)
        task = self._tasks.get(event["task_id"] or "")
        if task is None:
            return
        if name == "task.claimed":
            self._claimed(event, task)
        else:
            self._check_write(event, task)
        if name in ALL_ENDS:
            self._ended(event, task)
        elif name == "task.status_changed":
            old, new = payload["changes"]["status"]
            self._moved(old, new, task)
        else:
            self._placed(name, payload, task)

    def close(self) -> None:
        """What must be so at the end of it all."""
        for task in self._tasks.values():
            if not task.is_finished:
                self._accuse(Rule.ALL_FINISHED, f"{task.key} is {task.status}.", task)
        for run in self._runs.values():
            if run.state is not State.OVER:
                what = f"{_named(run)} is {run.state} for ever."
                self._accuse(Rule.ONE_END, what, run.task, seq=run.seq)

    def _claimed(self, event: Event, task: _Task) -> None:
        payload = event["payload"]
        run = _Run(
            id=payload["run_id"],
            task=task,
            fence=payload["fence"],
            holder=payload["holder_id"],
            lease_s=payload["lease_s"],
            until=_moment(payload["expires_at"], CLOCKS),
            seq=event["seq"],
        )
        if task.holding:
            what = f"{_named(run)} begins while {_named(task.holding)} is live."
            self._accuse(Rule.ONE_LEASE, what, task)
        if run.fence <= task.fence:
            what = f"{_named(run)} comes after fence {task.fence}."
            self._accuse(Rule.FENCES_RISE, what, task)
        if run.lease_s is not None:  # people may begin what they like
            for why in self._obstacles(task):
                self._accuse(Rule.READY, f"{_named(run)} begins although {why}.", task)
        task.fence = max(task.fence, run.fence)
        task.holding = run
        self._runs[run.id] = run

    def _obstacles(self, task: _Task) -> Iterator[str]:
        if task.status != "todo":
            yield f"{task.key} is {task.status}"
        above: _Task | None = task
        while above:
            for other in sorted(above.dependencies):
                if not self._tasks[other].is_finished:
                    yield f"{above.key} waits for {self._tasks[other].key}"
            above = self._tasks.get(above.parent or "")
        for other in self._tasks.values():
            if other.parent == task.id and not other.is_finished:
                yield f"its subtask {other.key} is {other.status}"

    def _check_write(self, event: Event, task: _Task) -> None:
        """Of an agent, in its run; and of whoever shows a sign of life in one."""
        name, actor = event["name"], event["actor"]
        run_id = event["run_id"] or event["payload"].get("run_id")
        if actor is None or run_id is None or name in BY_OTHERS:
            return
        is_agent = actor["kind"] == "agent"
        if not is_agent and name not in BY_HOLDER:
            return
        run = self._runs.get(run_id)
        what = f"{actor['name']} writes {name}"
        if run is None:
            self._accuse(Rule.LIVE_WRITES, f"{what} in {run_id}, which never began.", task)
            return
        if _is_verdict_of_another(name, run, actor["id"]):
            return
        if is_agent:
            words = event["payload"].get("note") or event["payload"].get("reason") or ""
            if words.startswith(LATE):
                self._accuse(Rule.NO_LATE_WRITES, f"{what} in {_named(run)}.", task)
        fences = {event["fence"], event["payload"].get("fence")} - {None}
        if why := _why_dead(run, fences, event, actor["id"]):
            self._accuse(Rule.LIVE_WRITES, f"{what} in {_named(run)}, {why}.", task)
        elif name in BY_HOLDER and run.lease_s is not None:
            at = datetime.fromisoformat(event["recorded_at"])
            renewed = at + timedelta(seconds=run.lease_s) - SLACK
            run.until = max(run.until or renewed, renewed)

    def _ended(self, event: Event, task: _Task) -> None:
        name = event["name"]
        run = self._runs.get(event["payload"]["run_id"])
        if run is None or name not in ENDS[run.state]:
            state = f"{_named(run)} is {run.state}" if run else "it never began"
            self._accuse(Rule.ONE_END, f"{name}, and {state}.", task)
            return
        at = datetime.fromisoformat(event["recorded_at"])
        if name == "run.expired" and run.until and at < run.until:
            what = f"{_named(run)} expires before {run.until.isoformat()}."
            self._accuse(Rule.NO_EARLY_EXPIRY, what, task)
        run.state = State.SUBMITTED if name == "run.submitted" else State.OVER
        run.seq, run.last_request = event["seq"], event["request_id"]
        if task.holding is run:
            task.holding = None

    def _moved(self, old: str, new: str, task: _Task) -> None:
        if task.is_finished and new in FINISHED:
            what = f"{task.key} becomes {new} and was {task.status}."
            self._accuse(Rule.ONE_FINISH, what, task)
        if old != task.status:
            what = f"{task.key} goes from {old} to {new} and was {task.status}."
            self._accuse(Rule.STATUS_KEPT, what, task)
        task.status = new

    def _placed(self, name: str, payload: Mapping[str, Any], task: _Task) -> None:
        """Where the task stands among the others."""
        if name == "task.dependency_added":
            task.dependencies.add(payload["depends_on_id"])
        elif name == "task.dependency_removed":
            task.dependencies.discard(payload["depends_on_id"])
        elif name == "task.updated" and "parent" in payload["changes"]:
            key = payload["changes"]["parent"][1]
            found = [one.id for one in self._tasks.values() if one.key == key]
            task.parent = found[0] if found else None

    def _accuse(
        self, rule: Rule, what: str, task: _Task | None = None, *, seq: int | None = None
    ) -> None:
        at = seq or self._seq or 0
        self.found.append(Violation(rule=rule, seq=at, task=task.id if task else None, what=what))


def _why_dead(run: _Run, fences: set[int], event: Event, actor_id: str) -> str | None:
    """Why a run may not be written in, if so; what ended it may do more in the same breath."""
    if actor_id != run.holder:
        return "which is another's"
    if wrong := fences - {run.fence}:
        return f"under fence {min(wrong)}"
    ended_it = run.last_request is not None and run.last_request == event["request_id"]
    if run.state is not State.LIVE and not ended_it:
        return f"which is {run.state}"
    if run.fence < run.task.fence:
        return f"and fence {run.task.fence} has come"
    return None


def _is_verdict_of_another(name: str, run: _Run, actor_id: str) -> bool:
    judged = name in VERDICTS or name in {"task.status_changed", "task.updated"}
    return judged and run.state is not State.LIVE and actor_id != run.holder


def _named(run: _Run) -> str:
    return f"{run.task.key}'s run {run.id} under fence {run.fence}"


def _moment(text: str | None, slack: timedelta) -> datetime | None:
    return datetime.fromisoformat(text) - slack if text else None


def main() -> None:
    parser = ArgumentParser(description=__doc__)
    parser.add_argument("events", type=Path)
    lines = parser.parse_args().events.read_bytes().splitlines()
    events = [msgspec.json.decode(line, type=dict[str, Any]) for line in lines]
    found = violations(events)
    for one in found:
        print(one, *[told(event) for event in story(events, one)], sep="\n  ")
    print(f"{len(events)} events, {len(found)} violations.")
    sys.exit(1 if found else 0)


if __name__ == "__main__":
    main()
