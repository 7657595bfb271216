"""Runs over HTTP: what an agent says between its claim and the end, and what it asks."""

import asyncio
from typing import Any

import pytest

from nexus.features.runs import service
from tests.cast import Cast, Person
from tests.features.people import refusal
from tests.features.running import Work, a_claim, an_agent, some_work
from tests.features.streaming_writers import numbers_in, stream_text


async def test_a_run_tells_how_far_it_is(ada: Person) -> None:
    work = await some_work(ada)
    before = await work.run()

    told = await work.say("progress", {"note": "Half of it.", "progress": 50})
    again = await work.say("progress", {"note": "Thinking."})

    assert (before["state"], before["progress"], before["note"]) == ("working", None, "")
    assert (told["progress"], told["note"]) == (50, "Half of it.")
    assert (again["progress"], again["note"]) == (50, "Thinking.")
    assert again == await work.run()
    assert again["heartbeat_at"] > before["heartbeat_at"]
    lines = (await ada.get(f"{work.path}/log"))["items"]
    assert [(line["number"], line["kind"], line["text"]) for line in lines] == [
        (1, "note", "Half of it."),
        (2, "note", "Thinking."),
    ]
    event = await ada.last_event()
    assert event["name"] == "run.progressed"
    assert (event["payload"]["note"], event["payload"]["progress"]) == ("Thinking.", None)


@pytest.mark.parametrize(
    ("what", "body"),
    [
        ("heartbeats", {"lease_s": 0}),
        ("heartbeats", {"lease_s": 86_401}),
        ("progress", {}),
        ("progress", {"note": "x", "progress": 101}),
        ("progress", {"note": "x", "progress": -1}),
        ("progress", {"note": "x" * 2001}),
        ("log", {"lines": []}),
        ("log", {"lines": [{"text": "x"}] * 501}),
        ("log", {"lines": [{"text": "x" * 4001}]}),
        ("log", {"lines": [{"text": "\x00"}]}),
        ("usage", {"tokens_in": -1}),
        ("usage", {"cost": -0.01}),
        ("questions", {"text": ""}),
        ("failure", {}),
        ("failure", {"reason": ""}),
        ("submission", {"summary": ""}),
    ],
)
async def test_what_makes_no_sense_is_refused_and_changes_nothing(
    ada: Person, what: str, body: Any
) -> None:
    work = await some_work(ada)
    before = (await work.run(), await ada.last_event())

    refused = await work.call(what, body)

    assert refused.status_code == 400
    assert (await work.run(), await ada.last_event()) == before


async def test_lines_come_in_batches_and_are_read_in_pages(ada: Person) -> None:
    work = await some_work(ada)
    sent = [{"text": f"Line {number}"} for number in range(1, 6)]
    first = await work.say("log", {"lines": sent})
    second = await work.say("log", {"lines": [{"text": "Oh", "kind": "error"}]})

    page = await ada.get(f"{work.path}/log", limit=4)
    rest = await ada.get(f"{work.path}/log", limit=4, after=page["next_cursor"])

    assert (first, second) == ({"last": 5, "dropped": 0}, {"last": 6, "dropped": 0})
    assert [line["text"] for line in page["items"]] == [f"Line {n}" for n in range(1, 5)]
    assert [(line["number"], line["kind"], line["text"]) for line in rest["items"]] == [
        (5, "output", "Line 5"),
        (6, "error", "Oh"),
    ]
    assert rest["next_cursor"] is None
    events = await ada.events(name="run.logged")
    assert [(e["payload"]["lines"], e["payload"]["last"]) for e in events] == [(5, 5), (1, 6)]


async def test_lines_beyond_the_cap_are_counted_and_dropped(
    ada: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service, "MAX_LINES", 3)
    work = await some_work(ada)
    lines = [{"text": f"Line {number}"} for number in range(1, 6)]

    first = await work.say("log", {"lines": lines})
    second = await work.say("log", {"lines": lines})
    noted = await work.say("progress", {"note": "Still here."})

    assert (first, second) == ({"last": 3, "dropped": 2}, {"last": 3, "dropped": 5})
    assert noted["note"] == "Still here."
    assert len((await ada.get(f"{work.path}/log"))["items"]) == 3
    assert len(await ada.events(name="run.logged")) == 1


