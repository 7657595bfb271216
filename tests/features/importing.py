"""Helpers for imports: a file as the tests themselves read it, and what came of it."""

import json
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from nexus.features.imports.jobs import run_waiting
from nexus.platform.columns import Base
from nexus.platform.database import Database
from tests.cast import Person

FINISHED = {"done", "cancelled"}
STATUSES = {"pending": "todo", "in-progress": "in_progress", "review": "in_review"}

Columns = tuple[int, int, tuple[int, int] | None]
"""Open dependencies and open subtasks; of an open task also its unlock depth and count."""


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


def a_sample(root: Path, name: str) -> bytes:
    path = root.parent / "shared" / "samples" / name
    if not path.exists():
        pytest.skip(f"{name}, a file of another project, is not on this machine: {path}")
    return path.read_bytes()


async def bring_in(
    person: Person, database: Database, content: bytes | Any, **params: Any
) -> dict[str, Any]:
    """Ask for an import, let it be carried out, and look at how it ended."""
    body = content if isinstance(content, bytes) else json.dumps(content).encode()
    asked = await person.call("POST", "/imports", content=body, params=params)
    assert asked.status_code == 202, asked.text
    await run_waiting(database)
    return await person.get(f"/imports/{asked.json()['id']}")


async def records_of(person: Person, done: Any, **params: Any) -> list[Any]:
    """What became of all records of an import, in the order of the file."""
    return await _all_pages(person, f"/imports/{done['id']}/records", **params)


def noted(records: Iterable[Any]) -> list[tuple[str, str]]:
    """The record and the code of every note."""
    return [
        (f"{record['list']}/{record['external_id']}", note["code"])
        for record in records
        for note in record["notes"]
    ]


async def rows_of(person: Person, database: Database, *tables: str) -> dict[str, list[str]]:
    """All rows of a workspace, by table; of these tables, where any are named."""
    asked = [
        table
        for table in Base.metadata.sorted_tables
        if "workspace_id" in table.c and (not tables or table.name in tables)
    ]
    async with database.reading(None) as tx:
        return {
            table.name: sorted(
                repr(row)
                for row in await tx.execute(
                    select(table).where(table.c.workspace_id == person.workspace_id)
                )
            )
            for table in asked
        }


async def all_tasks(person: Person, **params: Any) -> list[Any]:
    """All tasks that somebody sees, by project and number."""
    return await _all_pages(person, "/tasks", sort="key", **params)


async def _all_pages(person: Person, path: str, **params: Any) -> list[Any]:
    items: list[Any] = []
    cursor: dict[str, str] = {}
    while True:
        page = await person.get(path, limit=200, **params, **cursor)
        items += page["items"]
        if page["next_cursor"] is None:
            return items
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


def derived(tasks: list[Any]) -> dict[str, Columns]:
    """The derived columns, computed from what each task waits for and is part of."""
    return Relations(tasks).columns()


class Relations:
    """What the tasks of a workspace wait for and are part of, for a look without any cleverness."""

    def __init__(self, tasks: list[Any]) -> None:
        self.parents = {task["key"]: task["parent"]["key"] for task in tasks if task["parent"]}
        self.is_open = {task["key"]: task["status"] not in FINISHED for task in tasks}
        self.needs = {task["key"]: [one["key"] for one in task["dependencies"]] for task in tasks}
        self.children, self.dependents = (
            defaultdict[str, list[str]](list),
            defaultdict[str, list[str]](list),
        )
        for key, parent in self.parents.items():
            self.children[parent].append(key)
        for key, needed in self.needs.items():
            for one in needed:
                self.dependents[one].append(key)
        self._depths: dict[tuple[str, str], int] = {}

    def columns(self) -> dict[str, Columns]:
        return {
            key: (
                self.waits(key),
                sum(self.is_open[child] for child in self.children[key]),
                (self.depth("end", key), len(self.unlocked(key))) if is_open else None,
            )
            for key, is_open in self.is_open.items()
        }

    def waits(self, key: str | None) -> int:
        if key is None:
            return 0
        own = sum(self.is_open[one] for one in self.needs[key])
        return own + self.waits(self.parents.get(key))

    def behind(self, moment: str, key: str) -> list[tuple[str, str]]:
        """What waits for a task's end or for its beginning."""
        if moment == "end":
            parent = self.parents.get(key)
            up = [("end", parent)] if parent and self.is_open[parent] else []
            return [("begin", one) for one in self.dependents[key]] + up
        own = [("end", key)] if self.is_open[key] else []
        return [("begin", child) for child in self.children[key]] + own

    def depth(self, moment: str, key: str) -> int:
        if (moment, key) not in self._depths:
            self._depths[moment, key] = max(
                (
                    self.depth(*one) + (one[0] == "end" and self.is_open[one[1]])
                    for one in self.behind(moment, key)
                ),
                default=0,
            )
        return self._depths[moment, key]

    def unlocked(self, key: str) -> set[str]:
        seen, stack = {("end", key)}, [("end", key)]
        while stack:
            fresh = set(self.behind(*stack.pop())) - seen
            seen |= fresh
            stack += fresh
        return {one for _, one in seen if self.is_open[one]} - {key}


def kept(tasks: list[Any]) -> dict[str, Columns]:
    """The same columns as Nexus keeps them."""
    return {
        task["key"]: (
            task["open_dependencies"],
            task["open_subtasks"],
            None if task["status"] in FINISHED else (task["unlock_depth"], task["unlock_count"]),
        )
        for task in tasks
    }


def ready(backlog: dict[str, dict[str, Record]], left_out: set[Any]) -> Counter[tuple[str, str]]:
    """What can be begun, by list and title, as the file alone says it."""
    return Counter((name, backlog[name][own_id].title) for name, own_id in free(backlog, left_out))


def free(
    backlog: dict[str, dict[str, Record]], left_out: set[tuple[str, str, str]]
) -> set[tuple[str, str]]:
    """The same by list and id. `left_out` are dependencies that did not come in."""
    found: set[tuple[str, str]] = set()
    for name, records in backlog.items():
        with_open_parts = {one.parent for one in records.values() if one.status not in FINISHED}
        for own_id, record in records.items():
            above = [own_id]
            while parent := records[above[-1]].parent:
                above.append(parent)
            open_needs = [
                need
                for one in above
                for need in records[one].needs
                if records[need].status not in FINISHED and (name, one, need) not in left_out
            ]
            if record.status == "todo" and own_id not in with_open_parts and not open_needs:
                found.add((name, own_id))
    return found
