"""Pages hold every item once, in order, and a cursor is taken only where it comes from."""

import re
from typing import Any
from uuid import uuid4

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nexus.features.tasks.domain import TaskSort
from nexus.platform.paging import CursorNotUnderstood, Page, page_of, read_cursor, write_cursor
from tests.cast import Person

PAGED = [sort for sort in TaskSort if sort is not TaskSort.RELEVANCE]  # which is one page

LISTS = [
    "/tasks",
    "/projects",
    "/repositories",
    "/users",
    "/keys",
    "/labels",
    "/events",
    "/imports",
    "/invitations",
    "/tasks/API-1/comments",
    "/tasks/API-1/activity",
]
LATEST, ID = "2026-01-31T12:00:00Z", "00000000-0000-0000-0000-000000000000"
int32 = st.integers(-(2**31), 2**31 - 1)
thorough = settings(max_examples=200, deadline=None, derandomize=True, database=None)


@thorough
@given(st.text(max_size=20), st.lists(int32 | st.text(), max_size=4))
def test_a_cursor_holds_what_was_put_in(order: str, values: list[Any]) -> None:
    cursor = write_cursor(order, values)

    has_nul = any(isinstance(value, str) and "\x00" in value for value in values)
    if has_nul:
        with pytest.raises(CursorNotUnderstood):
            read_cursor(order, cursor, tuple[Any, ...])
    else:
        assert read_cursor(order, cursor, tuple[Any, ...]) == tuple(values)
    assert re.fullmatch(r"[A-Za-z0-9_-]+", cursor)


@thorough
@given(st.text(max_size=60) | st.from_regex(r"[A-Za-z0-9_=-]{0,60}", fullmatch=True))
def test_any_other_text_is_not_understood(cursor: str) -> None:
    with pytest.raises(CursorNotUnderstood):
        read_cursor("newest", cursor, tuple[str, int])


@thorough
@given(st.lists(int32, max_size=30, unique=True).map(sorted), st.integers(1, 12))
def test_pages_one_after_the_other_are_the_list(items: list[int], limit: int) -> None:
    seen: list[int] = []
    cursor = None
    while True:
        (last,) = read_cursor("all", cursor, tuple[int]) if cursor else (None,)
        rest = [item for item in items if last is None or item > last]
        page: Page[int] = page_of(rest[: limit + 1], limit, "all", lambda item: (item,))
        seen += page.items
        cursor = page.next_cursor
        assert len(page.items) <= limit
        if cursor is None:
            break

    assert seen == items


@pytest.mark.parametrize("sort", PAGED)
async def test_every_order_of_tasks_shows_each_task_once(ada: Person, sort: TaskSort) -> None:
    for key in ("API", "WEB"):
        await ada.a_project(key)
    for number in range(14):
        fields = {"priority": ["high", "low"][number % 2]}
        fields |= {"due_on": f"2026-12-{number % 4 + 1:02}"} if number % 3 else {}
        await ada.a_task(["API", "WEB"][number % 2], **fields)
    whole = [task["key"] for task in (await ada.get("/tasks", sort=sort, limit=200))["items"]]

    paged = [task["key"] for task in await _walked(ada, f"/tasks?sort={sort}&limit=3")]

    assert paged == whole
    assert len(set(paged)) == 14


async def test_what_is_added_meanwhile_repeats_and_hides_nothing(ada: Person) -> None:
    await ada.a_project()
    there = [(await ada.a_task())["key"] for _ in range(6)]
    first = await ada.get("/tasks", sort="newest", limit=3)
    await ada.a_task()

    second = await ada.get("/tasks", sort="newest", limit=200, cursor=first["next_cursor"])

    seen = [task["key"] for task in [*first["items"], *second["items"]]]
    assert seen == there[::-1]


@pytest.mark.parametrize("path", LISTS)
async def test_every_list_comes_in_pages(ada: Person, path: str) -> None:
    await _filled(ada)
    whole = (await ada.get(path, limit=200))["items"]

    paged = await _walked(ada, f"{path}?limit=2")

    assert paged == whole
    assert len(whole) >= 3 or path in {"/users", "/imports"}


@pytest.mark.parametrize("path", LISTS)
@pytest.mark.parametrize("cursor", ["x", "bm9uZQ", "%00", "é", "W10", "e30", "bnVsbA"])
async def test_no_list_takes_a_cursor_that_is_none(ada: Person, path: str, cursor: str) -> None:
    await ada.a_project()
    await ada.a_task()

    refused = await ada.call("GET", path, params={"cursor": cursor.replace("%00", "\x00")})

    assert refused.status_code in {400, 422}, refused.text
    assert refused.json()["code"] in {"cursor.not_understood", "request.malformed"}


@pytest.mark.parametrize("path", LISTS)
@pytest.mark.parametrize("limit", ["0", "201", "-1", "1.5", "", "ten", "99999999999999999999"])
async def test_no_list_takes_an_odd_limit(ada: Person, path: str, limit: str) -> None:
    await ada.a_project()
    await ada.a_task()

    refused = await ada.call("GET", path, params={"limit": limit})

    assert refused.status_code == 400
    assert "limit" in refused.text