async def test_what_is_logged_at_once_is_all_kept_and_numbered(ada: Person) -> None:
    work = await some_work(ada)

    await asyncio.gather(*(work.say("log", {"lines": [{"text": str(n)}] * 3}) for n in range(8)))

    lines = (await ada.get(f"{work.path}/log"))["items"]
    assert [line["number"] for line in lines] == list(range(1, 25))
    assert {line["text"] for line in lines} == {str(n) for n in range(8)}


async def test_a_person_who_holds_a_task_logs_as_an_agent_does(ada: Person) -> None:
    await ada.a_project()
    task = (await ada.a_task())["key"]
    await ada.call("PUT", f"/tasks/{task}/hold")
    [run] = (await ada.get("/runs"))["items"]

    lines = {"lines": [{"text": "By hand."}]}
    await asyncio.gather(*(ada.post(f"/runs/{run['id']}/log", lines, 200) for _ in range(8)))

    assert (run["holder"]["kind"], run["expires_at"], run["lease_s"]) == ("member", None, None)
    assert len((await ada.get(f"/runs/{run['id']}/log"))["items"]) == 8


async def test_usage_adds_up_in_the_run_and_in_the_totals_of_the_agent(ada: Person) -> None:
    work = await some_work(ada)

    first = await work.say("usage", {"tokens_in": 100, "tokens_out": 20, "model": "small"})
    second = await work.say("usage", {"tokens_in": 1, "cost": 0.000001, "model": "large"})
    third = await work.say("usage", {"cost": 1.5})

    assert first["usage"] == {"tokens_in": 100, "tokens_out": 20, "cost": 0}
    assert second["usage"] == {"tokens_in": 101, "tokens_out": 20, "cost": 0.000001}
    assert third["usage"] == {"tokens_in": 101, "tokens_out": 20, "cost": 1.500001}
    assert not third["must_stop"]
    run = await work.run()
    assert (run["usage"], run["model"]) == (third["usage"], "large")
    agent = await ada.get(f"/agents/{work.agent.id}")
    assert agent["totals"]["usage"] == third["usage"]
    assert (await ada.last_event())["payload"]["cost_micros"] == 1_500_000


async def test_usage_that_is_reported_at_once_is_counted_once_each(ada: Person) -> None:
    work = await some_work(ada)

    told = await asyncio.gather(*(work.say("usage", {"tokens_in": 1}) for _ in range(10)))

    assert (await work.run())["usage"]["tokens_in"] == 10
    assert sorted(one["usage"]["tokens_in"] for one in told) == list(range(1, 11))


@pytest.mark.parametrize(
    ("what", "body"),
    [
        ("heartbeats", {}),
        ("progress", {"note": "x"}),
        ("log", {"lines": [{"text": "x"}]}),
        ("usage", {"tokens_in": 1}),
        ("questions", {"text": "Why?"}),
    ],
)
async def test_any_word_is_a_sign_of_life_and_renews_the_lease(
    ada: Person, what: str, body: Any
) -> None:
    work = await some_work(ada)
    before = await work.run()

    await work.say(what, body, 201 if what == "questions" else 200)

    after = await work.run()
    assert after["expires_at"] > before["expires_at"]
    assert after["heartbeat_at"] > before["heartbeat_at"]


async def test_a_heartbeat_can_ask_for_another_lease_which_lasts_from_then_on(ada: Person) -> None:
    work = await some_work(ada)

    longer = await work.say("heartbeats", {"lease_s": 7200})
    same = await work.say("heartbeats", {})

    run = await work.run()
    assert (longer["state"], longer["must_stop"], longer["stop_reason"]) == ("working", False, None)
    assert run["lease_s"] == 7200
    assert run["expires_at"] == same["expires_at"] > longer["expires_at"]


