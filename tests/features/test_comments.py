"""Comments over HTTP: written, edited, removed, and whom they mention."""

from typing import Any

import pytest

from tests.cast import Cast, Person

COMMENTS = "/tasks/API-1/comments"


async def _a_task(cast: Cast) -> Any:
    await cast.ada.a_project()
    return await cast.ada.a_task()


async def _code(person: Person, method: str, path: str, body: Any = None) -> tuple[int, str]:
    answer = await person.call(method, path, json=body)
    return answer.status_code, answer.json()["code"] if answer.is_error else ""


async def test_a_comment_is_written_and_recorded_and_leaves_the_task_alone(cast: Cast) -> None:
    task = await _a_task(cast)

    comment = await cast.grace.post(COMMENTS, {"body": "  Looks *good*\n"})

    assert comment["author"] == {"id": cast.grace.id, "name": "Grace", "handle": "grace"}
    assert comment["body"] == "  Looks *good*\n"
    assert (comment["edited_at"], comment["removed_at"]) == (None, None)
    assert (await cast.vic.get(f"/tasks/{task['id']}/comments"))["items"] == [comment]
    assert await cast.ada.get("/tasks/API-1") == task
    event = await cast.ada.last_event()
    assert (event["name"], event["task_id"]) == ("task.commented", task["id"])
    assert event["actor"]["id"] == cast.grace.id
    assert event["payload"] == {"key": "API-1", "comment_id": comment["id"], "mentioned": []}


async def test_comments_are_listed_oldest_first_page_by_page(cast: Cast) -> None:
    await _a_task(cast)
    bodies = [f"Number {number}" for number in range(7)]
    for body in bodies:
        await cast.ada.post(COMMENTS, {"body": body})

    pages = [await cast.ada.get(COMMENTS, limit=3)]
    while pages[-1]["next_cursor"]:
        pages.append(await cast.ada.get(COMMENTS, limit=3, cursor=pages[-1]["next_cursor"]))

    assert [[one["body"] for one in page["items"]] for page in pages] == [
        bodies[:3],
        bodies[3:6],
        bodies[6:],
    ]
    assert (await cast.ada.call("GET", COMMENTS, params={"limit": 201})).status_code == 400
    assert await _code(cast.ada, "GET", f"{COMMENTS}?cursor=x") == (422, "cursor.not_understood")


async def test_the_author_edits_a_comment_and_nobody_else(cast: Cast) -> None:
    task = await _a_task(cast)
    comment = await cast.grace.post(COMMENTS, {"body": "Original"})
    path = f"{COMMENTS}/{comment['id']}"

    refused = await _code(cast.ada, "PATCH", path, {"body": "Mine"})
    edited = await cast.grace.patch(path, {"body": "First"})

    assert refused == (403, "comment.not_yours")
    assert edited["edited_at"]
    assert edited | {"edited_at": None} == comment | {"body": "First"}
    assert (await cast.ada.get(COMMENTS))["items"] == [edited]
    assert (await cast.ada.get("/tasks/API-1"))["version"] == task["version"]
    event = await cast.ada.last_event()
    assert (event["name"], event["subject"]) == ("comment.updated", f"comment:{comment['id']}")
    assert await cast.grace.patch(path, {"body": "First"}) == edited
    assert await cast.ada.last_event() == event


@pytest.mark.parametrize("remover", ["grace", "ada"])
async def test_a_removed_comment_keeps_its_place_without_its_text(cast: Cast, remover: str) -> None:
    task = await _a_task(cast)
    first = await cast.grace.post(COMMENTS, {"body": "Secret @vic"})
    second = await cast.ada.post(COMMENTS, {"body": "What?"})
    path = f"{COMMENTS}/{first['id']}"
    who: Person = getattr(cast, remover)

    await who.delete(path)
    await who.delete(path)

    blank, after = (await cast.ada.get(COMMENTS))["items"]
    assert blank["removed_at"]
    assert blank | {"removed_at": None} == first | {"body": ""}
    assert after == second
    assert (await cast.ada.get("/tasks/API-1"))["version"] == task["version"]
    events = await cast.ada.events(name="comment.removed")
    assert [(one["actor"]["id"], one["task_id"]) for one in events] == [(who.id, task["id"])]
    edit = await _code(cast.grace, "PATCH", path, {"body": "Again"})
    assert edit == (409, "comment.removed")


