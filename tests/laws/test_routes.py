"""Laws of all routes: each declares who may call it, is described, and asks for a credential."""

import re
from collections import Counter
from typing import Any
from uuid import uuid4

import httpx2 as httpx
import pytest

from nexus.entrypoints.http import Nexus, create_app_for_description
from nexus.platform.http.guards import guard_of
from tests.cast import Cast, Person
from tests.laws.routes import Route, all_routes, guarded_routes, operation_of

SECURITY_HEADERS = {
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "cache-control": "no-store",
}
OPEN_TO_ALL = {
    "signIn",
    "acceptInvitation",
    "getHome",
    "getHealth",
    "getReadiness",
    "openapi",
    "docs",
    "asset",
    "metrics",  # by address or a token of its own
}
"""What may be called without a credential: a route that joins them is added on purpose."""


@pytest.fixture(scope="module")
def described() -> Nexus:
    return create_app_for_description()


def test_every_route_declares_who_may_call_it(described: Nexus) -> None:
    routes = list(all_routes(described))

    guards = {route.title: guard_of(route.handler) for route in routes}

    assert len(guards) > 60
    assert all(guards.values())


def test_only_the_listed_routes_are_open_to_all(described: Nexus) -> None:
    routes = [route for route in all_routes(described) if not route.guard.needs_caller]

    names = {route.operation_id or route.handler.handler_name for route in routes}

    assert names == OPEN_TO_ALL


def test_every_guarded_route_of_a_feature_asks_for_a_permission_or_concerns_the_account(
    described: Nexus,
) -> None:
    routes = [route for route in guarded_routes(described) if route.guard.permission is None]

    elsewhere = [
        route.title for route in routes if operation_of(described, route)["tags"] != ["Account"]
    ]

    assert elsewhere == []


def test_every_unsafe_route_asks_for_more_than_reading(described: Nexus) -> None:
    routes = [route for route in guarded_routes(described) if not route.is_safe]

    readers = [
        route.title for route in routes if str(route.guard.permission or "").endswith(":read")
    ]

    assert readers == []


def test_every_operation_has_one_name_a_summary_and_tags(described: Nexus) -> None:
    operations = {route.title: operation for route, operation in _operations(described)}

    ids = Counter(operation["operationId"] for operation in operations.values())
    wrong = [
        title
        for title, operation in operations.items()
        if not re.fullmatch(r"[a-z]+(?:[A-Z][a-z]+)*", operation["operationId"])
        or not operation.get("summary")
        or not operation.get("tags")
    ]

    assert [name for name, times in ids.items() if times > 1] == []
    assert wrong == []


def test_every_served_path_is_described_and_nothing_else(described: Nexus) -> None:
    served = {(r.path, r.method.lower()) for r in all_routes(described) if r.is_described}

    in_schema = {
        (path, method) for path, methods in described.openapi["paths"].items() for method in methods
    }

    assert in_schema == served


def test_every_guarded_operation_documents_that_it_refuses(described: Nexus) -> None:
    routes = [route for route in guarded_routes(described) if route.is_described]

    wrong = [
        route.title
        for route in routes
        for operation in [operation_of(described, route)]
        if not {"401", "403", "404"} <= set(operation["responses"]) or not operation["security"]
    ]

    assert wrong == []


def test_every_refusal_is_documented_as_a_problem(described: Nexus) -> None:
    refusals = [
        (route.title, status, answer)
        for route, operation in _operations(described)
        for status, answer in operation["responses"].items()
        if int(status) >= 400 and (route.path, status) != ("/readyz", "503")  # says how it is
    ]

    wrong = [
        f"{title} {status}"
        for title, status, answer in refusals
        if answer.get("content", {}).keys() != {"application/problem+json"}
    ]

    assert wrong == []


def test_every_parameter_is_described(described: Nexus) -> None:
    parameters = [
        (route, parameter)
        for route, operation in _operations(described)
        for parameter in operation.get("parameters", [])
    ]

    wrong = [
        f"{route.title}: {parameter['in']} {parameter['name']}"
        for route, parameter in parameters
        if not parameter.get("description") or not parameter.get("schema")
    ]

    assert wrong == []


