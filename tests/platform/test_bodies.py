"""Whatever is in a body or a query, the answer is a sentence and never a crash."""

import json
from collections.abc import AsyncIterator
from typing import Any

import httpx2 as httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.cast import Cast, Person

JSON = {"Content-Type": "application/json"}
DEEP = b'{"project": "API", "title": "T", "custom": {"x": '

MALFORMED = {
    "nothing": b"",
    "half a body": b'{"project": "API"',
    "no JSON": b"project=API&title=T",
    "two values": b'{"project": "API", "title": "T"} {}',
    "a trailing comma": b'{"project": "API", "title": "T",}',
    "null": b"null",
    "a list": b'[{"project": "API", "title": "T"}]',
    "a string": b'"API"',
    "a wrong type": b'{"project": "API", "title": 5}',
    "null for a text": b'{"project": "API", "title": null}',
    "a number as text": b'{"project": "API", "title": "T", "complexity_manual": "5"}',
    "a number for a date": b'{"project": "API", "title": "T", "due_on": 20260131}',
    "a text for a list": b'{"project": "API", "title": "T", "labels": "urgent"}',
    "an unknown field": b'{"project": "API", "title": "T", "headline": "T"}',
    "a missing field": b'{"project": "API"}',
    "a key twice": b'{"project": "API", "title": "T", "title": "U"}',
    "a key twice inside": b'{"project": "API", "title": "T", "custom": {"a": 1, "\\u0061": 2}}',
    "NaN": b'{"project": "API", "title": "T", "custom": {"n": NaN}}',
    "Infinity": b'{"project": "API", "title": "T", "custom": {"n": -Infinity}}',
    "a number out of range": b'{"project": "API", "title": "T", "custom": {"n": 1e400}}',
    "an endless number": b'{"project": "API", "title": "T", "custom": {"n": 1'
    + b"0" * 9000
    + b"}}",
    "an integer beyond 64 bit": b'{"project": "API", "title": "T", "complexity_manual": 1'
    + b"0" * 30
    + b"}",
    "100,000 deep lists": DEEP + b"[" * 100_000 + b"]" * 100_000 + b"}}",
    "100,000 deep objects": DEEP + b'{"x":' * 100_000 + b"1" + b"}" * 100_000 + b"}}",
    "unclosed depth": b"[" * 100_000,
    "an escaped NUL": b'{"project": "API", "title": "a\\u0000b"}',
    "an escaped NUL inside": b'{"project": "API", "title": "T", "custom": {"a": ["\\u0000"]}}',
    "an escaped NUL in a key": b'{"project": "API", "title": "T", "custom": {"\\u0000": 1}}',
    "a NUL": b'{"project": "API", "title": "a\x00b"}',
    "a NUL between": b'{"project": "API",\x00 "title": "T"}',
    "a lone surrogate": b'{"project": "API", "title": "\\ud800"}',
    "a lone surrogate inside": b'{"project": "API", "title": "T", "custom": {"a": "\\udfff"}}',
    "invalid UTF-8": b'{"project": "API", "title": "\xff\xfe"}',
    "overlong UTF-8": b'{"project": "API", "title": "\xc0\x80"}',
    "UTF-16": '{"project": "API", "title": "T"}'.encode("utf-16"),
    "UTF-32": '{"project": "API", "title": "T"}'.encode("utf-32"),
    "a title of spaces": b'{"project": "API", "title": "   "}',
    "a title of two lines": b'{"project": "API", "title": "a\\nb"}',
    "no status": b'{"project": "API", "title": "T", "status": "blocked"}',
    "no date": b'{"project": "API", "title": "T", "due_on": "2026-02-30"}',
}


@pytest.mark.parametrize("body", MALFORMED.values(), ids=MALFORMED)
async def test_a_malformed_body_is_refused_and_changes_nothing(ada: Person, body: bytes) -> None:
    await ada.a_project()
    before = await ada.last_event()

    answer = await ada.call("POST", "/tasks", content=body, headers=JSON)

    assert answer.status_code == 400, answer.text
    assert answer.json()["code"] in {"request.malformed", "request.invalid"}
    assert await ada.last_event() == before


async def test_what_only_looks_malformed_is_taken(ada: Person) -> None:
    await ada.a_project()
    text = '"\\u0000" and \\\\u0000 and [[[[ {{{{ 😀 é'
    custom = {"deep": [[[[{"a": [1.5, -7, 2**53, None, True, "ü", ""]}]]]], "[": "{" * 200}

    made = await ada.a_task(description=text * 30, custom=custom)

    task = await ada.get(f"/tasks/{made['key']}")
    assert (task["description"], task["custom"]) == (text * 30, custom)
    assert made["custom"] == custom


@pytest.mark.parametrize("number", [2**63, 2**64, 2**70, -(2**70), 10**300, 1e308, 5e-324, 0.1])
async def test_a_number_in_custom_comes_back_as_it_went_in(ada: Person, number: float) -> None:
    await ada.a_project()

    made = await ada.a_task(custom={"n": number})

    found = await ada.get(f"/tasks/{made['key']}")
    assert float(found["custom"]["n"]) == float(made["custom"]["n"]) == float(number)


