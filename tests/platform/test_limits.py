"""Who sends too much waits, and pages of other sites call the API only where it is allowed."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import replace
from typing import Any

import httpx2 as httpx
import pytest

from nexus.entrypoints.http import Nexus
from nexus.platform.database import Database
from nexus.platform.settings import HttpSettings, Settings
from tests.cast import Cast, Person

BOARD = "https://board.example"
Opened = Callable[..., Awaitable[httpx.AsyncClient]]


@pytest.fixture
async def opened(database: Database) -> AsyncIterator[Opened]:
    """Opens a client of an application with these settings of `http`."""
    async with AsyncExitStack() as stack:

        async def open_client(address: str = "10.0.0.1", **http: Any) -> httpx.AsyncClient:
            app = Nexus(database, Settings(http=HttpSettings(**http)))
            transport = httpx.ASGITransport(app=app, client=(address, 40_000))
            client = httpx.AsyncClient(transport=transport, base_url="http://nexus.test")
            return await stack.enter_async_context(client)

        yield open_client


async def test_the_sixth_request_of_five_a_minute_is_told_to_wait(
    ada: Person, opened: Opened
) -> None:
    hasty = replace(ada, http=await opened(requests_per_minute=5))
    taken = [await hasty.call("GET", "/tasks") for _ in range(5)]

    refused = await hasty.call("GET", "/tasks")

    assert [answer.status_code for answer in taken] == [200] * 5
    left = [answer.headers["RateLimit"].split(";")[1] for answer in taken]
    assert left == ["r=4", "r=3", "r=2", "r=1", "r=0"]
    assert {answer.headers["RateLimit-Policy"] for answer in taken} == {'"default";q=5;w=60'}
    assert refused.status_code == 429
    assert refused.headers["Content-Type"] == "application/problem+json"
    assert 1 <= int(refused.headers["Retry-After"]) <= 60
    problem = refused.json()
    assert problem["code"] == "rate_limited"
    assert problem["details"] == {"retry_after": int(refused.headers["Retry-After"])}
    assert problem["request_id"] == refused.headers["X-Request-Id"]


async def test_the_answer_that_says_wait_carries_the_rate_limit_fields_too(
    ada: Person, opened: Opened
) -> None:
    hasty = replace(ada, http=await opened(requests_per_minute=1))
    await hasty.call("GET", "/tasks")

    refused = await hasty.call("GET", "/tasks")

    assert refused.status_code == 429
    assert refused.headers.get("RateLimit", "").startswith('"default";r=0;t=')
    assert refused.headers.get("RateLimit-Policy") == '"default";q=1;w=60'


async def test_a_write_that_must_wait_changes_nothing(ada: Person, opened: Opened) -> None:
    await ada.a_project()
    hasty = replace(ada, http=await opened(requests_per_minute=1))
    await hasty.a_task()

    refused = await hasty.call("POST", "/tasks", json={"project": "API", "title": "Two"})

    assert refused.status_code == 429
    assert len((await ada.get("/tasks"))["items"]) == 1


async def test_each_credential_has_a_measure_of_its_own(cast: Cast, opened: Opened) -> None:
    http = await opened(requests_per_minute=2)
    ada, grace = (replace(person, http=http) for person in (cast.ada, cast.grace))

    statuses = [(await person.call("GET", "/me")).status_code for person in [ada] * 3 + [grace] * 3]

    assert statuses == [200, 200, 429, 200, 200, 429]


async def test_without_a_credential_the_address_is_counted(opened: Opened) -> None:
    http = await opened(requests_per_minute=2)

    statuses = [(await http.get("/api/v1/tasks")).status_code for _ in range(3)]

    assert statuses == [401, 401, 429]


async def test_guessing_keys_is_slowed_down_and_keeps_nobody_else_out(
    ada: Person, opened: Opened
) -> None:
    http = await opened(requests_per_minute=3)
    guess = {"Authorization": "Bearer nxs_aaaaaaaaaa_bbbbbbbbbbbbbbbbbbbbbbbb"}

    guesses = [(await http.get("/api/v1/tasks", headers=guess)).status_code for _ in range(5)]

    assert guesses == [401, 401, 401, 429, 429]
    assert (await replace(ada, http=http).call("GET", "/tasks")).status_code == 200


async def test_a_forwarded_address_counts_only_from_a_trusted_proxy(opened: Opened) -> None:
    trusting = await opened("10.0.0.1", requests_per_minute=1, trusted_proxies=("10.0.0.1",))
    wary = await opened("10.0.0.1", requests_per_minute=1)

    async def statuses(http: httpx.AsyncClient) -> list[int]:
        forwarded = [{"X-Forwarded-For": f"192.0.2.{i}"} for i in range(3)]
        return [(await http.get("/api/v1/tasks", headers=one)).status_code for one in forwarded]

    assert await statuses(trusting) == [401, 401, 401]
    assert await statuses(wary) == [401, 429, 429]


async def test_probes_are_never_told_to_wait(opened: Opened) -> None:
    http = await opened(requests_per_minute=1)

    statuses = [(await http.get(path)).status_code for path in ["/healthz", "/readyz", "/"] * 3]

    assert statuses == [200] * 9


async def test_a_page_of_an_allowed_site_may_call_and_read_what_it_needs(
    ada: Person, opened: Opened
) -> None:
    ada = replace(ada, http=await opened(cors_origins=(BOARD,)))
    asked = {
        "Origin": BOARD,
        "Access-Control-Request-Method": "PATCH",
        "Access-Control-Request-Headers": "authorization, if-match, idempotency-key",
    }

    preflight = await ada.http.options("/api/v1/tasks/API-1", headers=asked)
    answer = await ada.call("GET", "/tasks", headers={"Origin": BOARD})

    assert preflight.status_code in {200, 204}
    assert preflight.headers["Access-Control-Allow-Origin"] == BOARD
    assert "PATCH" in preflight.headers["Access-Control-Allow-Methods"]
    allowed = preflight.headers["Access-Control-Allow-Headers"].lower()
    assert all(name in allowed for name in ("authorization", "if-match", "idempotency-key"))
    assert answer.headers["Access-Control-Allow-Origin"] == BOARD
    exposed = answer.headers["Access-Control-Expose-Headers"].lower()
    assert all(name in exposed for name in ("etag", "link", "retry-after", "x-request-id"))
    assert "Origin" in answer.headers["Vary"]


async def test_a_page_of_an_allowed_site_can_read_refusals_too(ada: Person, opened: Opened) -> None:
    ada = replace(ada, http=await opened(cors_origins=(BOARD,)))
    origin = {"Origin": BOARD}

    answers = [
        await ada.http.get("/api/v1/tasks", headers=origin),
        await ada.call("GET", "/tasks/API-1", headers=origin),
        await ada.call("GET", "/nowhere", headers=origin),
        await ada.call("POST", "/tasks", content=b"{", headers=origin),
    ]

    assert [answer.status_code for answer in answers] == [401, 404, 404, 415]
    assert {answer.headers.get("Access-Control-Allow-Origin") for answer in answers} == {BOARD}


@pytest.mark.parametrize(
    "origin", ["https://evil.example", "http://board.example", "https://board.example.evil", "null"]
)
async def test_a_page_of_any_other_site_is_not_let_in(
    ada: Person, opened: Opened, origin: str
) -> None:
    ada = replace(ada, http=await opened(cors_origins=(BOARD,)))
    asked = {"Origin": origin, "Access-Control-Request-Method": "POST"}

    preflight = await ada.http.options("/api/v1/tasks", headers=asked)
    answer = await ada.call("GET", "/tasks", headers={"Origin": origin})

    assert preflight.headers.get("Access-Control-Allow-Origin") is None
    assert answer.headers.get("Access-Control-Allow-Origin") is None


async def test_without_a_setting_no_other_site_is_let_in(ada: Person) -> None:
    asked = {"Origin": BOARD, "Access-Control-Request-Method": "POST"}

    preflight = await ada.http.options("/api/v1/tasks", headers=asked)
    answer = await ada.call("GET", "/tasks", headers={"Origin": BOARD})

    assert not [name for name in preflight.headers if name.startswith("access-control")]
    assert not [name for name in answer.headers if name.startswith("access-control")]
