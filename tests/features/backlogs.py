"""A backlog of all sorts, made alike anywhere, and what lists of it should show: a simple model."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any
from uuid import UUID

from sqlalchemy import update

from nexus.features.tasks.tables import TaskRow
from nexus.platform.database import Database
from nexus.platform.tokens import tokenise
from tests.cast import Cast, Person

STATUSES = ["backlog", "todo", "todo", "todo", "in_progress", "in_review", "deferred"]
PRIORITIES = ["critical", "high", "medium", "low", "none"]
LABELS = ["Food", "food", "urgent", "Größe", "日本", "with space", "ﬁne"]
PROJECTS = ["API", "WEB", "A1"]
WORDS = [
    "car", "carpet", "carburettor", "Crème", "brûlée", "creme", "Straße", "STRASSE", "snake_case",
    "日本語のテスト", "日本", "ﾊﾝｶｸ", "한국어", "हिन्दी", "עִבְרִית", "e\u0301cole", "🚀", "x²", "½",
    "ﬁnal",
    "don't", "C++", "--", "AND", "NEAR", "(", '"', "API-1", "1", "2026-12-31", "a" * 70, "İ", "ς",
    "Ünïcödé", "\u202eright", "zero\u200bwidth", "𝔘𝔫𝔦", "\U00020000\U00020001", "ﷺ", "walrus",  # noqa: RUF001
]  # fmt: skip
CUSTOM_KEYS = ["severity", "points", "sprint", "a.b", "ключ", "a b", "$", "[0]", "0", "it's"]
ODD_KEYS = ['quo"te', "back\\slash", "tab\there"]
CUSTOM_VALUES: list[Any] = [
    "high", "low", "High", "3", "10", "2026-12-31", "2026-01-02", "", "true", "é", "日本", "nan",
    0, 3, 10, -1, 3.0, 2.5, 1e300, 2**53 + 1, 2**63, -(2**63), 1e-7, -0.0, True, False, None,
    [], [3], {}, {"high": 3}, ["high"], "\t3", "1e5", 100000,
]  # fmt: skip
START = datetime(2026, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, kw_only=True)
class Side:
    """One database with its people."""

    database: Database
    cast: Cast
    repositories: Sequence[str]

    def named(self, params: dict[str, Any]) -> dict[str, Any]:
        """The query with this side's ids in it."""
        people = {"ada": self.cast.ada.id, "grace": self.cast.grace.id}
        return {
            name: people.get(value, value)
            if name in {"assignee", "created_by"}
            else self.repositories[value]
            if name == "repository"
            else value
            for name, value in params.items()
        }


@dataclass(frozen=True, kw_only=True)
class Step:
    """One call of a backlog's making; what it is refused for, it is refused for everywhere."""

    who: str
    method: str
    path: str
    body: Any


@dataclass
class Modelled:
    """A task as one side shows it, with its comments; `number` is its place in the making."""

    number: int
    shown: dict[str, Any]
    comments: list[str] = field(default_factory=list[str])

    @property
    def tokens(self) -> list[str]:
        texts = [self.shown[one] for one in ("description", "details", "test_strategy")]
        return [*self.title_tokens, *tokenise("\n".join([*texts, *self.comments]))]

    @property
    def title_tokens(self) -> list[str]:
        return tokenise(f"{self.shown['key']} {self.shown['title']}")


def prose(chance: Random, most: int) -> str:
    return chance.choice([" ", "\n", ", "]).join(chance.choices(WORDS, k=chance.randint(0, most)))


def _line(chance: Random, most: int) -> str:
    return " ".join(["Task", *chance.choices(WORDS, k=chance.randint(0, most))])


