"""Laws of the walls: what is not yours cannot be seen, changed or pointed at, by any route."""

from uuid import uuid4

import pytest

from nexus.entrypoints.http import Nexus
from nexus.platform.database import Database
from tests.cast import Cast
from tests.laws.examples import (
    PARAMETERS,
    QUERY_REFERENCES,
    REFERENCES,
    asked,
    paths_into,
    pointing,
    query_references,
    send,
)
from tests.laws.routes import (
    all_routes,
    fields_of_body,
    formats_in,
    guarded_routes,
    operation_of,
)
from tests.laws.verdicts import leaks, not_hidden, outcome, told
from tests.laws.world import World, a_world, ids_in, rows_of, sign_in

NOT_REFERENCES = {"workspace"}
"""Parameters with the form of an id that name no thing to look up: the session's workspace."""


@pytest.fixture
async def hers(database: Database, app: Nexus, cast: Cast) -> World:
    return await a_world(database, app, cast.ada, "ADA")


@pytest.fixture
async def his(database: Database, app: Nexus, cast: Cast) -> World:
    return await a_world(database, app, cast.bob, "BOB")


async def test_nobody_reaches_another_workspace_by_a_path(
    database: Database, app: Nexus, cast: Cast, hers: World, his: World
) -> None:
    before = await rows_of(database, cast.ada.workspace_id)
    routes = [route for route in guarded_routes(app) if route.parameters]

    tried = [
        (route, path, await send(route, his, path=path))
        for route in routes
        for path in sorted(paths_into(route, his.things, hers.things))
    ]

    assert len(tried) > 60
    assert [wrong for one in tried for wrong in not_hidden(*one)] == []
    assert await rows_of(database, cast.ada.workspace_id) == before


async def test_a_foreign_id_is_answered_exactly_like_a_made_up_one(
    app: Nexus, hers: World, his: World
) -> None:
    routes = [route for route in guarded_routes(app) if route.parameters]
    made_up = dict.fromkeys(hers.things, str(uuid4())) | {"project": "NOSUCH"}

    wrong: list[str] = []
    for route in routes:
        for name in route.parameters:
            answers: list[tuple[int, str | None]] = []
            for foreign in (hers.things, made_up):
                values = {one: his.things[PARAMETERS[one][0]] for one in route.parameters}
                path = route.filled(values | {name: foreign[PARAMETERS[name][-1]]})
                answers.append(outcome(await send(route, his, path=path)))
            if answers[0] != answers[1]:
                wrong.append(f"{route.title}: {name} tells them apart, {answers}")

    assert wrong == []


async def test_nobody_points_at_another_workspace_in_a_body(
    database: Database, app: Nexus, cast: Cast, hers: World, his: World
) -> None:
    before = await rows_of(database, cast.ada.workspace_id)
    tries = [
        (route, field, thing)
        for route in guarded_routes(app)
        if not route.is_safe
        for field in fields_of_body(app, route)
        for thing in REFERENCES.get(field, ())
    ]

    wrong: list[str] = []
    for route, field, thing in tries:
        foreign = await send(route, his, body=pointing(route, his, field, hers.things[thing]))
        if foreign.status_code not in {404, 422}:
            wrong.append(f"{route.title}: {field} of another workspace is {told(foreign)}")
        own = await send(route, his, body=pointing(route, his, field, his.things[thing]))
        if own.status_code >= 400 and thing == REFERENCES[field][0]:
            wrong.append(f"{route.title}: {field} of one's own is {told(own)}")

    assert len(tries) > 15
    assert wrong == []
    assert await rows_of(database, cast.ada.workspace_id) == before


async def test_nobody_reads_what_is_another_workspaces(
    database: Database, app: Nexus, cast: Cast, hers: World, his: World
) -> None:
    hidden = ids_in(await rows_of(database, cast.ada.workspace_id)) | {hers.marker}
    routes = [route for route in guarded_routes(app) if route.is_safe]

    answers = [(route, await send(route, his)) for route in routes]
    answers += [
        (route, await send(route, his, query={name: asked(name, hers)}))
        for route in routes
        for name in query_references(app, route)
    ]

    assert len(answers) > 25
    assert [(r.title, found) for r, answer in answers if (found := leaks(answer, hidden))] == []


