"""After a submission: what is found true, what comes twice or late, and tasks that come back."""

import asyncio
from typing import Any

import pytest

from tests.cast import Cast, Person
from tests.features.people import refusal
from tests.features.running import COMMIT, Work, a_claim, an_agent, some_work

BODY = {"summary": "Once more.", "evidence": [COMMIT]}


async def submitted_work(by: Person) -> tuple[Work, str]:
    """Work that awaits review, and the path of its one piece of evidence."""
    work = await some_work(by)
    await work.submit()
    [evidence] = (await by.get(f"{work.path}/evidence"))["items"]
    return work, f"{work.path}/evidence/{evidence['id']}"


async def verify(by: Person, evidence: str, verdict: str = "confirmed", note: str = "") -> Any:
    body = {"verdict": verdict, "note": note}
    return await by.call("PUT", f"{evidence}/verification", json=body)


async def test_what_was_found_is_kept_apart_from_what_was_reported(cast: Cast) -> None:
    work, path = await submitted_work(cast.ada)
    [reported] = (await cast.ada.get(f"{work.path}/evidence"))["items"]

    refuted = await verify(cast.grace, path, "refuted", "No such commit.")
    confirmed = await verify(cast.ada, path, "confirmed", "There it is.")

    [now] = (await cast.ada.get(f"{work.path}/evidence"))["items"]
    found = {"verdict", "verdict_note", "verified_by", "verified_at"}
    assert {key for key in now if now[key] != reported[key]} == found
    assert refuted.json()["verdict_note"] == "No such commit."
    assert now == confirmed.json()
    assert (now["verdict"], now["verified_by"]) == ("confirmed", cast.ada.id)
    assert (await work.run())["state"] == "submitted"
    events = await cast.ada.events(name="run.evidence_verified")
    assert [event["payload"]["verdict"] for event in events] == ["refuted", "confirmed"]
    assert [event["run_id"] for event in events] == [work.run_id] * 2


async def test_the_same_finding_twice_is_one_event(ada: Person) -> None:
    _, path = await submitted_work(ada)
    first = await verify(ada, path)

    second = await verify(ada, path)

    assert first.json() == second.json()
    assert len(await ada.events(name="run.evidence_verified")) == 1


async def test_nobody_verifies_what_they_reported_themselves(cast: Cast) -> None:
    _, path = await submitted_work(cast.ada)
    work, _ = await submitted_work_of(cast.ada, "WEB")
    new = await cast.ada.post(f"/agents/{work.agent.id}/keys", {"name": "second"})
    second = Person(
        actor=work.agent.actor, user=cast.ada.user, key=new["secret"], http=cast.ada.http
    )
    [own] = (await cast.ada.get(f"{work.path}/evidence"))["items"]

    by_itself = [
        await verify(who, f"{work.path}/evidence/{own['id']}") for who in (work.agent, second)
    ]
    by_viewer = await verify(cast.vic, path)
    by_outsider = await verify(cast.bob, path)
    by_colleague = await verify(work.agent, path)

    assert [refusal(one) for one in by_itself] == [(403, "run.own")] * 2
    assert refusal(by_viewer) == (403, "permission.missing")
    assert refusal(by_outsider) == (404, "run.not_found")
    assert by_colleague.status_code == 200


async def submitted_work_of(by: Person, project: str) -> tuple[Work, str]:
    work = await some_work(by, project)
    await work.submit()
    return work, work.path


async def test_evidence_belongs_to_its_run(ada: Person) -> None:
    _, path = await submitted_work(ada)
    other, _ = await submitted_work_of(ada, "WEB")

    refused = await verify(ada, f"{other.path}/evidence/{path.rpartition('/')[2]}")

    assert refusal(refused) == (404, "run.evidence_not_found")


async def test_submitting_twice_is_refused_and_adds_nothing(ada: Person) -> None:
    work, _ = await submitted_work(ada)
    before = (await work.run(), await ada.last_event())

    again = await work.refused("submission", BODY)

    assert again == (409, "run.over")
    assert (await work.run(), await ada.last_event()) == before
    assert len((await ada.get(f"{work.path}/evidence"))["items"]) == 1


