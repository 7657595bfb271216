"""Laws of private projects: for who is no member, by any route, they are not there."""

import pytest

from nexus.entrypoints.http import Nexus
from nexus.platform.database import Database
from tests.cast import Cast
from tests.laws.examples import (
    REFERENCES,
    asked,
    paths_into,
    pointing,
    query_references,
    send,
)
from tests.laws.routes import Route, fields_of_body, guarded_routes
from tests.laws.verdicts import leaks, not_hidden, told
from tests.laws.world import World, a_world, rows_of

IN_A_PROJECT = {"task", "depends_on", "item_id", "link_id", "comment_id", "key"}
"""Path parameters that name what a private project hides."""

SHARED = {"user", "repository"}
"""Things of a world that all members of the workspace see."""

IMPORTS = {"listImports", "getImport"}


@pytest.fixture
async def hers(database: Database, app: Nexus, cast: Cast) -> World:
    return await a_world(database, app, cast.ada, "ADA")


@pytest.fixture
async def hidden(database: Database, app: Nexus, cast: Cast) -> World:
    return await a_world(database, app, cast.ada, "SEC", visibility="private")


async def test_nobody_else_reaches_it_by_a_path(
    database: Database, app: Nexus, cast: Cast, hers: World, hidden: World
) -> None:
    before = await rows_of(database, cast.ada.workspace_id)
    routes = [route for route in guarded_routes(app) if IN_A_PROJECT & set(route.parameters)]

    tried = [
        (route, path, await send(route, hers, who=cast.grace, path=path))
        for route in routes
        for path in sorted(paths_into(route, hers.things, hidden.things, IN_A_PROJECT))
    ]

    assert len(tried) > 30
    assert [wrong for one in tried for wrong in not_hidden(*one)] == []
    assert await rows_of(database, cast.ada.workspace_id) == before


async def test_nobody_else_reads_of_it(app: Nexus, cast: Cast, hers: World, hidden: World) -> None:
    routes = [route for route in _read_by_grace(app, cast) if route.operation_id not in IMPORTS]

    answers = [(route, await send(route, hers, who=cast.grace)) for route in routes]
    answers += [
        (route, await send(route, hers, who=cast.grace, query={name: asked(name, hidden)}))
        for route in routes
        for name in query_references(app, route)
    ]

    texts = _texts(hidden)
    assert len(answers) > 20
    assert [(r.title, found) for r, answer in answers if (found := leaks(answer, texts))] == []


async def test_nobody_else_reads_of_an_import_into_it(
    app: Nexus, cast: Cast, hidden: World
) -> None:
    routes = [route for route in _read_by_grace(app, cast) if route.operation_id in IMPORTS]

    answers = [(route, await send(route, hidden, who=cast.grace)) for route in routes]

    texts = _texts(hidden)
    assert len(answers) == len(IMPORTS)
    assert [(r.title, found) for r, answer in answers if (found := leaks(answer, texts))] == []


@pytest.mark.parametrize("relation", ["dependency", "dependent", "parent", "subtask", "link"])
async def test_nobody_else_reads_of_it_where_an_open_task_points_at_it(
    app: Nexus, cast: Cast, hers: World, hidden: World, relation: str
) -> None:
    mine, secret = hers.things["free"], hidden.things["free"]
    match relation:
        case "dependency":
            await cast.ada.post(f"/tasks/{mine}/dependencies", {"depends_on": secret})
        case "dependent":
            await cast.ada.post(f"/tasks/{secret}/dependencies", {"depends_on": mine})
        case "parent":
            await cast.ada.patch(f"/tasks/{mine}", {"parent": secret})
        case "subtask":
            await cast.ada.patch(f"/tasks/{secret}", {"parent": mine})
        case _:
            await cast.ada.post(f"/tasks/{mine}/links", {"kind": "related", "task": secret})
    await cast.ada.finish(mine)
    await cast.ada.finish(secret)
    routes = [route for route in _read_by_grace(app, cast) if route.operation_id not in IMPORTS]

    answers = [(route, await send(route, _around(hers, mine), who=cast.grace)) for route in routes]

    texts = _texts(hidden)
    assert [(r.title, found) for r, answer in answers if (found := leaks(answer, texts))] == []


async def test_nobody_else_points_at_it_in_a_body(
    database: Database, app: Nexus, cast: Cast, hers: World, hidden: World
) -> None:
    before = await rows_of(database, cast.ada.workspace_id)
    tries = [
        (route, field, pointing(route, hers, field, hidden.things[thing]))
        for route in guarded_routes(app)
        if not route.is_safe
        and route.guard.permission
        and cast.grace.actor.may(route.guard.permission)
        for field in fields_of_body(app, route)
        for thing in REFERENCES.get(field, ())
        if thing not in SHARED
    ]

    wrong: list[str] = []
    for route, field, body in tries:
        answer = await send(route, hers, who=cast.grace, body=body)
        if answer.status_code not in {404, 422}:
            wrong.append(f"{route.title}: {field} is {told(answer)}")

    assert len(tries) > 10
    assert wrong == []
    assert await rows_of(database, cast.ada.workspace_id) == before


def _read_by_grace(app: Nexus, cast: Cast) -> list[Route]:
    return [
        route
        for route in guarded_routes(app)
        if route.is_safe and route.guard.permission and cast.grace.actor.may(route.guard.permission)
    ]


def _around(world: World, task: str) -> World:
    """The same world, told from another task."""
    return World(
        owner=world.owner,
        second=world.second,
        stranger=world.stranger,
        robot=world.robot,
        marker=world.marker,
        things=world.things | {"task": task},
    )


def _texts(world: World) -> set[str]:
    """What would give the project away: its texts, its key, its ids."""
    names = ("project_id", "task_id", "dependency_id", "free_id", "comment", "link", "item")
    key = world.things["project"]
    return {world.marker, f'"{key}"', f"{key}-"} | {world.things[name] for name in names}
