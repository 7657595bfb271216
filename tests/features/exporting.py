"""Backlogs of all sorts to let out, what people do to them, and what a file should then say."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from random import Random
from typing import Any

from tests.cast import Person

TASKMASTER_WORDS = {"backlog": "deferred", "todo": "todo"}
BEADS_WORDS = {"backlog": "deferred", "in_review": "in_progress", "cancelled": "done"}
STATUSES = ["backlog", "todo", "in_progress", "in_review", "deferred", "done", "cancelled"]
PRIORITIES = ["critical", "high", "medium", "low", "none"]


async def exported(person: Person, format_: str, **params: Any) -> bytes:
    content, _ = await exported_counted(person, format_, **params)
    return content


async def exported_counted(person: Person, format_: str, **params: Any) -> tuple[bytes, int]:
    """A file, and how many dependencies it has no place for."""
    answer = await person.call("GET", "/export", params={"format": format_, **params})
    assert answer.status_code == 200, answer.text
    return answer.content, int(answer.headers["nexus-left-out"])


async def refusal(person: Person, **params: Any) -> tuple[int, str, str]:
    """The status, the code and the sentence of an export that is refused."""
    answer = await person.call("GET", "/export", params=params)
    said = answer.json()
    return answer.status_code, said["code"], said["detail"]


def in_lines(*records: Any) -> bytes:
    return "".join(json.dumps(record) + "\n" for record in records).encode()


def in_tags(**tags: list[dict[str, Any]]) -> bytes:
    """As Task Master writes its file."""
    file = {
        name: {"tasks": tasks, "metadata": {"description": f"About {name}"}}
        for name, tasks in tags.items()
    }
    return json.dumps(file, indent=2).encode() + b"\n"


@dataclass(frozen=True, kw_only=True)
class Shape:
    """A task without its key; others by their titles, which are all different."""

    project: str
    status: str
    parent: str | None
    needs: frozenset[str]


def shapes(
    tasks: list[Any], *, words: Mapping[str, str], is_flat: bool = False
) -> dict[str, Shape]:
    """By title. `words`: a status that the format has no word for; `is_flat`: one level only."""
    by_key = {task["key"]: task for task in tasks}
    tops = _topmost(by_key) if is_flat else {}
    found: dict[str, Shape] = {}
    for task in tasks:
        above = by_key.get((task["parent"] or {}).get("key"))
        above = by_key[tops[task["key"]]] if task["key"] in tops else None if is_flat else above
        needs = [by_key[one["key"]] for one in task["dependencies"] if one["key"] in by_key]
        found[task["title"]] = Shape(
            project=task["project"],
            status=words.get(task["status"], task["status"]),
            parent=above["title"] if above else None,
            needs=frozenset(
                one["title"] for one in needs if not is_flat or one["project"] == task["project"]
            ),
        )
    return found


def _topmost(by_key: Mapping[str, Any]) -> dict[str, str]:
    """What each task lies below, as far as that is in its own project."""
    tops: dict[str, str] = {}
    for key, task in by_key.items():
        at = task
        while (above := by_key.get((at["parent"] or {}).get("key"))) and (
            above["project"] == task["project"]
        ):
            at = above
        if at is not task:
            tops[key] = at["key"]
    return tops


@dataclass(frozen=True, kw_only=True)
class Changer:
    """Somebody who changes a backlog at random; `touched` are the titles of what came in and any
    change had to do with."""

    person: Person
    chance: Random
    projects: list[str]
    tasks: list[Any]
    touched: set[str] = field(default_factory=set[str])

    async def change(self, times: int) -> None:
        acts = [self._edit, self._edit, self._depend, self._move, self._add]
        for number in range(times):
            await self.chance.choice(acts)(self.chance.choice(self.tasks), number)

    async def _edit(self, task: Any, number: int) -> None:
        chance, path = self.chance, f"/tasks/{task['key']}"
        edits: list[tuple[str, dict[str, Any]]] = [
            ("", {"title": f"Renamed {number}"}),
            ("", {"priority": chance.choice(PRIORITIES)}),
            ("", {"labels": chance.sample(["red", "Blau", "bug", "läuft"], 2)}),
            ("", {"custom": {"points": number}}),
            (
                "",
                {"description": "Line one\n\n\"two\"; 'three',\tfour", "details": "## Notes\n\nx"},
            ),
            ("", {"due_on": "2026-12-24", "complexity_manual": chance.randint(1, 10)}),
            ("/status", {"status": chance.choice(STATUSES)}),
        ]
        where, body = chance.choice(edits)
        await self._try("PATCH", path + where, body, task)

    async def _depend(self, task: Any, number: int) -> None:
        there = task["dependencies"]
        if there and number % 2:
            gone = self.chance.choice(there)["key"]
            await self._try("DELETE", f"/tasks/{task['key']}/dependencies/{gone}", None, task)
        else:
            body = {"depends_on": self.chance.choice(self.tasks)["key"]}
            await self._try("POST", f"/tasks/{task['key']}/dependencies", body, task)

    async def _move(self, task: Any, number: int) -> None:
        """Below another task, to the top, or into another project with all that is below."""
        path, near = f"/tasks/{task['key']}", _near(task, self.tasks)
        if number % 2:
            body = {"project": self.chance.choice(self.projects)}
            await self._try("PATCH", f"{path}/project", body, *near)
        else:
            above = self.chance.choice([None, self.chance.choice(self.tasks)["key"]])
            await self._try("PATCH", path, {"parent": above}, *near)

    async def _add(self, task: Any, number: int) -> None:
        body: dict[str, Any] = {"project": task["project"], "title": f"New {number}"}
        if self.chance.random() < 0.6:
            body["parent"] = task["key"]
        if self.chance.random() < 0.6:
            body["dependencies"] = [self.chance.choice(self.tasks)["key"]]
        if made := await self._try("POST", "/tasks", body):
            self.tasks.append(made)

    async def _try(self, method: str, path: str, body: Any, *about: Any) -> Any:
        """Some are refused, as circles are: then there is no change."""
        answer = await self.person.call(method, path, json=body)
        assert answer.status_code < 500, answer.text
        if answer.is_error:
            return None
        self.touched.update(one["title"] for one in about)
        return answer.json() if answer.content else None


def _near(task: Any, tasks: list[Any]) -> list[Any]:
    """What names a task or is named by where it lies: all below it, and what waits for these."""
    keys = {task["key"]}
    for _ in tasks:
        keys |= {one["key"] for one in tasks if (one["parent"] or {}).get("key") in keys}
    waiting = [one for one in tasks if keys & {on["key"] for on in one["dependencies"]}]
    return [*(one for one in tasks if one["key"] in keys), *waiting]