def steps(chance: Random, count: int) -> list[Step]:
    """The making of a backlog, the same for the same chance."""
    keys: list[str] = []
    made: list[Step] = []
    for _ in range(count):
        project = chance.choice(PROJECTS)
        body: dict[str, Any] = {
            "project": project,
            "title": _line(chance, 5),
            "description": prose(chance, 12),
            "details": prose(chance, 60) if chance.random() < 0.4 else "",
            "test_strategy": prose(chance, 4),
            "status": chance.choice(STATUSES),
            "priority": chance.choice(PRIORITIES),
            "labels": chance.sample(LABELS, chance.randint(0, 3)),
            "assignees": chance.sample(["ada", "grace"], chance.choice([0, 0, 1, 2])),
            "custom": {
                key: chance.choice(CUSTOM_VALUES)
                for key in chance.sample([*CUSTOM_KEYS, *ODD_KEYS], chance.randint(0, 5))
            },
            "due_on": chance.choice([None, f"2026-12-{chance.randint(10, 16)}"]),
            "complexity_manual": chance.choice([None, chance.randint(1, 10)]),
        }
        if keys and chance.random() < 0.4:
            body["parent"] = chance.choice(keys[-20:])
        if chance.random() < 0.2:
            body["repository_id"] = chance.randrange(2)
        made.append(
            Step(who=chance.choice(["ada", "grace"]), method="POST", path="/tasks", body=body)
        )
        keys.append(f"{project}-{sum(key.startswith(f'{project}-') for key in keys) + 1}")
    return [*made, *(_change(chance, keys) for _ in range(count // 2))]


def _change(chance: Random, keys: list[str]) -> Step:
    path = f"/tasks/{chance.choice(keys)}"
    method, more, body = chance.choice(
        [
            ("POST", "/comments", {"body": prose(chance, 20) or "?"}),
            ("POST", "/dependencies", {"depends_on": chance.choice(keys)}),
            ("POST", "/dependencies", {"depends_on": chance.choice(keys)}),
            ("PATCH", "/status", {"status": "done"}),
            ("PATCH", "/status", {"status": "cancelled"}),
            ("PATCH", "", {"archived": True}),
            ("PATCH", "", {"title": _line(chance, 4)}),
            ("PATCH", "/position", {"after": chance.choice(keys)}),
        ]
    )
    return Step(who="ada", method=method, path=path + more, body=body)


async def build(side: Side, made: Sequence[Step]) -> list[tuple[int, str]]:
    """Take all steps; the answers' status and code."""
    people = {"ada": side.cast.ada, "grace": side.cast.grace}
    for key in PROJECTS:
        await side.cast.ada.a_project(key)
    answers: list[tuple[int, str]] = []
    for step in made:
        body = dict(step.body)
        if "assignees" in body:
            body["assignees"] = [people[name].id for name in body["assignees"]]
        if "repository_id" in body:
            body["repository_id"] = side.repositories[body["repository_id"]]
        answer = await people[step.who].call(step.method, step.path, json=body)
        answers.append((answer.status_code, answer.json().get("code", "")))
    await _set_clocks(side)
    return answers


async def _set_clocks(side: Side) -> None:
    """Give every task moments that follow from its key alone, and few of them."""
    ada = side.cast.ada
    by_making = sorted(await everything(ada), key=lambda one: one["id"])
    async with side.database.transaction(ada.workspace_id) as tx:
        for number, one in enumerate(by_making):
            moments = {
                "created_at": START + timedelta(hours=number // 2),
                "updated_at": START + timedelta(hours=sum(map(ord, one["key"])) % 40),
            }
            task_id = UUID(one["id"])
            await tx.execute(update(TaskRow).where(TaskRow.id == task_id).values(moments))


async def everything(person: Person) -> list[Any]:
    return [
        one
        for archived in (False, True)
        for one in await walk(person, {"sort": "oldest", "archived": archived, "limit": 200})
    ]


async def walk(person: Person, params: dict[str, Any]) -> list[Any]:
    """All items of a list, page after page."""
    page = await person.get("/tasks", **params)
    items = page["items"]
    while page["next_cursor"]:
        page = await person.get("/tasks", **params, cursor=page["next_cursor"])
        items += page["items"]
    return items


async def modelled(side: Side) -> dict[str, Modelled]:
    """All tasks with their texts, by key."""
    ada = side.cast.ada
    items = sorted(await everything(ada), key=lambda one: one["id"])
    tasks: dict[str, Modelled] = {}
    for number, one in enumerate(items):
        shown = await ada.get(f"/tasks/{one['key']}")
        comments = (await ada.get(f"/tasks/{one['key']}/comments", limit=200))["items"]
        tasks[one["key"]] = Modelled(number, shown, [said["body"] for said in comments])
    return tasks


def holds(custom: dict[str, Any], condition: str) -> bool:
    """Whether a condition on `custom` holds: numbers with numbers, texts with texts."""
    for sign in ("!=", "<=", ">=", "=", "<", ">"):
        place = min((condition.find(c) for c in "=<>!" if c in condition), default=-1)
        if place >= 0 and condition.startswith(sign, place):
            key, given = condition[:place].strip(), condition[place + len(sign) :].strip()
            return _compares(custom.get(key), sign, given)
    return custom.get(condition.strip()) is not None


def _compares(value: Any, sign: str, given: str) -> bool:
    if sign == "!=":
        return value is not None and not _compares(value, "=", given)
    mine, wanted = _alike(value, given)
    if mine is None or wanted is None:
        return False
    return {
        "=": mine == wanted,
        "<": mine < wanted,
        "<=": mine <= wanted,
        ">": mine > wanted,
        ">=": mine >= wanted,
    }[sign]


def _alike(value: Any, given: str) -> tuple[Any, Any]:
    """A value and what it is compared with, as the same type; nothing where it has none."""
    if isinstance(value, bool):
        wanted = given.lower()
        return str(value).lower(), wanted if wanted in {"true", "false"} else None
    if isinstance(value, str):
        return value.encode(), given.encode()
    if not isinstance(value, int | float):
        return None, None
    try:
        number = float(given)
    except ValueError:
        return None, None
    return float(value), None if math.isnan(number) else number


FILTERS: dict[str, Callable[[Modelled, Any, dict[str, str]], bool]] = {
    "status": lambda task, wanted, _: task.shown["status"] in wanted,
    "priority": lambda task, wanted, _: task.shown["priority"] in wanted,
    "project": lambda task, wanted, _: task.shown["project"] in wanted,
    "label": lambda task, wanted, _: all(
        one.casefold() in map(str.casefold, task.shown["labels"]) for one in wanted
    ),
    "assignee": lambda task, wanted, ids: (
        not task.shown["assignees"]
        if wanted == "none"
        else ids[wanted] in {one["id"] for one in task.shown["assignees"]}
    ),
    "created_by": lambda task, wanted, ids: task.shown["created_by"] == ids[wanted],
    "parent": lambda task, wanted, _: (
        (task.shown["parent"] or {"key": "none"})["key"].upper() == wanted.upper()
        if wanted != "none"
        else task.shown["parent"] is None
    ),
    "repository": lambda task, wanted, ids: task.shown["repository_id"] == ids[str(wanted)],
    "ready": lambda task, wanted, _: not wanted or task.shown["is_ready"],
    "waiting": lambda task, wanted, _: (
        wanted == bool(task.shown["open_dependencies"] or task.shown["open_subtasks"])
    ),
    "due_from": lambda task, wanted, _: (task.shown["due_on"] or "") >= wanted,
    "due_until": lambda task, wanted, _: (task.shown["due_on"] or "9") <= wanted,
    "updated_since": lambda task, wanted, _: (
        datetime.fromisoformat(task.shown["updated_at"]) >= datetime.fromisoformat(wanted)
    ),
    "field": lambda task, wanted, _: all(holds(task.shown["custom"], one) for one in wanted),
    "q": lambda task, wanted, _: all(
        any(token.startswith(word) for token in task.tokens) for word in tokenise(wanted)
    ),
}


def chosen(tasks: dict[str, Modelled], params: dict[str, Any], side: Side) -> list[Modelled]:
    """The tasks that a query should find."""
    ids = {"ada": side.cast.ada.id, "me": side.cast.ada.id, "grace": side.cast.grace.id}
    ids |= {str(number): one for number, one in enumerate(side.repositories)}
    archived = params.get("archived", False)
    return [
        task
        for task in tasks.values()
        if bool(task.shown["archived_at"]) == archived
        and all(
            FILTERS[name](task, value, ids) for name, value in params.items() if name in FILTERS
        )
    ]


def ordered(tasks: list[Modelled], sort: str, q: str) -> list[str]:
    """Their keys in the order of a sort."""
    words = list(dict.fromkeys(tokenise(q)))

    def score(task: Modelled) -> int:
        titles = task.title_tokens
        fits = [
            2 if word in titles else any(one.startswith(word) for one in titles) for word in words
        ]
        return sum(fits) + 100 * ("-".join(tokenise(q)).upper() == task.shown["key"])

    def by(task: Modelled) -> Any:
        one = task.shown
        urgency = PRIORITIES.index(one["priority"])
        reach = (-one["unlock_depth"], -one["unlock_count"])
        values: dict[str, tuple[Any, ...]] = {
            "newest": (one["created_at"],),
            "oldest": (one["created_at"],),
            "updated": (one["updated_at"],),
            "priority": (urgency, one["created_at"]),
            "due": (one["due_on"] or "9999",),
            "rank": (one["project"], one["rank"]),
            "key": (one["project"], int(one["key"].rpartition("-")[2])),
            "next": (urgency, *reach, one["created_at"]),
            "relevance": (score(task), one["updated_at"]),
        }
        return *values[sort], task.number

    is_falling = sort in {"newest", "updated", "relevance"}
    return [task.shown["key"] for task in sorted(tasks, key=by, reverse=is_falling)]
