"""Guessing passwords: after some failures there is a wait."""

import asyncio

import httpx2 as httpx
import pytest

from nexus.entrypoints.http import Nexus
from nexus.platform.database import Database
from nexus.platform.settings import HttpSettings, IdentitySettings, Settings
from tests.cast import API, PASSWORD, Person
from tests.features.people import a_client, a_member, an_account, an_address, sign_in, signed_in

ATTEMPTS = 3
PROXY = "192.0.2.80"


@pytest.fixture(scope="session")
def strict(database: Database) -> Nexus:
    """An application that takes three wrong passwords."""
    http = HttpSettings(trusted_proxies=(PROXY,))
    identity = IdentitySettings(sign_in_attempts=ATTEMPTS)
    return Nexus(database, Settings(http=http, identity=identity))


async def test_after_some_failures_the_right_password_has_to_wait_too(
    database: Database, strict: Nexus, ada: Person
) -> None:
    user = await a_member(database, ada)
    attacker = a_client(strict)
    failed = [await sign_in(attacker, user.email, "a guess") for _ in range(ATTEMPTS)]

    refused = await sign_in(attacker, user.email, PASSWORD)

    assert [answer.status_code for answer in failed] == [401] * ATTEMPTS
    assert (refused.status_code, refused.json()["code"]) == (429, "rate_limited")
    assert 1 <= int(refused.headers["retry-after"]) <= 15 * 60
    assert "set-cookie" not in refused.headers
    assert len(await ada.events(name="session.refused")) == ATTEMPTS


async def test_one_failure_less_needs_no_wait(database: Database, strict: Nexus) -> None:
    user = await an_account(database)
    browser = a_client(strict)
    for _ in range(ATTEMPTS - 1):
        await sign_in(browser, user.email, "a slip")

    answer = await sign_in(browser, user.email)

    assert answer.status_code == 201


async def test_signing_in_is_no_failure_however_often(database: Database, strict: Nexus) -> None:
    user = await an_account(database)

    client = a_client(strict)
    answers = []
    for _ in range(ATTEMPTS + 2):
        client.cookies.clear()
        answers.append(await sign_in(client, user.email))

    assert [answer.status_code for answer in answers] == [201] * (ATTEMPTS + 2)


async def test_an_unknown_account_is_throttled_like_a_known_one(strict: Nexus) -> None:
    attacker, email = a_client(strict), an_address("nobody")

    answers = [await sign_in(attacker, email, "a guess") for _ in range(ATTEMPTS + 1)]

    assert [answer.status_code for answer in answers] == [401] * ATTEMPTS + [429]


async def test_failures_from_elsewhere_do_not_lock_a_user_out(
    database: Database, strict: Nexus
) -> None:
    user = await an_account(database)
    attacker = a_client(strict)
    for _ in range(ATTEMPTS + 1):
        await sign_in(attacker, user.email, "a guess")

    answer = await sign_in(a_client(strict), user.email)

    assert answer.status_code == 201


async def test_failures_with_one_account_do_not_lock_its_neighbours_out(
    database: Database, strict: Nexus
) -> None:
    forgetful, neighbour = await an_account(database), await an_account(database)
    office = a_client(strict)
    for _ in range(ATTEMPTS):
        await sign_in(office, forgetful.email, "a slip")

    answer = await sign_in(office, neighbour.email)

    assert (await sign_in(a_client(strict), neighbour.email)).status_code == 201
    assert answer.status_code == 201, answer.text


async def test_guesses_at_the_same_moment_are_counted_too(
    database: Database, strict: Nexus
) -> None:
    user = await an_account(database)
    attacker = a_client(strict)

    answers = await asyncio.gather(
        *(sign_in(attacker, user.email, f"guess {n}") for n in range(ATTEMPTS + 2))
    )

    statuses = sorted(answer.status_code for answer in answers)
    assert statuses == [401] * ATTEMPTS + [429] * 2


async def test_a_made_up_forwarding_header_hides_no_guesses(
    database: Database, strict: Nexus
) -> None:
    user = await an_account(database)
    attacker = a_client(strict)

    answers = [
        await sign_in(attacker, user.email, "a guess", **{"X-Forwarded-For": f"198.51.100.{n}"})
        for n in range(ATTEMPTS + 1)
    ]

    assert answers[-1].status_code == 429


async def test_behind_a_trusted_proxy_the_client_is_counted_and_not_the_proxy(
    database: Database, strict: Nexus
) -> None:
    user = await an_account(database)
    transport = httpx.ASGITransport(app=strict, client=(PROXY, 50_000))
    proxy = httpx.AsyncClient(transport=transport, base_url="http://nexus.test")
    attacker = {"X-Forwarded-For": f"203.0.113.9, {user.id}"}  # the first hop is the client's say
    for _ in range(ATTEMPTS):
        await sign_in(proxy, user.email, "a guess", **attacker)

    refused = await sign_in(proxy, user.email, **attacker)
    answer = await sign_in(proxy, user.email, **{"X-Forwarded-For": f"not {user.id}"})

    assert (refused.status_code, answer.status_code) == (429, 201)


async def test_guessing_the_current_password_in_a_session_has_to_wait_too(
    database: Database, strict: Nexus
) -> None:
    user = await an_account(database)
    stolen = await signed_in(database, strict, user)

    answers = [
        await stolen.call(
            "PATCH", "/me", json={"password": "a new password", "current_password": f"guess {n}"}
        )
        for n in range(ATTEMPTS + 1)
    ]

    assert [answer.status_code for answer in answers] == [422] * ATTEMPTS + [429]
    assert (await stolen.http.get(f"{API}/me")).status_code == 200
