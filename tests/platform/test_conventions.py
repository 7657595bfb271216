"""Every answer follows the same conventions: problems, request ids and security headers."""

from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

import httpx2 as httpx
import pytest

from tests.cast import Cast, Person

SECURITY_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
}


@dataclass(frozen=True, kw_only=True)
class Refused:
    """A request that is refused, and how."""

    status: int
    code: str
    who: str = "ada"
    method: str = "GET"
    path: str
    body: Any = None
    headers: tuple[tuple[str, str], ...] = ()

    async def sent(self, cast: Cast) -> httpx.Response:
        options = {} if self.body is None else {"json": self.body}
        person: Person = getattr(cast, self.who)
        return await person.call(self.method, self.path, headers=dict(self.headers), **options)


WORDS = {"project": "API", "title": "A task"}
REFUSALS = [
    Refused(status=400, code="request.malformed", path="/tasks?state=todo"),
    Refused(status=400, code="request.malformed", path="/tasks?limit=5&limit=6"),
    Refused(status=400, code="request.invalid", path="/tasks?limit=201"),
    Refused(status=400, code="request.invalid", path="/tasks?limit=0"),
    Refused(status=400, code="request.invalid", path="/tasks?limit=many"),
    Refused(status=400, code="request.invalid", path="/tasks?status=blocked"),
    Refused(status=400, code="request.invalid", path="/events?after=99999999999999999999"),
    Refused(
        status=400,
        code="request.malformed",
        method="PATCH",
        path="/tasks/API-1",
        body={"title": "New"},
        headers=(("If-Match", '"one"'),),
    ),
    Refused(
        status=401,
        code="authentication.refused",
        path="/tasks",
        headers=(("Authorization", "Bearer nxs_nobody_knows"),),
    ),
    Refused(
        status=401,
        code="authentication.refused",
        path="/tasks",
        headers=(("Authorization", "Basic YWRhOmFkYQ=="),),
    ),
    Refused(
        status=403, code="permission.missing", who="vic", method="POST", path="/tasks", body=WORDS
    ),
    Refused(status=404, code="task.not_found", path="/tasks/API-404"),
    Refused(status=404, code="task.not_found", path="/tasks/what-is-this"),
    Refused(status=404, code="task.not_found", who="bob", path="/tasks/API-1"),
    Refused(status=404, code="route.not_found", path="/nowhere"),
    Refused(status=404, code="route.not_found", path="/keys/not-an-id"),
    Refused(
        status=404, code="not_found", path="/tasks", headers=(("X-Nexus-Workspace", "not-an-id"),)
    ),
    Refused(status=405, code="method.not_allowed", method="DELETE", path="/tasks"),
    Refused(
        status=409,
        code="task.not_finished",
        method="PATCH",
        path="/tasks/API-1",
        body={"archived": True},
    ),
    Refused(
        status=412,
        code="stale",
        method="PATCH",
        path="/tasks/API-1",
        body={"title": "New"},
        headers=(("If-Match", '"9"'),),
    ),
    Refused(
        status=413,
        code="body.too_large",
        method="POST",
        path="/tasks",
        body=WORDS | {"description": "x" * 1_100_000},
    ),
    Refused(
        status=415,
        code="body.not_json",
        method="POST",
        path="/tasks",
        body=WORDS,
        headers=(("Content-Type", "text/plain"),),
    ),
    Refused(
        status=422,
        code="task.reference_unknown",
        method="POST",
        path="/tasks",
        body=WORDS | {"parent": "API-404"},
    ),
    Refused(status=422, code="cursor.not_understood", path="/tasks?cursor=bm9uZQ"),
]


@pytest.mark.parametrize("refused", REFUSALS, ids=lambda one: f"{one.status} {one.path[:40]}")
async def test_every_refusal_is_a_problem_that_says_what_is_wrong(
    cast: Cast, refused: Refused
) -> None:
    await cast.ada.a_project()
    await cast.ada.a_task()

    answer = await refused.sent(cast)

    assert answer.status_code == refused.status, answer.text
    assert answer.headers["Content-Type"] == "application/problem+json"
    problem = answer.json()
    assert (problem["status"], problem["code"]) == (refused.status, refused.code)
    assert problem["type"] == f"urn:nexus:error:{refused.code}"
    assert problem["title"] == HTTPStatus(refused.status).phrase
    assert problem["detail"].endswith(".")
    assert isinstance(problem["details"], dict)
    assert problem["request_id"] == answer.headers["X-Request-Id"]
    assert all(len(answer.headers.get_list(name)) == 1 for name in answer.headers)


async def test_a_nul_in_the_address_is_a_problem_like_all_others(ada: Person) -> None:
    answers = [await ada.call("GET", path) for path in ("/tasks/API%00", "/tasks?q=a%00b")]

    for answer in answers:
        assert answer.status_code == 400
        assert answer.headers["Content-Type"] == "application/problem+json"
        problem = answer.json()
        assert (problem["title"], problem["code"]) == ("Bad Request", "request.malformed")
        assert problem["request_id"] == answer.headers["X-Request-Id"]


