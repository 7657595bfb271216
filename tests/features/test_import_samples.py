"""Backlogs of real projects: all that is in them comes in, once."""

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from nexus.features.tasks.tables import TaskLinkRow
from nexus.platform.database import Database
from tests.cast import Person
from tests.features.importing import (
    Record,
    a_sample,
    all_tasks,
    bring_in,
    derived,
    kept,
    noted,
    read,
    ready,
    records_of,
    rows_of,
)

TAGGED, LEGACY = "taskmaster-tagged.json", "taskmaster-legacy.json"
REPORT, BEADS = "taskmaster-complexity-report.json", "beads-issues.jsonl"
BACKLOGS = [TAGGED, LEGACY, BEADS]

TABLES = (
    "tasks", "task_dependencies", "task_links", "task_labels", "task_comments", "task_sources",
    "projects", "labels",
)  # fmt: skip
BEADS_STATUSES = {"open": "todo", "closed": "done", "hooked": "in_progress"}

Lists = dict[str, dict[str, Record]]
Links = set[tuple[str, str]]


def read_beads(content: bytes) -> tuple[dict[str, Record], Links, list[str]]:
    """The issues that are tasks, the relations that block nothing, and what was deleted."""
    issues = {one["id"]: one for one in map(json.loads, content.splitlines())}
    deleted = [own_id for own_id, one in issues.items() if one["status"] == "tombstone"]
    live = {own_id: one for own_id, one in issues.items() if own_id not in deleted}
    found: dict[str, Record] = {}
    links: Links = set()
    for own_id, one in live.items():
        relations = [(d["type"], d["depends_on_id"]) for d in one.get("dependencies") or []]
        parents = [on for kind, on in relations if kind == "parent-child" and on in live]
        prefix = own_id.rpartition(".")[0]
        if "parent-child" not in dict(relations) and prefix in live:
            parents = [prefix]
        needs = [on for kind, on in relations if kind == "blocks" and on in live]
        others = [on for kind, on in relations if kind not in {"blocks", "parent-child"}]
        links |= {(own_id, on) for on in [*others, *parents[1:]] if on in live}
        found[own_id] = Record(
            title=" ".join(one["title"].split()),
            status=BEADS_STATUSES[one["status"]],
            parent=parents[0] if parents else None,
            needs=list(dict.fromkeys(needs)),
        )
    return found, links, deleted


def read_sample(name: str, content: bytes, report: Any) -> tuple[Lists, Links, list[str]]:
    if name != BEADS:
        return read(content), set(), []
    issues, links, deleted = read_beads(content)
    (only,) = report["lists"]
    return {only["name"]: issues}, links, deleted


async def links_of(person: Person, database: Database, records: list[Any]) -> Links:
    ids = {one["task_id"]: one["external_id"] for one in records}
    async with database.reading(None) as tx:
        found = await tx.execute(
            select(TaskLinkRow.task_id, TaskLinkRow.other_id).where(
                TaskLinkRow.workspace_id == person.workspace_id, TaskLinkRow.other_id.is_not(None)
            )
        )
        return {(ids[str(row.task_id)], ids[str(row.other_id)]) for row in found}


async def bring_in_sample(person: Person, database: Database, root: Path, name: str) -> Any:
    """Import a sample; before a report of scores the backlog that it belongs to."""
    if name == REPORT:
        await bring_in(person, database, a_sample(root, TAGGED), file_name="tasks.json")
    return await bring_in(person, database, a_sample(root, name), file_name=name)


@pytest.mark.parametrize("name", BACKLOGS)
async def test_all_that_is_in_a_sample_comes_in_but_circles_and_the_report_says_so(
    ada: Person, database: Database, root: Path, name: str
) -> None:
    content = a_sample(root, name)

    done = await bring_in_sample(ada, database, root, name)

    assert (done["state"], done["error"]) == ("done", None)
    lists, links, deleted = read_sample(name, content, done["report"])
    records, tasks = await records_of(ada, done), await all_tasks(ada)
    _check_tasks(lists, deleted, records, tasks)
    assert await links_of(ada, database, records) == links
    _check_report(done, lists, deleted, records)
    listed = [task["key"] for task in await all_tasks(ada, ready=True)]
    _check_what_waits(done["report"], lists, records, tasks, listed)


