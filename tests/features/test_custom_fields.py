"""Custom fields over HTTP: definitions, and what they ask of the values in tasks."""

from typing import Any
from uuid import uuid4

import pytest

from tests.cast import Cast, Person

INVALID = (422, "field.value_invalid")
GOOD: dict[str, list[Any]] = {
    "text": ["", "x", "x" * 2000, "日本\n"],
    "number": [0, -1, 2.5, 1e300, 2**63],
    "date": ["2026-12-31", "0001-01-01", "2028-02-29"],
    "choice": ["low", "High"],
    "url": ["http://x.test", "https://x.test/ä?b#c"],
    "member": [],
}
BAD: dict[str, list[Any]] = {
    "text": [1, True, [], {}, "x" * 2001],
    "number": ["1", True, False, [], {}, ""],
    "date": ["2026-02-29", "2026-1-1", "20260101", "２０２６-01-01", "", 20260101, True, "soon"],  # noqa: RUF001
    "choice": ["high", "", "Low ", 1, True, ["low"], {}],
    "url": ["x.test", "ftp://x.test", "http://", "https://a b", "", 1, "javascript:alert(1)"],
    "member": ["", "ada", 1, True, str(uuid4()), [], {}],
}


async def _define(person: Person, kind: str, key: str = "value", **more: Any) -> Any:
    choices = {"choices": ["low", "High"]} if kind == "choice" else {}
    body = {"key": key, "name": key.title(), "type": kind} | choices | more
    return await person.post("/projects/API/fields", body)


async def _refused(person: Person, method: str, path: str, body: Any = None) -> tuple[int, str]:
    options = {} if body is None else {"json": body}
    answer = await person.call(method, path, **options)
    return answer.status_code, answer.json()["code"]


async def _create(person: Person, custom: Any) -> tuple[int, str]:
    body = {"project": "API", "title": "x", "custom": custom}
    return await _refused(person, "POST", "/tasks", body)


async def _bulk(person: Person, task: Any, custom: Any) -> Any:
    item = {"task": task["key"], "version": task["version"], "custom": custom}
    return await person.call("PATCH", "/tasks", json={"items": [item]})


async def test_a_definition_has_a_whole_life(ada: Person) -> None:
    await ada.a_project()

    made = await _define(
        ada, "choice", "severity", name=" How  bad ", choices=["low", " low ", "x"]
    )
    assert (made["name"], made["choices"], made["is_required"]) == ("How bad", ["low", "x"], False)
    assert (await ada.last_event())["name"] == "field.created"
    path = "/projects/API/fields/severity"
    changed = await ada.patch(path, {"choices": ["x", "y"], "is_required": True, "name": "Bad"})
    assert changed == made | {"name": "Bad", "choices": ["x", "y"], "is_required": True}
    event = await ada.last_event()
    assert event["payload"]["changes"].keys() == {"name", "choices", "is_required"}
    assert await ada.patch(path, {"name": "Bad"}) == changed
    assert await ada.last_event() == event
    await _define(ada, "text", "about")
    assert [one["key"] for one in (await ada.get("/projects/api/fields"))["items"]] == [
        "about", "severity",
    ]  # fmt: skip
    await ada.delete(path)
    assert (await ada.last_event())["name"] == "field.removed"
    assert await _refused(ada, "DELETE", path) == (404, "field.not_found")
    assert await _refused(ada, "PATCH", path, {"name": "x"}) == (404, "field.not_found")
    assert (await _define(ada, "number", "severity"))["type"] == "number"


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({"key": "severity", "name": "x", "type": "text"}, (409, "field.taken")),
        ({"key": "a", "name": "x", "type": "choice"}, (422, "field.choices")),
        ({"key": "a", "name": "x", "type": "text", "choices": ["x"]}, (422, "field.choices")),
        ({"key": "A", "name": "x", "type": "text"}, (400, "request.invalid")),
        ({"key": "1a", "name": "x", "type": "text"}, (400, "request.invalid")),
        ({"key": "a" * 51, "name": "x", "type": "text"}, (400, "request.invalid")),
        ({"key": "a", "name": " ", "type": "text"}, (400, "request.invalid")),
        ({"key": "a", "name": "x", "type": "colour"}, (400, "request.invalid")),
        ({"key": "a", "name": "x", "type": "choice", "choices": [""]}, (400, "request.invalid")),
        ({"key": "a", "name": "x"}, (400, "request.invalid")),
    ],
)
async def test_a_definition_that_makes_no_sense_is_refused(
    ada: Person, body: Any, expected: tuple[int, str]
) -> None:
    await ada.a_project()
    await _define(ada, "text", "severity")

    assert await _refused(ada, "POST", "/projects/API/fields", body) == expected
    assert len((await ada.get("/projects/API/fields"))["items"]) == 1