async def test_a_cursor_of_one_order_is_not_taken_in_another(ada: Person) -> None:
    await ada.a_project()
    for _ in range(3):
        await ada.a_task()
    cursors = {sort: (await ada.get("/tasks", sort=sort, limit=1))["next_cursor"] for sort in PAGED}

    answers = [
        await ada.call("GET", "/tasks", params={"sort": sort, "cursor": cursors[other]})
        for sort in PAGED
        for other in PAGED
        if sort is not other
    ]

    assert {answer.status_code for answer in answers} == {422}
    assert {answer.json()["code"] for answer in answers} == {"cursor.not_understood"}


@pytest.mark.parametrize(
    ("path", "order", "values"),
    [
        ("/tasks?sort=newest", "newest", ["2026-01-31T12:00:00", ID]),
        ("/tasks?sort=newest", "newest", ["0001-01-01T00:00:00+14:00", ID]),
        ("/tasks?sort=newest", "newest", ["9999-12-31T23:59:59-14:00", ID]),
        ("/tasks?sort=newest", "newest", [LATEST, "no id"]),
        ("/tasks?sort=newest", "newest", [LATEST]),
        ("/tasks?sort=newest", "newest", [LATEST, ID, 1]),
        ("/tasks?sort=newest", "newest", [None, None]),
        ("/tasks?sort=priority", "priority", [2**15, LATEST, ID]),
        ("/tasks?sort=next", "next", [-(2**15) - 1, 0, 0, LATEST, ID]),
        ("/tasks?sort=next", "next", [0, 2**31 - 1, 2**31 - 1, LATEST, ID]),
        ("/tasks?sort=priority", "priority", [2**31, LATEST, ID]),
        ("/tasks?sort=priority", "priority", [2**64, LATEST, ID]),
        ("/tasks?sort=priority", "priority", [-(2**70), LATEST, ID]),
        ("/tasks?sort=priority", "priority", [True, LATEST, ID]),
        ("/tasks?sort=key", "key", ["API", 2**63]),
        ("/tasks?sort=key", "key", ["API\x00", 1]),
        ("/tasks?sort=key", "key", [{"a": 1}, 1]),
        ("/tasks?sort=next", "next", [1, 2**63, 2**63, LATEST, ID]),
        ("/tasks?sort=due", "due", ["0000-00-00", ID]),
        ("/tasks?sort=due", "due", ["9999-12-31", ID]),
        ("/events", "events", [2**31]),
        ("/events", "events", [2**64]),
        ("/events", "events", ["one"]),
        ("/events", "events", [1.5]),
        ("/labels", "labels", ["\x00", ID]),
        ("/keys", "keys", [ID.upper()]),
    ],
)
async def test_a_cursor_made_by_hand_is_refused_or_harmless(
    ada: Person, path: str, order: str, values: list[Any]
) -> None:
    await ada.a_project()
    await ada.a_task()
    cursor = write_cursor(order, values)

    answer = await ada.call("GET", f"{path}{'&' if '?' in path else '?'}cursor={cursor}")

    assert answer.status_code in {200, 422}, answer.text
    assert answer.status_code == 200 or answer.json()["code"] == "cursor.not_understood"


async def test_a_cursor_shows_nothing_of_another_workspace(ada: Person, bob: Person) -> None:
    await ada.a_project()
    await bob.a_project()
    for _ in range(3):
        await ada.a_task(title="Ada's")
    cursor = (await ada.get("/tasks", sort="key", limit=1))["next_cursor"]

    page = await bob.get("/tasks", sort="key", cursor=cursor)

    assert page == {"items": [], "next_cursor": None}


async def test_the_link_leads_to_the_next_page_with_the_same_filters(ada: Person) -> None:
    await ada.a_project()
    for title in ("red fox", "red & blue", "red = 50%", "green"):
        await ada.a_task(title=title)

    found = await _walked(ada, "/tasks?q=red&status=todo&status=backlog&sort=oldest&limit=1")

    assert [task["title"] for task in found] == ["red fox", "red & blue", "red = 50%"]


async def _walked(who: Person, path: str) -> list[Any]:
    """All items of a list, by following its Link headers to the end."""
    items: list[Any] = []
    following: str | None = path
    while following:
        answer = await who.call("GET", following)
        assert answer.status_code == 200, answer.text
        items += answer.json()["items"]
        link = re.fullmatch(r'<(.+)>; rel="next"', answer.headers.get("Link", ""))
        assert (link is None) == (answer.json()["next_cursor"] is None)
        following = link.group(1).removeprefix("/api/v1") if link else None
    return items


async def _filled(ada: Person) -> None:
    """Some of everything that can be listed."""
    for key in ("API", "WEB", "OPS"):
        await ada.a_project(key)
        await ada.post("/repositories", {"name": key, "url": f"https://git.test/{key}"})
        await ada.post("/keys", {"name": key})
        await ada.post("/users", {"email": f"{uuid4()}@nexus.test", "role": "viewer"})
        await ada.a_task(labels=[f"label {key}", f"Label {key} too"])
    for text in ("One", "Two", "Three"):
        await ada.post("/tasks/API-1/comments", {"body": text})
        await ada.patch("/tasks/API-1", {"title": text})