@pytest.mark.parametrize("all_of_them", [False, True])
async def test_the_heartbeats_of_a_paused_agent_say_why_it_must_stop(
    ada: Person, all_of_them: bool
) -> None:
    work = await some_work(ada)
    path = "/agents/pause" if all_of_them else f"/agents/{work.agent.id}/pause"
    await ada.call("PUT", path, json={"reason": "the budget talks"})

    paused = await work.say("heartbeats", {})
    await ada.call("DELETE", path)
    resumed = await work.say("heartbeats", {})

    assert paused["must_stop"]
    assert "the budget talks" in paused["stop_reason"]
    assert (resumed["must_stop"], resumed["stop_reason"]) == (False, None)


async def test_runs_are_listed_newest_first_and_by_what_is_asked(ada: Person) -> None:
    robo, other = await an_agent(ada), await an_agent(ada, "Other", max_tasks=2)
    works: list[Work] = []
    for agent, project in ((robo, "API"), (other, "WEB"), (other, "APP")):
        await ada.a_project(project)
        works.append(await a_claim(agent, (await ada.a_task(project))["key"]))
    first, second, third = works
    await second.submit()

    async def runs(by: Person = ada, **which: Any) -> list[str]:
        return [run["id"] for run in (await by.get("/runs", **which))["items"]]

    page = await ada.get("/runs", limit=2)
    assert [one["id"] for one in page["items"]] == [third.run_id, second.run_id]
    assert await runs(limit=2, cursor=page["next_cursor"]) == [first.run_id]
    assert await runs(agent=robo.id) == [first.run_id]
    assert await runs(robo, agent="me") == [first.run_id]
    assert await runs(task=second.key) == [second.run_id]
    assert await runs(project=["api", "APP"]) == [third.run_id, first.run_id]
    assert await runs(state=["submitted", "accepted"]) == [second.run_id]
    assert await runs(agent=other.id, state="working") == [third.run_id]
    assert (await ada.call("GET", "/runs", params={"task": "API-99"})).status_code == 404


@pytest.mark.parametrize(
    ("what", "body", "state", "status", "reason"),
    [
        ("release", {"reason": "Too hard."}, "released", "todo", "Too hard."),
        ("release", {}, "released", "todo", "Robo let it go."),
        ("failure", {"reason": "No disk."}, "failed", "todo", "No disk."),
        ("failure", {"reason": "No way.", "is_final": True}, "failed", "deferred", "No way."),
    ],
)
async def test_an_agent_gives_its_task_back(
    ada: Person, what: str, body: Any, state: str, status: str, reason: str
) -> None:
    work = await some_work(ada)

    ended = await work.say(what, body)

    assert (ended["state"], ended["reason"], ended["is_live"]) == (state, reason, False)
    assert ended["ended_by"]["id"] == work.agent.id
    assert ended["ended_at"]
    assert (await work.task())["status"] == status
    for path in ("heartbeats", "release"):
        assert (await work.refused(path, {}))[0] == 409
    names = [event["name"] for event in (await ada.events())[-2:]]
    assert names == [f"run.{state}", "task.status_changed"]


async def test_a_person_cancels_a_run_and_its_holder_learns_of_it(cast: Cast) -> None:
    work = await some_work(cast.ada)
    other = await an_agent(cast.ada, "Other")
    path = f"{work.path}/cancellation"
    refused = [await who.call("POST", path, json={}) for who in (cast.vic, other)]

    cancelled = await cast.grace.post(path, {"reason": "Wrong branch."}, 200)

    assert [refusal(one) for one in refused] == [
        (403, "permission.missing"),
        (403, "run.not_yours"),
    ]
    assert (cancelled["state"], cancelled["ended_by"]["id"]) == ("cancelled", cast.grace.id)
    assert (await work.task())["status"] == "todo"
    told = await work.call("heartbeats", {})
    assert refusal(told) == (409, "run.over")
    assert "Wrong branch" in told.text
    again = await cast.grace.call("POST", path, json={})
    assert refusal(again) == (409, "run.over")