def _check_tasks(lists: Lists, deleted: list[str], records: list[Any], tasks: list[Any]) -> None:
    by_key = {task["key"]: task for task in tasks}
    created = {(r["list"], r["external_id"]): by_key[r["key"]] for r in records if r["key"]}
    aside = sorted(r["external_id"] for r in records if r["outcome"] == "set_aside")
    wanted = {(n, i): one for n, held in lists.items() for i, one in held.items()}
    assert created.keys() == wanted.keys()
    assert (len(tasks), aside) == (len(wanted), sorted(deleted))
    for (n, i), task in created.items():
        one = wanted[n, i]
        above = created[n, one.parent]["key"] if one.parent else None
        assert (task["title"], task["status"]) == (one.title, one.status), i
        assert (task["parent"]["key"] if task["parent"] else None) == above, i


def _check_what_waits(
    report: Any, lists: Lists, records: list[Any], tasks: list[Any], listed: list[str]
) -> None:
    """All that the file says waits does, but for circles; the rest is ready."""
    names = {r["key"]: (r["list"], r["external_id"]) for r in records if r["key"]}
    found = {
        (*names[task["key"]], names[on["key"]][1]) for task in tasks for on in task["dependencies"]
    }
    wanted = {(n, i, need) for n, held in lists.items() for i in held for need in held[i].needs}
    missing = wanted - found
    cycles = [where for where, code in noted(records) if code == "cycle"]
    assert found <= wanted
    assert sorted(f"{n}/{i}" for n, i, _ in missing) == sorted(cycles)
    assert kept(tasks) == derived(tasks)
    said = Counter((n, lists[n][i].title) for n, i in (names[key] for key in listed))
    assert said == ready(lists, missing)
    assert {one["name"]: one["dependencies"] for one in report["lists"]} == {
        n: sum(n == of for of, _, _ in found) for n in lists
    }


def _check_report(done: Any, lists: Lists, deleted: list[str], records: list[Any]) -> None:
    report = done["report"]
    count = sum(map(len, lists.values()))
    assert (report["created"], report["set_aside"]) == (count, len(deleted))
    assert (report["updated"], report["unchanged"]) == (0, 0)
    assert done["records"] == len(records) == count + len(deleted)
    assert [record["position"] for record in records] == list(range(1, len(records) + 1))
    assert report["notes"] == Counter(code for _, code in noted(records))
    assert {one["name"]: (one["tasks"], one["subtasks"]) for one in report["lists"]} == {
        n: (
            sum(one.parent is None for one in held.values()),
            sum(one.parent is not None for one in held.values()),
        )
        for n, held in lists.items()
    }


@pytest.mark.parametrize("name", [*BACKLOGS, REPORT])
async def test_the_same_sample_again_changes_nothing_at_all(
    ada: Person, database: Database, root: Path, name: str
) -> None:
    first = await bring_in_sample(ada, database, root, name)
    before, last = await rows_of(ada, database, *TABLES), await ada.last_event()

    again = await bring_in(ada, database, a_sample(root, name), file_name=name)

    was, now = first["report"], again["report"]
    after, events = await rows_of(ada, database, *TABLES), await ada.events(after=last["seq"])
    assert (again["state"], now["created"], now["updated"]) == ("done", 0, 0)
    assert now["unchanged"] == was["created"] + was["updated"] > 0
    assert now["set_aside"] == was["set_aside"]
    assert set(before) == set(TABLES)
    for table in TABLES:
        assert after[table] == before[table], table
    assert [event["name"] for event in events] == ["import.created", "import.finished"]


async def test_the_sample_report_scores_its_task(
    ada: Person, database: Database, root: Path
) -> None:
    (row,) = json.loads(a_sample(root, REPORT))["complexityAnalysis"]

    done = await bring_in_sample(ada, database, root, REPORT)

    (record,) = await records_of(ada, done)
    task = await ada.get(f"/tasks/{record['key']}")
    assert (record["external_id"], record["outcome"]) == (str(row["taskId"]), "updated")
    assert (task["title"], task["complexity"]) == (row["taskTitle"], row["complexityScore"])
    assert done["source"] == "tasks.json"
