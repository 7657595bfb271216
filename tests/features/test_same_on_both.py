"""One backlog on both databases: every list of it is the same, and what a simple model says."""

import json
import string
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from random import Random
from typing import Any

import pytest

from nexus.entrypoints.http import Nexus
from nexus.platform.database import Database
from nexus.platform.database_url import understand_url
from nexus.platform.migrating import migrate
from nexus.platform.settings import Settings
from nexus.platform.tokens import tokenise
from tests.cast import enter
from tests.conftest import a_postgres_database
from tests.features.backlogs import (
    CUSTOM_KEYS,
    CUSTOM_VALUES,
    FILTERS,
    LABELS,
    ODD_KEYS,
    PRIORITIES,
    PROJECTS,
    START,
    WORDS,
    Modelled,
    Side,
    build,
    chosen,
    modelled,
    ordered,
    steps,
    walk,
)

SORTS = ["newest", "oldest", "updated", "priority", "due", "rank", "key", "next"]
SIGNS = ["=", "!=", "<", "<=", ">", ">="]
SEED = 20261121


@dataclass(frozen=True, kw_only=True)
class Both:
    """The same backlog on SQLite and on PostgreSQL, and what is known of it."""

    sqlite: Side
    postgresql: Side
    tasks: dict[str, Modelled]

    async def keys(self, params: dict[str, Any]) -> list[list[Any]]:
        """What each of the two lists for a query: keys and highlights."""
        return [
            [
                (one["key"], one["highlights"])
                for one in await walk(side.cast.ada, side.named(params))
            ]
            for side in (self.sqlite, self.postgresql)
        ]

    async def disagreement(self, params: dict[str, Any]) -> str | None:
        """How the two, or the model, differ about a query; None where they do not."""
        sort = params["sort"]
        here, there = await self.keys(params)
        if here != there:
            return f"{params}: SQLite {here}, PostgreSQL {there}"
        found = [key for key, _ in here]
        expected = ordered(
            chosen(self.tasks, params, self.sqlite), sort, str(params.get("q") or "")
        )
        if sort == "relevance":
            expected = expected[: params["limit"]]
        return None if found == expected else f"{params}: both {found}, expected {expected}"


async def _side(database: Database, settings: Settings) -> Side:
    cast = await enter(database, Nexus(database, settings))
    repositories = [
        (await cast.ada.post("/repositories", {"name": name, "url": f"https://x.test/{name}"}))[
            "id"
        ]
        for name in "ab"
    ]
    return Side(database=database, cast=cast, repositories=repositories)


@pytest.fixture(scope="module")
async def both(
    settings: Settings, tmp_path_factory: pytest.TempPathFactory, worker_id: str
) -> AsyncIterator[Both]:
    made = steps(Random(SEED), 150)
    async with AsyncExitStack() as stack:
        server = stack.enter_context(a_postgres_database(f"nexus_both_{worker_id}"))
        file = tmp_path_factory.mktemp("both") / "nexus.db"
        sides: list[Side] = []
        for url in (f"sqlite:///{file}", server):
            migrate(understand_url(url))
            database = Database(understand_url(url))
            stack.push_async_callback(database.close)
            sides.append(await _side(database, settings))
        sqlite, postgresql = sides
        assert await build(sqlite, made) == await build(postgresql, made)
        yield Both(sqlite=sqlite, postgresql=postgresql, tasks=await modelled(sqlite))


def _words(chance: Random, tasks: dict[str, Modelled]) -> str:
    """A search: pieces of the texts, their beginnings, or something else."""
    task = chance.choice(list(tasks.values()))
    text = " ".join([task.shown["title"], task.shown["description"], *task.comments])
    start = chance.randrange(len(text))
    pieces = [
        text[start : start + chance.randint(1, 12)],
        *(word[: chance.randint(1, 4)] for word in chance.sample(WORDS, 2)),
        task.shown["key"].lower(),
        "".join(chr(chance.randrange(0x20, 0x3000)) for _ in range(3)),
        "".join(chance.choices(string.punctuation, k=3)),
    ]
    return " ".join(chance.sample(pieces, chance.randint(1, 2)))[:200]


def _condition(chance: Random) -> str:
    key = chance.choice(CUSTOM_KEYS)
    if chance.random() < 0.15:
        return key
    value = chance.choice(
        [one for one in CUSTOM_VALUES if not isinstance(one, list | dict) and one != "nan"]
    )
    text = {True: "true", False: "false"}[value] if isinstance(value, bool) else str(value)
    return f"{key}{chance.choice(SIGNS)}{text}"