async def test_without_a_credential_the_answer_says_how_to_send_one(ada: Person) -> None:
    answer = await ada.http.get("/api/v1/tasks")

    assert answer.status_code == 401
    assert answer.json()["code"] == "authentication.required"
    assert answer.headers["WWW-Authenticate"].startswith("Bearer")


@pytest.mark.parametrize(
    ("header", "value"),
    [
        ("Authorization", b"Bearer \xff\xfe"),
        ("Authorization", b"Bearer"),
        ("Authorization", b"Bearer nxs_a_b extra"),
        ("Authorization", b"Bearer " + b"x" * 5000),
        ("Cookie", b"nexus_session=\xff; ="),
        ("Cookie", b"nexus_session=" + b"x" * 5000),
        ("Cookie", b"nexus_session=a\\000b"),
    ],
)
async def test_an_odd_credential_is_not_known(ada: Person, header: str, value: bytes) -> None:
    answer = await ada.http.get("/api/v1/tasks", headers=[(header.encode(), value)])

    assert answer.status_code == 401, answer.text
    assert answer.json()["code"].startswith("authentication.")


async def test_a_field_that_is_wrong_is_named(ada: Person) -> None:
    await ada.a_project()

    answer = await ada.call("POST", "/tasks", json=WORDS | {"acceptance": ["It works", 5]})

    assert answer.status_code == 400
    assert [one["field"] for one in answer.json()["errors"]] == ["acceptance[1]"]


@pytest.mark.parametrize("given", ["0123456789", "a-trace.id_with-all-of-it", "x" * 100])
async def test_a_sane_request_id_is_taken_over(ada: Person, given: str) -> None:
    await ada.a_project()

    answer = await ada.call("POST", "/tasks", json=WORDS, headers={"X-Request-Id": given})

    assert answer.headers["X-Request-Id"] == given
    assert (await ada.last_event())["request_id"] == given


@pytest.mark.parametrize(
    "given",
    ["", "short", "x" * 101, "with spaces in it", "<script>alert(1)</script>", "ümläutümläut"],
)
async def test_an_odd_request_id_is_replaced_by_one_of_ours(ada: Person, given: str) -> None:
    headers = [(b"x-request-id", given.encode())]

    answer = await ada.http.get("/healthz", headers=headers)

    assert answer.status_code == 200
    assert answer.headers["X-Request-Id"] != given
    assert len(answer.headers["X-Request-Id"]) == 32


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/", 200),
        ("GET", "/healthz", 200),
        ("GET", "/openapi.json", 200),
        ("GET", "/docs/api", 200),
        ("GET", "/nowhere", 404),
        ("GET", "/api/v1/nowhere", 404),
        ("PUT", "/api/v1/tasks", 405),
        ("POST", "/healthz", 405),
        ("GET", "/api/v1/tasks", 401),
        ("GET", "/api/v1/tasks%00", 400),
        ("HEAD", "/healthz", 405),
        ("OPTIONS", "/api/v1/tasks", 204),
    ],
)
async def test_security_headers_and_a_request_id_are_on_every_answer(
    ada: Person, method: str, path: str, status: int
) -> None:
    answer = await ada.http.request(method, path)

    assert answer.status_code == status
    assert {name: answer.headers.get(name) for name in SECURITY_HEADERS} == SECURITY_HEADERS
    assert "frame-ancestors 'none'" in answer.headers["Content-Security-Policy"]
    assert len(answer.headers["X-Request-Id"]) == 32


async def test_answers_of_the_api_are_kept_in_no_cache(ada: Person) -> None:
    answer = await ada.call("GET", "/tasks")

    assert answer.headers["Cache-Control"] == "no-store"


async def test_an_address_that_does_not_take_a_method_says_which_it_takes(ada: Person) -> None:
    answer = await ada.call("DELETE", "/tasks")

    assert answer.status_code == 405
    assert {one.strip() for one in answer.headers["Allow"].split(",")} >= {"GET", "POST"}


async def test_a_very_long_name_in_the_address_is_simply_not_found(ada: Person) -> None:
    paths = [
        f"/tasks/{'A' * 5000}",
        f"/tasks/API-{'9' * 50}",
        f"/projects/{'A' * 5000}",
        f"/keys/{'0' * 5000}",
        "/tasks/API-000001",
        "/tasks/%20",
        "/tasks/..%2f..%2fetc",
    ]

    answers = [await ada.call("GET", path) for path in paths]

    assert [answer.status_code for answer in answers] == [404] * len(paths)
    assert all(len(answer.content) < 1000 for answer in answers)


async def test_a_matching_etag_changes_nothing_about_reading(ada: Person) -> None:
    await ada.a_project()
    await ada.a_task()
    path = "/tasks/API-1"

    answer = await ada.call("GET", path, headers={"If-None-Match": '"1"'})

    assert (answer.status_code, answer.headers["ETag"]) == (200, '"1"')


@pytest.mark.parametrize("given", ["*", '"1"', "1", 'W/"1"'])
async def test_a_version_is_understood_in_every_form(ada: Person, given: str) -> None:
    await ada.a_project()
    await ada.a_task()

    answer = await ada.call(
        "PATCH", "/tasks/API-1", json={"title": "New"}, headers={"If-Match": given}
    )

    assert (answer.status_code, answer.headers["ETag"]) == (200, '"2"')
