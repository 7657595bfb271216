"""Whatever people change, an export says it to the next reader, and leaves all else as it stood."""

import csv
import io
import json
from collections.abc import Mapping
from random import Random
from typing import Any

import pytest

from nexus.platform.database import Database
from tests.cast import Cast, Person
from tests.features.exporting import (
    BEADS_WORDS,
    STATUSES,
    TASKMASTER_WORDS,
    Changer,
    exported,
    exported_counted,
    in_lines,
    in_tags,
    shapes,
)
from tests.features.importing import all_tasks, bring_in

CHANGES = 30
NOTED = {"id": "c1", "author": "lin", "text": "Said before", "created_at": "2026-01-01T00:00:00Z"}


@pytest.fixture
def seed(database: Database) -> int:
    """Another one on each database, for twice as many cases."""
    return 1 if database.url.is_sqlite else 2


def a_taskmaster_file(chance: Random) -> bytes:
    """Two lists whose ids overlap, with every form of id, status and dependency."""
    return in_tags(
        alpha=_list_of(chance, "alpha", str if chance.random() < 0.5 else int),
        beta=_list_of(chance, "beta", int),
    )


def _list_of(chance: Random, name: str, form: type) -> list[dict[str, Any]]:
    tasks: list[dict[str, Any]] = []
    for number in range(1, chance.randint(4, 8)):
        subtasks = [
            {
                "id": chance.choice([sub, f"{number}.{sub}"]),
                "title": f"{name} {number}.{sub}",
                "status": chance.choice(["pending", "done", "review"]),
                "dependencies": chance.sample(range(1, sub), chance.randint(0, sub - 1)),
                "kept": {"deeply": [1.50, None, "\u2028"]},
            }
            for sub in range(1, chance.randint(1, 5))
        ]
        task: dict[str, Any] = {
            "id": form(number),
            "title": f"{name} {number}",
            "status": chance.choice(["pending", "in-progress", "deferred", "cancelled"]),
            "dependencies": [
                form(one) for one in chance.sample(range(1, number), min(2, number - 1))
            ],
            "relevantFiles": [{"path": f"src/{number}.py"}],
        }
        tasks.append(task | ({"subtasks": subtasks} if subtasks else {}))
    return tasks


def a_beads_file(chance: Random) -> bytes:
    issues: list[dict[str, Any]] = []
    for number, (parent, needs) in _relations(chance, 12).items():
        related = [("blocks", one) for one in needs] + [("related", chance.randint(1, number))]
        related += [("parent-child", parent)] if parent else []
        issue: dict[str, Any] = {
            "id": f"bd-{number}",
            "title": f"Issue {number}",
            "status": chance.choice(["open", "in_progress", "pinned", "closed"]),
            "priority": chance.randint(0, 4),
            "issue_type": chance.choice(["task", "bug", "epic"]),
            "labels": chance.sample(["web", "api"], chance.randint(0, 2)),
            "estimated_minutes": 30,
            "dependencies": [
                {"issue_id": f"bd-{number}", "depends_on_id": f"bd-{one}", "type": kind}
                for kind, one in related
                if one != number
            ],
        }
        issues.append(issue | ({"comments": [NOTED]} if number % 3 == 0 else {}))
    deleted = {"id": "bd-99", "title": "Gone", "status": "tombstone", "priority": 1}
    memory = {"_type": "memory", "key": "habit", "value": "Write it down."}
    chance.shuffle(issues)
    return in_lines(*issues[:3], deleted, memory, *issues[3:])


def a_spreadsheet(chance: Random) -> bytes:
    text = io.StringIO(newline="")
    rows = csv.writer(text)
    rows.writerow(["Key", "Team", "Title", "Status", "Priority", "Parent", "Blocked by", "Labels"])
    for number, (parent, needs) in _relations(chance, 10).items():
        title, status = f'Row {number}, "quoted"', chance.choice(STATUSES)
        above = f"R-{parent}" if parent else ""
        blocked_by = " , ".join(f"R-{one}" for one in needs)
        rows.writerow(
            [f"R-{number}", "Red\nGreen", title, status, "p1", above, blocked_by, "web; api"]
        )
    return text.getvalue().encode()


def _relations(chance: Random, count: int) -> dict[int, tuple[int | None, list[int]]]:
    """What each number is part of and waits for; there is no circle."""
    found: dict[int, tuple[int | None, list[int]]] = {}
    tops: dict[int, int] = {}
    for number in range(1, count + 1):
        parent = chance.randint(1, number - 1) if number > 1 and chance.random() < 0.5 else None
        tops[number] = tops[parent] if parent else number
        before = [one for one in tops if tops[one] < tops[number]]
        found[number] = (parent, chance.sample(before, min(2, len(before))))
    return found