async def test_no_import_goes_into_another_workspaces_project(
    database: Database, app: Nexus, cast: Cast, hers: World, his: World
) -> None:
    [route] = [route for route in all_routes(app) if route.operation_id == "createImport"]
    before = await rows_of(database, cast.ada.workspace_id)

    foreign = await send(route, his, query={"project": hers.things["project"]})
    own = await send(route, his, query={"project": his.things["project"]})

    assert foreign.status_code in {404, 422}
    assert own.status_code == 202
    assert await rows_of(database, cast.ada.workspace_id) == before


@pytest.mark.parametrize("way", ["header", "query"])
@pytest.mark.parametrize("credential", ["session", "key"])
async def test_a_credential_that_names_another_workspace_finds_nothing(
    database: Database, app: Nexus, cast: Cast, hers: World, his: World, way: str, credential: str
) -> None:
    before = await rows_of(database, cast.bob.workspace_id)
    who = await sign_in(database, cast.ada.http, cast.ada.user)
    name = {
        "header": {"headers": {"X-Nexus-Workspace": str(cast.bob.workspace_id)}},
        "query": {"query": {"workspace": str(cast.bob.workspace_id)}},
    }[way]

    answers = [
        (route, await send(route, world, who=who if credential == "session" else cast.ada, **name))
        for route in guarded_routes(app)
        for world in (hers, his)
    ]

    assert [f"{r.title}: {told(a)}" for r, a in answers if a.status_code != 404] == []
    assert await rows_of(database, cast.bob.workspace_id) == before


async def test_a_viewers_key_changes_nothing(
    database: Database, app: Nexus, cast: Cast, hers: World
) -> None:
    before = await rows_of(database, cast.ada.workspace_id)
    routes = [route for route in guarded_routes(app) if not route.is_safe]

    answers = [(route, await send(route, hers, who=cast.vic)) for route in routes]

    assert len(answers) > 30
    assert [f"{r.title}: {told(a)}" for r, a in answers if a.status_code != 403] == []
    assert await rows_of(database, cast.ada.workspace_id) == before


async def test_a_key_with_one_scope_opens_only_the_routes_of_that_scope(
    database: Database, app: Nexus, cast: Cast, hers: World
) -> None:
    made = await cast.ada.post("/keys", {"name": "narrow", "scopes": ["repositories:read"]})
    narrow = {"Authorization": f"Bearer {made['secret']}"}
    before = await rows_of(database, cast.ada.workspace_id)
    routes = [
        route
        for route in guarded_routes(app)
        if route.guard.permission not in {None, "repositories:read"}
    ]

    answers = [(route, await send(route, hers, who=hers.owner, headers=narrow)) for route in routes]
    allowed = await cast.ada.call("GET", "/repositories", headers=narrow)

    assert [f"{r.title}: {told(a)}" for r, a in answers if a.status_code != 403] == []
    assert allowed.status_code == 200
    assert await rows_of(database, cast.ada.workspace_id) == before


async def test_nobody_touches_the_sessions_of_another_user(
    app: Nexus, hers: World, his: World
) -> None:
    routes = [route for route in guarded_routes(app) if "session_id" in route.parameters]

    answers = [
        await send(route, his, path=route.filled({"session_id": hers.things["session"]}))
        for route in routes
    ]
    still = await hers.second.call("GET", "/sessions")

    assert [answer.status_code for answer in answers] == [404]
    assert hers.things["session"] in {one["id"] for one in still.json()["items"]}


def test_every_reference_in_a_body_or_query_is_known_to_the_laws(app: Nexus) -> None:
    fields = [
        (route, "body", name, schema)
        for route in all_routes(app)
        if route.is_described
        for name, schema in fields_of_body(app, route).items()
    ] + [
        (route, "query", parameter["name"], parameter["schema"])
        for route in all_routes(app)
        if route.is_described
        for parameter in operation_of(app, route).get("parameters", [])
        if parameter["in"] == "query"
    ]

    unknown = [
        f"{route.title}: {where} {name!r} names a thing; add it to the references of the laws"
        for route, where, name, schema in fields
        if {"uuid", "task"} & formats_in(app, schema) or name.endswith(("_id", "_ids"))
        if name not in NOT_REFERENCES
        if name not in (REFERENCES if where == "body" else QUERY_REFERENCES)
    ]

    assert len(fields) > 50
    assert unknown == []