@pytest.mark.parametrize(
    "content_type",
    ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", "", "json"],
)
async def test_only_json_is_taken(ada: Person, content_type: str) -> None:
    await ada.a_project()
    body = json.dumps({"project": "API", "title": "T"}).encode()

    answer = await ada.call("POST", "/tasks", content=body, headers={"Content-Type": content_type})

    assert answer.status_code == 415
    assert answer.json()["code"] == "body.not_json"


@pytest.mark.parametrize(
    "content_type", ["application/json", "application/json; charset=utf-8", "Application/JSON"]
)
async def test_json_is_taken_however_it_is_announced(ada: Person, content_type: str) -> None:
    await ada.a_project()
    body = json.dumps({"project": "API", "title": "T"}).encode()

    answer = await ada.call("POST", "/tasks", content=body, headers={"Content-Type": content_type})

    assert answer.status_code == 201


async def test_a_huge_body_is_refused_even_if_it_does_not_say_so_beforehand(ada: Person) -> None:
    await ada.a_project()
    sent = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal sent
        yield b'{"project": "API", "title": "'
        while True:
            sent += 65_536
            yield b"x" * 65_536

    answer = await ada.call("POST", "/tasks", content=endless(), headers=JSON)

    assert answer.status_code == 413
    assert answer.json()["code"] == "body.too_large"
    assert sent < 2_000_000


async def test_a_body_that_says_it_is_huge_is_not_read(ada: Person) -> None:
    await ada.a_project()
    asked = 0

    async def never_read() -> AsyncIterator[bytes]:
        nonlocal asked
        asked += 1
        yield b"{}"

    answer = await ada.call(
        "POST", "/tasks", content=never_read(), headers=JSON | {"Content-Length": "2000000"}
    )

    assert (answer.status_code, asked) == (413, 0)


async def test_a_wrong_content_length_hurts_nobody(ada: Person) -> None:
    await ada.a_project()
    body = b'{"project": "API", "title": "T"}'

    answers = [
        await ada.call("POST", "/tasks", content=body, headers=JSON | {"Content-Length": length})
        for length in ("-1", "ten", "1e3", "0")
    ]

    assert {answer.status_code for answer in answers} <= {201, 400}


@pytest.mark.parametrize(
    "query",
    [
        "q=%FF",
        "q=%ED%A0%80",
        "q=%C0%80",
        "q=%00",
        "q=a%00b",
        "%FF=1",
        "cursor=%FF",
        "label=%00",
        "project=%00",
    ],
)
async def test_a_query_that_is_no_text_is_refused(ada: Person, query: str) -> None:
    answer = await ada.call("GET", f"/tasks?{query}")

    assert answer.status_code == 400, answer.text
    assert answer.json()["code"] == "request.malformed"


@pytest.mark.parametrize(
    "name", ["%FF", "%ED%A0%80", "%C0%80", "%F0%9F%98%80", "a%2Fb", "%0A", "%7F"]
)
async def test_a_name_in_the_address_that_is_no_text_is_not_found(ada: Person, name: str) -> None:
    answers = [
        await ada.call("GET", path)
        for path in (
            f"/tasks/{name}",
            f"/projects/{name}",
            f"/keys/{name}",
            f"/me?workspace={name}",
        )
    ]

    assert {answer.status_code for answer in answers} <= {400, 404}


@pytest.mark.parametrize(
    "moment",
    ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59.999999-14:00", "1969-12-31T23:59:59Z"],
)
async def test_a_moment_at_the_end_of_time_is_refused_or_harmless(ada: Person, moment: str) -> None:
    answers = [
        await ada.call("GET", "/events", params={"since": moment}),
        await ada.call("GET", "/events", params={"until": moment}),
        await ada.call("POST", "/keys", json={"name": "robot", "expires_at": moment}),
    ]

    assert {answer.status_code for answer in answers} <= {200, 201, 400, 422}


async def test_words_of_every_kind_can_be_searched_for(ada: Person) -> None:
    await ada.a_project()

    for words in ("'", '"', "%", "_", "\\", "* OR 1", "NEAR(", "😀", "a:b", "-", "ß", "%25"):
        answer = await ada.call("GET", "/tasks", params={"q": words})

        assert answer.status_code == 200, words


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inside: (
        st.lists(inside, max_size=4) | st.dictionaries(st.text(max_size=8), inside, max_size=4)
    ),
    max_leaves=12,
)
task_fields = st.sampled_from(
    [
        "project",
        "title",
        "description",
        "acceptance",
        "status",
        "priority",
        "complexity_manual",
        "labels",
        "due_on",
        "repository_id",
        "parent",
        "dependencies",
        "assignees",
        "custom",
    ]
)


@settings(
    max_examples=60,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=list(HealthCheck),
)
@given(fields=st.dictionaries(task_fields, json_values, max_size=4), text=st.text(max_size=60))
async def test_no_field_of_any_type_is_a_crash(
    cast: Cast, fields: dict[str, Any], text: str
) -> None:
    ada = cast.ada
    if not (await ada.get("/projects"))["items"]:
        await ada.a_project()
    body = {"project": "API", "title": text or "T", "description": text, **fields}

    answer = await _posted(ada, json.dumps(body).encode("utf-8", "surrogatepass"))

    assert answer.status_code in {201, 400, 404, 422}, answer.text
    if answer.status_code == 201:
        assert await ada.get(f"/tasks/{answer.json()['key']}") == answer.json()


async def _posted(who: Person, body: bytes) -> httpx.Response:
    return await who.call("POST", "/tasks", content=body, headers=JSON)