def test_every_path_parameter_of_an_operation_is_declared(described: Nexus) -> None:
    routes = [route for route in all_routes(described) if route.is_described]

    wrong = [
        route.title
        for route in routes
        for declared in [operation_of(described, route).get("parameters", [])]
        if {one["name"] for one in declared if one["in"] == "path"} != set(route.parameters)
    ]

    assert wrong == []


async def test_without_a_credential_every_guarded_route_answers_401(
    app: Nexus, ada: Person
) -> None:
    routes = guarded_routes(app)

    answers = [(route, await _call(ada, route, {})) for route in routes]

    assert [wrong for route, answer in answers for wrong in _not_refused(route, answer)] == []
    assert {answer.json()["code"] for _, answer in answers} == {"authentication.required"}


@pytest.mark.parametrize("kind", ["made up", "wrong secret", "no key", "other scheme", "empty"])
async def test_with_a_wrong_credential_every_guarded_route_answers_401(
    app: Nexus, cast: Cast, kind: str
) -> None:
    prefix = cast.ada.key.rpartition("_")[0]
    wrong_headers = {
        "made up": f"Bearer nxs_{uuid4().hex[:12]}_{uuid4().hex}",
        "wrong secret": f"Bearer {prefix}_{cast.bob.key.rpartition('_')[2]}",
        "no key": "Bearer hello",
        "other scheme": "Basic YWRhOnNlY3JldA==",
        "empty": "Bearer",
    }

    answers = [
        (route, await _call(cast.ada, route, {"Authorization": wrong_headers[kind]}))
        for route in guarded_routes(app)
    ]

    assert [wrong for route, answer in answers for wrong in _not_refused(route, answer)] == []
    assert {answer.json()["code"] for _, answer in answers} == {"authentication.refused"}


async def test_a_revoked_key_is_refused_everywhere_at_once(app: Nexus, ada: Person) -> None:
    made = await ada.post("/keys", {"name": "short-lived"})
    headers = {"Authorization": f"Bearer {made['secret']}"}
    good = await ada.http.get("/api/v1/me", headers=headers)

    await ada.delete(f"/keys/{made['key']['id']}")
    answers = [(route, await _call(ada, route, headers)) for route in guarded_routes(app)]

    assert good.status_code == 200
    assert [wrong for route, answer in answers for wrong in _not_refused(route, answer)] == []


async def test_what_is_not_there_is_refused_with_the_same_headers(ada: Person) -> None:
    answers = [
        await ada.http.get("/nowhere"),
        await ada.http.get("/api/v1/nowhere"),
        await ada.http.delete("/api/v1/tasks"),
    ]

    assert [answer.status_code for answer in answers] == [404, 404, 405]
    assert [wrong for answer in answers for wrong in _without_headers(answer)] == []


def _operations(app: Nexus) -> list[tuple[Route, dict[str, Any]]]:
    return [(route, operation_of(app, route)) for route in all_routes(app) if route.is_described]


async def _call(person: Person, route: Route, headers: dict[str, str]) -> httpx.Response:
    """A call of one's own choosing, without the person's key."""
    path = route.path.format(**{name: str(uuid4()) for name in route.parameters})
    return await person.http.request(route.method, path, headers=headers)


def _not_refused(route: Route, answer: httpx.Response) -> list[str]:
    wrong = [f"{route.title}: {what}" for what in _without_headers(answer)]
    if answer.status_code != 401:
        wrong.append(f"{route.title}: answers {answer.status_code}")
    if not answer.headers.get("www-authenticate", "").startswith("Bearer"):
        wrong.append(f"{route.title}: does not say how to authenticate")
    return wrong


def _without_headers(answer: httpx.Response) -> list[str]:
    wrong = [
        f"{name} is {answer.headers.get(name)!r}"
        for name, value in SECURITY_HEADERS.items()
        if answer.headers.get(name) != value
    ]
    if not answer.headers.get("content-security-policy", "").startswith("default-src 'none'"):
        wrong.append("no content security policy")
    if not answer.headers.get("x-request-id"):
        wrong.append("no request id")
    if answer.headers.get("content-type") != "application/problem+json":
        wrong.append(f"is {answer.headers.get('content-type')}")
    return wrong