async def test_definitions_belong_to_those_who_may_write_the_project(cast: Cast) -> None:
    await cast.ada.a_project()
    await cast.ada.a_project("PRIV", visibility="private")
    await _define(cast.ada, "choice")
    body = {"key": "a", "name": "x", "type": "text"}
    path = "/projects/API/fields"

    assert len((await cast.vic.get(path))["items"]) == 1
    for method, at, given in (
        ("POST", path, body),
        ("PATCH", f"{path}/value", {"name": "x"}),
        ("DELETE", f"{path}/value", None),
    ):
        assert await _refused(cast.vic, method, at, given) == (403, "permission.missing")
        assert (await _refused(cast.bob, method, at, given))[0] == 404
        private = at.replace("API", "PRIV")
        assert await _refused(cast.grace, method, private, given) == (404, "project.not_found")
    assert (await _refused(cast.grace, "GET", "/projects/PRIV/fields"))[0] == 404
    assert await _refused(cast.ada, "PATCH", f"{path}/value", {"choices": []}) == (
        422, "field.choices",
    )  # fmt: skip
    assert (await cast.ada.get(path))["items"][0]["choices"] == ["low", "High"]


@pytest.mark.parametrize("kind", sorted(GOOD))
async def test_good_values_are_taken_everywhere(cast: Cast, kind: str) -> None:
    ada = cast.ada
    await ada.a_project()
    await _define(ada, kind)

    for value in GOOD[kind] or [ada.id, cast.grace.id]:
        task = await ada.a_task(custom={"value": value, "free": [1]})
        assert float(task["custom"]["value"]) == value if kind == "number" else True
        emptied = await ada.patch(f"/tasks/{task['key']}", {"custom": {}})
        assert emptied["custom"] == {}
        patched = await ada.patch(f"/tasks/{task['key']}", {"custom": {"value": value}})
        await ada.patch(f"/tasks/{task['key']}", {"custom": {"value": None}})
        answer = await _bulk(ada, patched | {"version": patched["version"] + 1}, {"value": value})
        assert answer.status_code == 200, answer.text


@pytest.mark.parametrize("kind", sorted(BAD))
async def test_bad_values_are_refused_everywhere(ada: Person, kind: str) -> None:
    await ada.a_project()
    task = await ada.a_task(custom={"free": True})
    await _define(ada, kind)

    for value in BAD[kind]:
        custom = {"value": value}
        assert await _create(ada, custom) == INVALID, value
        answer = await ada.call("PATCH", f"/tasks/{task['key']}", json={"custom": custom})
        assert (answer.status_code, answer.json()["code"]) == INVALID, value
        assert answer.json()["errors"][0]["field"] == "custom.value"
        many = await _bulk(ada, task, custom)
        assert (many.status_code, many.json()["code"]) == INVALID, value
    assert await ada.get("/tasks/API-1") == task


@pytest.mark.parametrize(("old", "new"), [(1, True), (0, False)])
async def test_a_truth_does_not_slip_in_for_a_number(ada: Person, old: int, new: bool) -> None:
    await ada.a_project()
    await _define(ada, "number")
    task = await ada.a_task(custom={"value": old})

    single = await ada.call("PATCH", "/tasks/API-1", json={"custom": {"value": new}})
    many = await _bulk(ada, task, {"value": new})

    assert (single.status_code, many.status_code) == (422, 422)
    assert (await ada.get("/tasks/API-1"))["custom"] == {"value": old}


@pytest.mark.parametrize("is_defined", [False, True])
@pytest.mark.parametrize("digits", [310, 400, 5000])
async def test_a_number_too_large_for_any_calculator_breaks_nothing(
    ada: Person, digits: int, is_defined: bool
) -> None:
    await ada.a_project()
    if is_defined:
        await _define(ada, "number")
    body = '{"project": "API", "title": "x", "custom": {"value": 1%s}}' % ("0" * digits)

    headers = {"Content-Type": "application/json"}
    made = await ada.call("POST", "/tasks", content=body, headers=headers)
    listed = await ada.call("GET", "/tasks", params={"field": "value>3"})

    assert made.status_code in {201, 400, 422}, made.text
    assert listed.status_code == 200, listed.text