async def test_of_submissions_at_once_one_counts(ada: Person) -> None:
    work = await some_work(ada)

    answers = await asyncio.gather(*(work.call("submission", BODY) for _ in range(6)))

    assert sorted(one.status_code for one in answers) == [200] + [409] * 5
    assert len((await ada.get(f"{work.path}/evidence"))["items"]) == 1
    assert len(await ada.events(name="run.submitted")) == 1


async def test_of_verdicts_at_once_one_counts(cast: Cast) -> None:
    work, _ = await submitted_work(cast.ada)
    verdicts = ["acceptance", "rejection"] * 3

    answers = await asyncio.gather(
        *(
            cast.grace.call("POST", f"{work.path}/{verdict}", json={"reason": "So."})
            for verdict in verdicts
        )
    )

    [state] = [one.json()["state"] for one in answers if one.status_code == 200]
    others = [refusal(one) for one in answers if one.status_code != 200]
    assert others == [(409, "run.over")] * 5
    assert (await work.run())["state"] == state
    assert (await work.task())["status"] == {"accepted": "done", "rejected": "todo"}[state]
    assert len(await cast.ada.events(name=["run.accepted", "run.rejected"])) == 1


async def test_the_same_submission_sent_again_is_answered_again(ada: Person) -> None:
    work = await some_work(ada)
    headers = {**work.fence, "Idempotency-Key": "once"}
    path = f"{work.path}/submission"
    first = await work.agent.call("POST", path, json=BODY, headers=headers)

    second = await work.agent.call("POST", path, json=BODY, headers=headers)

    assert (first.status_code, second.status_code) == (200, 200)
    assert first.json() == second.json()
    assert len(await ada.events(name="run.submitted")) == 1


async def test_work_whose_lease_ran_out_is_not_submitted_though_nobody_has_swept(
    ada: Person,
) -> None:
    work = await some_work(ada)
    await work.say("heartbeats", {"lease_s": 1})
    await asyncio.sleep(1.1)

    refused = await work.call("submission", BODY)

    assert refusal(refused) == (409, "task.fence_superseded")
    assert "expired" in refused.json()["detail"]
    assert await ada.events(name="run.submitted") == []
    assert (await ada.get(f"{work.path}/evidence"))["items"] == []
    assert (await work.run())["is_live"] is False


async def test_a_task_comes_back_after_it_was_accepted(ada: Person) -> None:
    work, _ = await submitted_work(ada)
    await ada.post(f"{work.path}/acceptance", {}, 200)
    await ada.patch(f"/tasks/{work.key}/status", {"status": "todo"})

    again = await a_claim(work.agent, work.key)

    assert (await work.run())["state"] == "accepted"
    assert [one["state"] for one in again.claim["earlier"]] == ["accepted"]
    assert again.claim["fence"] > work.claim["fence"]
    assert await work.refused("submission", BODY) == (409, "task.fence_superseded")
    await again.submit(summary="Better.")
    assert (await ada.post(f"{again.path}/acceptance", {}, 200))["summary"] == "Better."


async def test_an_agent_takes_another_task_while_its_work_is_reviewed(ada: Person) -> None:
    work, _ = await submitted_work(ada)
    other = await ada.a_task(title="Another")

    claimed = await a_claim(work.agent)

    assert claimed.key == other["key"]
    assert (await work.run())["state"] == "submitted"


async def test_a_person_who_takes_up_submitted_work_does_not_leave_it_unjudged(cast: Cast) -> None:
    work, _ = await submitted_work(cast.ada)

    taken = await cast.grace.call("PUT", f"/tasks/{work.key}/hold")

    assert taken.status_code == 200
    assert taken.json()["status"] == "in_progress"
    assert (await work.run())["state"] in {"rejected", "cancelled"}