async def test_nobody_but_the_author_or_an_admin_removes_a_comment(cast: Cast) -> None:
    await _a_task(cast)
    comment = await cast.ada.post(COMMENTS, {"body": "Stays"})
    path = f"{COMMENTS}/{comment['id']}"

    refused = [await _code(one, "DELETE", path) for one in (cast.grace, cast.vic, cast.bob)]

    assert refused == [
        (403, "comment.not_yours"),
        (403, "permission.missing"),
        (404, "task.not_found"),
    ]
    assert (await cast.ada.get(COMMENTS))["items"] == [comment]


async def test_a_viewer_reads_comments_and_writes_none(cast: Cast) -> None:
    await _a_task(cast)

    refused = await _code(cast.vic, "POST", COMMENTS, {"body": "Hello"})

    assert refused == (403, "permission.missing")
    assert (await cast.vic.get(COMMENTS))["items"] == []


@pytest.mark.parametrize("body", ["", None, 7, "a\x00b", "x" * 50_001])
async def test_a_comment_without_a_text_that_can_be_kept_is_refused(cast: Cast, body: Any) -> None:
    await _a_task(cast)

    refused = await cast.ada.call("POST", COMMENTS, json={"body": body})

    assert refused.status_code == 400
    assert (await cast.ada.get(COMMENTS))["items"] == []


async def test_a_comment_is_found_on_its_own_task_only(cast: Cast) -> None:
    await _a_task(cast)
    await cast.ada.a_task()
    comment = await cast.ada.post(COMMENTS, {"body": "Here"})
    elsewhere = f"/tasks/API-2/comments/{comment['id']}"

    edited = await _code(cast.ada, "PATCH", elsewhere, {"body": "There"})
    removed = await _code(cast.ada, "DELETE", elsewhere)

    assert edited == removed == (404, "comment.not_found")
    assert (await cast.ada.get(COMMENTS))["items"] == [comment]


@pytest.mark.parametrize(
    ("body", "mentioned"),
    [
        ("@grace please look", "grace"),
        ("Ask @GRACE, (@Vic) or @ada.", "ada grace vic"),
        ("@grace and @Grace and @grace", "grace"),
        ("**@grace** _@vic_ ~ @ada's", "ada grace vic"),
        ("# @grace\n\n- @vic\n\n> @ada", "ada grace vic"),
        ("One\n@grace", "grace"),
        ("[@grace](https://x.test)", "grace"),
        ("@nobody @bob @everyone", ""),
        ("`@grace`", ""),
        ("``a ` @grace``", ""),
        ("```\n@grace\n```\n@vic", "vic"),
        ("~~~py\n@grace\n~~~", ""),
        ("Code:\n\n    @grace\n\n@vic", "vic"),
        ("grace@example.com", ""),
        ("<grace@grace.test> x@grace", ""),
        ("https://x.test/@grace", ""),
        ("@@grace", ""),
        ("@gracehopper @grace-hopper", ""),
        ("@grace_hopper", ""),
        ("@graceé", ""),
        ("\\@grace is escaped for Markdown only", "grace"),
        ("@grace-", "grace"),
        ("no one at all @", ""),
    ],
)
async def test_whom_a_text_calls_is_mentioned(cast: Cast, body: str, mentioned: str) -> None:
    await _a_task(cast)

    await cast.ada.post(COMMENTS, {"body": body})

    payload = (await cast.ada.last_event())["payload"]
    assert payload["mentioned"] == [getattr(cast, name).id for name in mentioned.split()]


async def test_an_edit_mentions_only_whom_the_text_did_not_mention_before(cast: Cast) -> None:
    await _a_task(cast)
    comment = await cast.ada.post(COMMENTS, {"body": "@grace"})
    path = f"{COMMENTS}/{comment['id']}"

    await cast.ada.patch(path, {"body": "@grace and @vic"})
    second = (await cast.ada.last_event())["payload"]
    await cast.ada.patch(path, {"body": "@vic"})
    third = (await cast.ada.last_event())["payload"]

    assert second == {"comment_id": comment["id"], "mentioned": [cast.vic.id]}
    assert third == {"comment_id": comment["id"], "mentioned": []}