def _value(chance: Random, name: str, tasks: dict[str, Modelled]) -> Any:
    """A value of a query parameter that finds something now and then."""
    labels = [one.swapcase() for one in chance.sample(LABELS, chance.choice([1, 1, 2]))]
    moment = START.replace(day=chance.randint(1, 3), hour=chance.randrange(24))
    values: dict[str, Any] = {
        "status": chance.sample(["backlog", "todo", "in_progress", "done", "cancelled"], 2),
        "priority": chance.sample(PRIORITIES, chance.randint(1, 3)),
        "project": chance.sample(PROJECTS, chance.randint(1, 2)),
        "label": labels,
        "assignee": chance.choice(["none", "me", "ada", "grace"]),
        "created_by": chance.choice(["ada", "grace"]),
        "parent": chance.choice(["none", "api-99", *tasks]),
        "repository": chance.randrange(2),
        "ready": chance.random() < 0.5,
        "waiting": chance.random() < 0.5,
        "due_from": f"2026-12-{chance.randint(9, 17):02}",
        "due_until": f"2026-12-{chance.randint(9, 17):02}",
        "updated_since": moment.isoformat(),
        "field": [_condition(chance) for _ in range(chance.choice([1, 1, 2]))],
        "q": _words(chance, tasks),
    }
    return values[name]


async def _disagreements(both: Both, queries: list[dict[str, Any]]) -> list[str]:
    return [why for one in queries if (why := await both.disagreement(one))]


async def test_the_tasks_are_the_same(both: Both) -> None:
    there = await modelled(both.postgresql)

    aside = {"id", "assignees", "parent", "dependencies", "created_by", "repository_id"}
    aside |= {"started_at", "finished_at", "archived_at"}
    for key, task in both.tasks.items():
        mine, theirs = (
            # PostgreSQL writes 1e300 out in full; the number is the same.
            json.loads(json.dumps(shown), parse_int=float)
            for shown in (task.shown, there[key].shown)
        )
        assert {n: v for n, v in mine.items() if n not in aside} == {
            n: v for n, v in theirs.items() if n not in aside
        }
        assert task.comments == there[key].comments
        assert [one["key"] for one in task.shown["dependencies"]] == [
            one["key"] for one in there[key].shown["dependencies"]
        ]
    assert len(both.tasks) == len(there) > 100


@pytest.mark.parametrize("sort", SORTS)
@pytest.mark.parametrize("limit", [7, 50])
async def test_every_sort_is_the_same(both: Both, sort: str, limit: int) -> None:
    queries = [{"sort": sort, "limit": limit, "archived": one} for one in (False, True)]

    assert await _disagreements(both, queries) == []


@pytest.mark.parametrize("name", sorted(FILTERS))
async def test_every_filter_alone_is_the_same(both: Both, name: str) -> None:
    chance = Random(f"{SEED} {name}")
    queries = [
        {"sort": chance.choice(SORTS), "limit": 30, name: _value(chance, name, both.tasks)}
        for _ in range(25)
    ]

    assert await _disagreements(both, queries) == []


async def test_filters_together_are_the_same(both: Both) -> None:
    chance = Random(SEED)
    queries = [
        {"sort": chance.choice(SORTS), "limit": chance.randint(1, 60)}
        | {
            name: _value(chance, name, both.tasks)
            for name in chance.sample(sorted(FILTERS), chance.choice([2, 2, 2, 3]))
        }
        for _ in range(150)
    ]

    assert await _disagreements(both, queries) == []


async def test_searches_are_the_same_in_every_order(both: Both) -> None:
    chance = Random(SEED + 1)
    queries: list[dict[str, Any]] = [
        {"sort": chance.choice(SORTS), "limit": chance.randint(1, 60), "q": text}
        for text in [_words(chance, both.tasks) for _ in range(100)]
    ]
    best = [one | {"sort": "relevance"} for one in queries if tokenise(one["q"])]

    assert await _disagreements(both, queries) == []
    assert await _disagreements(both, best) == []
    assert len(best) > 50


@pytest.mark.parametrize("sign", SIGNS)
@pytest.mark.parametrize("key", [*CUSTOM_KEYS, *ODD_KEYS])
async def test_every_condition_on_a_custom_value_is_the_same(
    both: Both, key: str, sign: str
) -> None:
    values = ["high", "3", "3.0", "10", "2026-06-01", "", "true", "FALSE", "é", "-1", "0", "1e300",
              "9007199254740993", "inf", "-inf", "null", "[]", "1_0", "٣"]  # fmt: skip
    some = Random(f"{key}{sign}").sample(values, 7)
    queries = [{"sort": "key", "limit": 200, "field": [f"{key}{sign}{one}"]} for one in some]

    assert await _disagreements(both, queries) == []


@pytest.mark.parametrize("sign", SIGNS)
async def test_a_number_that_is_none_is_the_same(both: Both, sign: str) -> None:
    queries = [{"sort": "key", "limit": 200, "field": [f"{key}{sign}NaN"]} for key in CUSTOM_KEYS]

    assert await _disagreements(both, queries) == []
