"""Helpers for imports: a file as the tests themselves read it, and what came of it."""

import json
from collections import Counter, defaultdict
from dataclasses import dataclass
from typing import Any

from nexus.features.imports.jobs import run_waiting
from nexus.platform.database import Database
from tests.cast import Person

FINISHED = {"done", "cancelled"}
STATUSES = {"pending": "todo", "in-progress": "in_progress", "review": "in_review"}


@dataclass(frozen=True, kw_only=True)
class Record:
    """A task as the test itself reads it in the file; `needs` are ids of the same list."""

    title: str
    status: str
    parent: str | None
    needs: list[str]


def read(content: bytes) -> dict[str, dict[str, Record]]:
    """The lists of a well-formed file, each with its tasks before its subtasks."""
    file = json.loads(content)
    tags = {"master": file} if isinstance(file.get("tasks"), list) else file
    return {tag: _read_list(held["tasks"]) for tag, held in tags.items()}


def _read_list(tasks: list[Any]) -> dict[str, Record]:
    raw: dict[str, tuple[Any, str | None]] = {str(task["id"]): (task, None) for task in tasks}
    for task in tasks:
        for sub in task.get("subtasks") or []:
            own_id, twins = f"{task['id']}.{sub['id']}", 1
            while own_id in raw:
                twins += 1
                own_id = f"{task['id']}.{sub['id']}#{twins}"
            raw[own_id] = (sub, str(task["id"]))
    found: dict[str, Record] = {}
    for own_id, (record, parent) in raw.items():
        asked = [str(one) for one in record.get("dependencies") or []]
        meant = [f"{parent}.{one}" if f"{parent}.{one}" in raw else one for one in asked]
        found[own_id] = Record(
            title=" ".join(record["title"].split()),
            status=STATUSES.get(record["status"], record["status"]),
            parent=parent,
            needs=[one for one in dict.fromkeys(meant) if one in raw],
        )
    return found


async def bring_in(
    person: Person, database: Database, content: bytes | Any, **params: Any
) -> dict[str, Any]:
    """Ask for an import, let it be carried out, and look at how it ended."""
    body = content if isinstance(content, bytes) else json.dumps(content).encode()
    asked = await person.call("POST", "/imports", content=body, params=params)
    assert asked.status_code == 202, asked.text
    await run_waiting(database)
    return await person.get(f"/imports/{asked.json()['id']}")


async def all_tasks(person: Person, **params: Any) -> list[Any]:
    """All tasks that somebody sees, by project and number."""
    tasks: list[Any] = []
    cursor: dict[str, str] = {}
    while True:
        page = await person.get("/tasks", sort="key", limit=200, **params, **cursor)
        tasks += page["items"]
        if page["next_cursor"] is None:
            return tasks
        cursor = {"cursor": page["next_cursor"]}


async def records_and_tasks(
    person: Person, report: Any, backlog: dict[str, dict[str, Record]]
) -> dict[tuple[str, str], tuple[Record, Any]]:
    """What each record became, by list and id: number n of a new project is its n-th record."""
    pairs: dict[tuple[str, str], tuple[Record, Any]] = {}
    for one in report["lists"]:
        records = backlog[one["name"]]
        tasks = await all_tasks(person, project=one["project"])
        assert [task["key"] for task in tasks] == [
            f"{one['project']}-{number}" for number in range(1, len(records) + 1)
        ]
        for (own_id, record), task in zip(records.items(), tasks, strict=True):
            pairs[one["name"], own_id] = (record, task)
    return pairs


def derived(tasks: list[Any]) -> dict[str, tuple[int, int, int, int]]:
    """The four derived columns of open tasks, computed from what each waits for and is part of."""
    by_key = {task["key"]: task for task in tasks}
    parents = {key: task["parent"]["key"] for key, task in by_key.items() if task["parent"]}
    is_open = {key: task["status"] not in FINISHED for key, task in by_key.items()}
    needs = {key: [one["key"] for one in task["dependencies"]] for key, task in by_key.items()}
    children, dependents = defaultdict(list), defaultdict(list)
    for key, parent in parents.items():
        children[parent].append(key)
    for key, needed in needs.items():
        for one in needed:
            dependents[one].append(key)
    depths: dict[tuple[str, str], int] = {}

    def behind(moment: str, key: str) -> list[tuple[str, str]]:
        """What waits for a task's end or for its beginning."""
        if moment == "end":
            up = [("end", parents[key])] if key in parents and is_open[parents[key]] else []
            return [("begin", one) for one in dependents[key]] + up
        own = [("end", key)] if is_open[key] else []
        return [("begin", child) for child in children[key]] + own

    def depth(moment: str, key: str) -> int:
        if (moment, key) not in depths:
            depths[moment, key] = max(
                (
                    depth(*one) + (one[0] == "end" and is_open[one[1]])
                    for one in behind(moment, key)
                ),
                default=0,
            )
        return depths[moment, key]

    def unlocked(key: str) -> set[str]:
        seen, stack = {("end", key)}, [("end", key)]
        while stack:
            fresh = set(behind(*stack.pop())) - seen
            seen |= fresh
            stack += fresh
        return {one for _, one in seen if is_open[one]} - {key}

    def waits(key: str | None) -> int:
        if key is None:
            return 0
        return sum(is_open[one] for one in needs[key]) + waits(parents.get(key))

    return {
        key: (
            waits(key),
            sum(map(is_open.get, children[key])),
            depth("end", key),
            len(unlocked(key)),
        )
        for key in by_key
        if is_open[key]
    }


def kept(tasks: list[Any]) -> dict[str, tuple[int, int, int, int]]:
    """The same columns as Nexus keeps them."""
    return {
        task["key"]: (
            task["open_dependencies"],
            task["open_subtasks"],
            task["unlock_depth"],
            task["unlock_count"],
        )
        for task in tasks
        if task["status"] not in FINISHED
    }


def ready(backlog: dict[str, dict[str, Record]], left_out: set[Any]) -> Counter[tuple[str, str]]:
    """What can be begun, by list and title, as the file alone says it."""
    found: Counter[tuple[str, str]] = Counter()
    for name, records in backlog.items():
        with_open_parts = {one.parent for one in records.values() if one.status not in FINISHED}
        for own_id, record in records.items():
            above = [own_id, record.parent] if record.parent else [own_id]
            open_needs = [
                need
                for one in above
                for need in records[one].needs
                if records[need].status not in FINISHED and (name, one, need) not in left_out
            ]
            if record.status == "todo" and own_id not in with_open_parts and not open_needs:
                found[name, record.title] += 1
    return found