async def test_a_required_field_is_asked_for_on_new_tasks_and_kept_on_old_ones(
    ada: Person,
) -> None:
    await ada.a_project()
    old = await ada.a_task()
    await _define(ada, "text", is_required=True)
    required = (422, "field.required")

    assert [await _create(ada, one) for one in ({}, {"value": None})] == [required] * 2
    new = await ada.a_task(custom={"value": "x"})
    path = f"/tasks/{new['key']}"
    assert await _refused(ada, "PATCH", path, {"custom": {}}) == required
    assert await _refused(ada, "PATCH", path, {"custom": {"value": None}}) == required
    assert (await ada.patch(path, {"title": "New"}))["custom"] == {"value": "x"}
    assert (await ada.patch(f"/tasks/{old['key']}", {"title": "New"}))["title"] == "New"
    assert (await ada.patch(f"/tasks/{old['key']}", {"custom": {"free": 1}}))["version"] == 3


async def test_values_stay_when_the_choices_shrink_or_the_definition_goes(ada: Person) -> None:
    await ada.a_project()
    await _define(ada, "choice")
    await ada.a_task(custom={"value": "low"})
    path = "/projects/API/fields/value"

    await ada.patch(path, {"choices": ["High"]})
    kept = await ada.patch("/tasks/API-1", {"custom": {"value": "low", "free": 1}})
    assert kept["custom"] == {"value": "low", "free": 1}
    assert await _create(ada, {"value": "low"}) == INVALID
    await ada.patch("/tasks/API-1", {"custom": {"value": "High"}})
    assert await _refused(ada, "PATCH", "/tasks/API-1", {"custom": {"value": "low"}}) == INVALID
    await ada.delete(path)
    assert (await ada.get("/tasks/API-1"))["custom"] == {"value": "High"}
    assert (await ada.patch("/tasks/API-1", {"custom": {"value": [1]}}))["custom"] == {"value": [1]}


async def test_who_has_left_stays_where_they_were_but_is_not_put_anywhere_new(cast: Cast) -> None:
    ada = cast.ada
    await ada.a_project()
    await _define(ada, "member", "reviewer")
    await ada.a_task(custom={"reviewer": cast.grace.id})
    await ada.delete(f"/users/{cast.grace.id}")

    kept = await ada.patch("/tasks/API-1", {"custom": {"reviewer": cast.grace.id, "free": 1}})

    assert kept["custom"]["reviewer"] == cast.grace.id
    assert await _create(ada, {"reviewer": cast.grace.id}) == INVALID
    assert await _create(ada, {"reviewer": cast.bob.id}) == INVALID


async def test_definitions_of_another_project_ask_for_nothing(ada: Person) -> None:
    await ada.a_project("API")
    await ada.a_project("WEB")
    await _define(ada, "number", is_required=True)

    task = await ada.a_task("WEB", custom={"value": "a text"})

    assert task["custom"] == {"value": "a text"}
    assert (await ada.a_task("WEB"))["custom"] == {}


async def test_tasks_are_filtered_by_their_values(ada: Person) -> None:
    await ada.a_project()
    await _define(ada, "number", "points")
    await _define(ada, "date", "shipped")
    for points, day in ((1, "2026-01-01"), (2.5, "2026-06-01"), (10, "2026-12-31")):
        await ada.a_task(custom={"points": points, "shipped": day})
    await ada.a_task()

    async def found(*conditions: str) -> list[str]:
        page = await ada.get("/tasks", field=list(conditions), sort="key")
        return [one["key"] for one in page["items"]]

    assert await found("points>2") == ["API-2", "API-3"]
    assert await found("points<=2.5", "shipped>2026-01-01") == ["API-2"]
    assert await found("points != 1") == ["API-2", "API-3"]
    assert await found("shipped") == ["API-1", "API-2", "API-3"]
    unclear = await ada.call("GET", "/tasks", params={"field": ">3"})
    assert (unclear.status_code, unclear.json()["code"]) == (422, "task.custom_condition_unclear")