async def test_what_evidence_touched_is_learned_and_nothing_else_changes(ada: Person) -> None:
    work = await some_work(ada, acceptance=["It works"])
    [item] = work.claim["task"]["acceptance"]

    await work.submit({**COMMIT, "item": item["id"], "paths": ["src/b.py", "src/a.py"]})

    task = await work.task()
    assert (task["status"], task["learned_footprint"]) == ("in_review", ["src/a.py", "src/b.py"])
    assert task["acceptance"][0]["met_at"] is None


@pytest.mark.parametrize("landing", ["in_review", "done"])
async def test_a_person_who_held_a_task_submits_it_as_well(cast: Cast, landing: str) -> None:
    await cast.ada.a_project()
    policy = {"landing": landing, "acceptors": "anyone"}
    await cast.ada.call("PUT", "/projects/API/policy", json=policy)
    task = (await cast.ada.a_task())["key"]
    await cast.grace.call("PUT", f"/tasks/{task}/hold")
    [run] = (await cast.grace.get("/runs"))["items"]

    submitted = await cast.grace.post(f"/runs/{run['id']}/submission", BODY, 200)
    own = await cast.grace.call("POST", f"/runs/{run['id']}/acceptance", json={})

    if landing == "done":
        assert (submitted["state"], refusal(own)) == ("accepted", (409, "run.over"))
    else:
        assert submitted["state"] == "submitted"
        assert refusal(own) == (403, "project.acceptance_not_yours")


async def other_at_work(by: Person) -> Work:
    """Another agent, whose task is at its third fence."""
    await by.a_task(title="Another")
    first = await a_claim(await an_agent(by, "Other"))
    await first.say("release", {})
    return await a_claim(first.agent, first.key)


JUDGING: list[Any] = [
    ("POST", "acceptance", {}),
    ("POST", "rejection", {"reason": "No."}),
    ("PUT", "evidence/{}/verification", {"verdict": "confirmed"}),
]


@pytest.mark.parametrize(("method", "what", "body"), JUDGING)
async def test_an_agent_judges_others_work_but_not_under_its_own_fence(
    ada: Person, method: str, what: str, body: Any
) -> None:
    work, evidence = await submitted_work(ada)
    await ada.call("PUT", "/projects/API/policy", json={"acceptors": "anyone"})
    other = await other_at_work(ada)
    start = (await ada.last_event())["seq"]

    path = f"{work.path}/{what}".format(evidence.rpartition("/")[2])
    answer = await other.agent.call(method, path, json=body, headers=other.fence)

    assert answer.status_code == 200, answer.text
    events = await ada.events(after=start)
    assert events
    for event in events:
        pair = (event["run_id"], event["fence"])
        assert pair != (work.run_id, other.claim["fence"]), event["name"]


@pytest.mark.parametrize(("method", "what", "body"), JUDGING)
async def test_nothing_is_judged_under_a_fence_that_is_dead(
    ada: Person, method: str, what: str, body: Any
) -> None:
    work, evidence = await submitted_work(ada)
    await ada.call("PUT", "/projects/API/policy", json={"acceptors": "anyone"})
    other = await other_at_work(ada)
    await other.say("release", {})
    before = await ada.last_event()

    path = f"{work.path}/{what}".format(evidence.rpartition("/")[2])
    answer = await other.agent.call(method, path, json=body, headers=other.fence)

    assert refusal(answer) == (409, "task.fence_superseded")
    assert await ada.last_event() == before


async def test_an_agent_does_not_escape_a_policy_by_moving_its_task_to_another_project(
    ada: Person,
) -> None:
    work = await some_work(ada)
    await ada.a_project("LAX")
    lax = {"landing": "done", "evidence": []}
    await ada.call("PUT", "/projects/LAX/policy", json=lax)

    path = f"/tasks/{work.key}/project"
    await work.agent.call("PATCH", path, json={"project": "LAX"}, headers=work.fence)
    await work.call("submission", {"summary": "Trust me."})

    assert (await work.run())["state"] in {"working", "submitted"}
