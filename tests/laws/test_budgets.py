"""Laws of statements: how many a route may need, and that more rows need no more of them."""

from collections.abc import Mapping

import pytest

from nexus.entrypoints.http import Nexus
from nexus.platform.database import Database
from tests.cast import Cast, Person
from tests.conftest import Statements
from tests.laws.examples import EXAMPLES, send
from tests.laws.routes import Route, all_routes
from tests.laws.world import World, a_world

READ, WRITE = 3, 10
"""DESIGN.md section 6: statements of a read, of a write, the look-up of the key included."""

_GRAPH = (
    "a change of the graph locks it, walks it to refuse a cycle, and keeps the derived columns "
    "of everybody it concerns true in the same transaction"
)
_TWO_FEATURES = "the project that may be hidden, its joins, and the other feature's repositories"
_CLAIM = "a hold, its run, the task's status and two events change in one transaction, under locks"
EXCEPTIONS: dict[str, tuple[int, str]] = {
    "dependTask": (13, _GRAPH),
    "undependTask": (12, _GRAPH),
    "setTaskStatus": (11, f"finishing is {_GRAPH}"),
    "nextTask": (5, "what an agent may take, what runs, what is ready and what can be paid"),
    "claimTask": (13, f"{_CLAIM}, and the task as it is to whoever works on it"),
    "submitRun": (13, f"the project's policy, {_CLAIM}"),
    "acceptRun": (12, f"the project's policy, {_CLAIM}"),
    "removeAgent": (12, f"all that it holds is let go, set by set: {_CLAIM}"),
    "acceptProposal": (14, f"new subtasks at once, whose place in the graph is {_GRAPH}"),
    "listProjectRepositories": (4, _TWO_FEATURES),
    "exportTasks": (12, "a file, in pages of 200 tasks that take five statements each"),
}
"""Operation id -> what it may need instead, and why."""

IN_PAGES = {"exportTasks"}
"""What reads all there is, page by page."""

WITH_EVERYTHING = 24
"""A task with a parent, dependencies, new labels, assignees, a repository, an idempotency key."""

FEW, MANY = 3, 30
NO_DATABASE = {"getHome", "getHealth", "getReadiness"}


async def test_every_operation_has_an_example(app: Nexus) -> None:
    operations = {route.operation_id for route in all_routes(app) if route.is_described}

    without = operations - EXAMPLES.keys() - NO_DATABASE
    outdated = EXAMPLES.keys() - operations

    assert without == set(), "add an example of each to EXAMPLES in tests/laws/examples.py"
    assert outdated == set()


async def test_no_operation_needs_more_statements_than_its_budget(
    database: Database, app: Nexus, ada: Person, statements: Statements
) -> None:
    world = await a_world(database, app, ada, "ADA", size=FEW)

    measured = await _measured(app, world, statements)

    over = [
        f"{name} needs {len(seen)} statements, and may need {allowed}"
        for name, seen in measured.items()
        if len(seen) > (allowed := _budget(app, name))
    ]
    assert len(measured) == len(EXAMPLES)
    assert over == []


def test_every_exception_from_the_budget_says_why(app: Nexus) -> None:
    operations = {route.operation_id for route in all_routes(app)}

    wrong = [
        name
        for name, (allowed, why) in EXCEPTIONS.items()
        if name not in operations or allowed <= READ or len(why) < 20
    ]

    assert wrong == []


async def test_no_operation_needs_more_statements_for_more_rows(
    database: Database, app: Nexus, cast: Cast, statements: Statements
) -> None:
    small = await a_world(database, app, cast.ada, "ADA", size=FEW)
    large = await a_world(database, app, cast.bob, "BOB", size=MANY)

    few = await _measured(app, small, statements)
    many = await _measured(app, large, statements)

    grown = [
        f"{name} needs {len(few[name])} statements for few rows and {len(seen)} for many"
        for name, seen in many.items()
        if len(seen) > len(few[name]) and name not in IN_PAGES
    ]
    assert grown == []


async def test_the_lists_that_are_measured_are_long(
    database: Database, app: Nexus, ada: Person
) -> None:
    world = await a_world(database, app, ada, "ADA", size=MANY)
    lists = [
        route
        for route in all_routes(app)
        if route.is_safe and str(route.operation_id).startswith("list")
    ]

    answers = {route.title: (await send(route, world)).json() for route in lists}

    assert len(answers) > 10
    assert [title for title, answer in answers.items() if len(answer["items"]) < MANY] == []


@pytest.mark.parametrize("size", [FEW, MANY])
async def test_a_task_with_everything_is_made_in_so_many_statements(
    database: Database, app: Nexus, ada: Person, statements: Statements, size: int
) -> None:
    world = await a_world(database, app, ada, "ADA", size=size)
    needed = [(await ada.a_task("ADA"))["key"] for _ in range(3)]
    body = {
        "project": "ADA",
        "title": "Everything",
        "parent": world.things["root"],
        "dependencies": needed,
        "labels": ["label ADA 0", "new label", "another new label"],
        "assignees": [ada.id, world.things["user"]],
        "repository_id": world.things["repository"],
        "acceptance": ["One", "Two"],
    }

    with statements.counted():
        await ada.post("/tasks", body, **{"Idempotency-Key": "everything"})

    assert len(statements) <= WITH_EVERYTHING, "\n".join(statements.seen)


async def test_a_repeated_request_is_answered_within_a_reads_budget(
    ada: Person, statements: Statements
) -> None:
    await ada.a_project()
    body = {"project": "API", "title": "Once"}
    await ada.post("/tasks", body, **{"Idempotency-Key": "once"})

    with statements.counted():
        await ada.post("/tasks", body, **{"Idempotency-Key": "once"})

    assert len(statements) <= READ


async def test_a_refused_request_touches_the_database_once(
    ada: Person, vic: Person, statements: Statements
) -> None:
    await ada.a_project()

    with statements.counted():
        refused = await vic.call("POST", "/tasks", json={"project": "API", "title": "No"})

    assert refused.status_code == 403
    assert len(statements) == 1


async def _measured(app: Nexus, world: World, statements: Statements) -> Mapping[str, list[str]]:
    """The statements of every example, sent in order; all of them must be carried out."""
    routes: dict[str | None, Route] = {route.operation_id: route for route in all_routes(app)}
    measured: dict[str, list[str]] = {}
    refused: list[str] = []
    for name in EXAMPLES:
        with statements.counted():
            answer = await send(routes[name], world)
        measured[name] = statements.seen
        if answer.status_code >= 400:
            refused.append(f"{name} answers {answer.status_code}: {answer.text}")
    assert refused == []
    return measured


def _budget(app: Nexus, name: str) -> int:
    if name in EXCEPTIONS:
        return EXCEPTIONS[name][0]
    [route] = [route for route in all_routes(app) if route.operation_id == name]
    return READ if route.is_safe else WRITE