async def test_only_the_holder_with_its_fence_speaks_in_a_run(cast: Cast) -> None:
    work = await some_work(cast.ada)
    other = await an_agent(cast.ada, "Other")
    path, note = f"{work.path}/progress", {"note": "Mine."}
    before = await work.run()

    answers = [
        await other.call("POST", path, json=note, headers=work.fence),
        await cast.ada.call("POST", path, json=note, headers=work.fence),
        await work.agent.call("POST", path, json=note),
        await work.agent.call("POST", path, json=note, headers={"Nexus-Fence": "99"}),
    ]

    assert [refusal(one) for one in answers] == [
        (403, "run.not_yours"),
        (403, "run.not_yours"),
        (409, "task.fence_missing"),
        (409, "task.fence_superseded"),
    ]
    assert await work.run() == before


async def test_what_was_said_before_the_lease_was_lost_stays_with_its_run(ada: Person) -> None:
    work = await some_work(ada)
    await work.say("progress", {"note": "First."})
    await work.say("release", {})
    later = await a_claim(work.agent, work.key)

    refused = [
        await work.refused("progress", {"note": "Late."}),
        await work.refused("log", {"lines": [{"text": "Late."}]}),
        await work.refused("usage", {"tokens_in": 1}),
        await work.refused("questions", {"text": "Late?"}),
        await work.refused("submission", {"summary": "Late."}),
    ]
    mixed = await later.agent.call(
        "POST", f"{later.path}/progress", json={"note": "x"}, headers=work.fence
    )

    assert refused == [(409, "task.fence_superseded")] * 5
    assert refusal(mixed) == (409, "task.fence_superseded")
    assert (await work.run())["note"] == "First."
    assert [line["text"] for line in (await ada.get(f"{work.path}/log"))["items"]] == ["First."]
    assert (await ada.get(f"{later.path}/log"))["items"] == []


ENDINGS = [
    "released",
    "cancelled",
    "moved",
    "taken over",
    "freed",
    "expired",
    "agent removed",
    "unpaid",
]


async def _end(ada: Person, work: Work, how: str) -> None:
    match how:
        case "released":
            await work.say("release", {})
        case "cancelled":
            await ada.post(f"{work.path}/cancellation", {}, 200)
        case "moved":
            await ada.patch(f"/tasks/{work.key}/status", {"status": "backlog"})
        case "taken over":
            assert (await ada.call("PUT", f"/tasks/{work.key}/hold")).status_code == 200
        case "freed":
            assert (await ada.call("DELETE", f"/tasks/{work.key}/hold")).status_code == 200
        case "unpaid":
            await ada.call("PUT", "/budgets", json={"task": work.key, "tokens": 1})
            await work.say("usage", {"tokens_in": 2})
        case "agent removed":
            await ada.delete(f"/agents/{work.agent.id}")
        case _:
            await work.say("heartbeats", {"lease_s": 1})
            await asyncio.sleep(1.1)
            await a_claim(await an_agent(ada, "Next"), work.key)


@pytest.mark.parametrize("how", ENDINGS)
async def test_who_watches_a_run_sees_all_of_it_until_its_end(ada: Person, how: str) -> None:
    work = await some_work(ada)
    other = await some_work(ada, "WEB") if how != "agent removed" else None

    await work.say("progress", {"note": "Here."})
    if other:
        await other.say("progress", {"note": "Elsewhere."})
    await _end(ada, work, how)

    mine = [event for event in await ada.events() if event["payload"].get("run_id") == work.run_id]
    assert [event["run_id"] for event in mine] == [work.run_id] * len(mine)
    rows = await ada.events(run=work.run_id)
    assert {event["seq"] for event in mine} <= {event["seq"] for event in rows}
    assert {event["run_id"] for event in rows} == {work.run_id}
    text = await stream_text(ada, run=work.run_id, after=0)
    assert numbers_in(text) == [event["seq"] for event in rows]