async def changed_at_random(person: Person, database: Database, content: bytes, seed: int) -> Any:
    """Who changed what came in, and the projects that it had gone into."""
    chance = Random(seed)
    done = await bring_in(
        person, database, content, file_name="backlog.csv" if _is_csv(content) else "backlog"
    )
    assert done["state"] == "done", done["error"]
    projects = [one["project"] for one in done["report"]["lists"]]
    await person.a_project("AWAY")
    changer = Changer(
        person=person,
        chance=chance,
        projects=[*projects, "AWAY"],
        tasks=await all_tasks(person),
    )
    await changer.change(CHANGES)
    return changer, projects


def _is_csv(content: bytes) -> bool:
    return content.startswith(b"Key")


async def read_by_another(person: Person, database: Database, content: bytes) -> list[Any]:
    """The tasks that a file makes in an empty workspace, from which nothing is left out."""
    name = "backlog.csv" if _is_csv(content) else "backlog"
    done = await bring_in(person, database, content, file_name=name)
    assert done["state"] == "done", done["error"]
    codes = done["report"]["notes"].keys()
    assert not codes & {"cycle", "dangling_dependency", "duplicate_id", "dangling_parent"}, codes
    return await all_tasks(person)


async def test_what_was_changed_reaches_whoever_reads_tasks_json(
    cast: Cast, database: Database, seed: int
) -> None:
    content = a_taskmaster_file(Random(seed))
    changer, projects = await changed_at_random(cast.ada, database, content, seed)

    out, left_out = await exported_counted(cast.ada, "taskmaster")

    here = [one for one in await all_tasks(cast.ada) if one["project"] in projects]
    there = await read_by_another(cast.bob, database, out)
    wanted = shapes(here, words=TASKMASTER_WORDS, is_flat=True)
    found = shapes(there, words=TASKMASTER_WORDS, is_flat=True)
    needs = [sum(len(one.needs) for one in each.values()) for each in (wanted, found)]
    elsewhere = sum(len(one["dependencies"]) for one in here) - needs[0]
    assert {t: (s.project, s.status, s.parent) for t, s in found.items()} == {
        t: (s.project, s.status, s.parent) for t, s in wanted.items()
    }
    assert all(found[title].needs <= wanted[title].needs for title in wanted)
    assert needs[0] - needs[1] == left_out - elsewhere
    records = [record for record in _records(content) if record[0] not in changer.touched]
    assert [title for title, raw in records if raw not in out] == []


def _records(content: bytes) -> list[tuple[str, bytes]]:
    """The title of each record in tasks.json and the bytes in which it stands there, without those
    of its subtasks."""
    found: list[tuple[str, bytes]] = []
    for held in json.loads(content).values():
        for task in held["tasks"]:
            for record, depth in [(task, 6), *((sub, 10) for sub in task.get("subtasks", []))]:
                own = {name: value for name, value in record.items() if name != "subtasks"}
                text = json.dumps(own, indent=2).removesuffix("\n}")
                found.append((record["title"], text.replace("\n", "\n" + " " * depth).encode()))
    assert all(raw in content for _, raw in found)
    return found


@pytest.mark.parametrize(
    ("format_", "make", "words"),
    [("beads", a_beads_file, BEADS_WORDS), ("csv", a_spreadsheet, {})],
    ids=["beads", "csv"],
)
async def test_what_was_changed_reaches_whoever_reads_the_lines(
    cast: Cast, database: Database, seed: int, format_: str, make: Any, words: Mapping[str, str]
) -> None:
    content = make(Random(seed))
    changer, projects = await changed_at_random(cast.ada, database, content, seed)

    out = await exported(cast.ada, format_)

    here = [one for one in await all_tasks(cast.ada) if one["project"] in projects]
    there = await read_by_another(cast.bob, database, out)
    assert shapes(there, words=words) == shapes(here, words=words)
    assert _named(there) == _named(here)
    names = _ids(content, changer.touched)
    lines = [line for line in _lines(content) if not any(name in line for name in names)]
    assert [line for line in lines if line not in _lines(out)] == []


def _named(tasks: list[Any]) -> dict[str, Any]:
    return {
        one["title"]: (one["priority"], sorted(label.casefold() for label in one["labels"]))
        for one in tasks
    }


def _lines(content: bytes) -> list[str]:
    """What stands in each line, or in each row of a spreadsheet."""
    text = content.decode()
    if not _is_csv(content):
        return text.splitlines()
    return [json.dumps(row) for row in csv.reader(io.StringIO(text))]


def _ids(content: bytes, titles: set[str]) -> set[str]:
    """How the records with these titles are called wherever they are named."""
    text = content.decode()
    if _is_csv(content):
        return {row[0] for row in csv.reader(io.StringIO(text)) if row[2] in titles}
    issues = [json.loads(line) for line in text.splitlines()]
    return {f'"{one["id"]}"' for one in issues if one.get("title") in titles}
