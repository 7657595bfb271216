"""Submitted work over HTTP: what proves it, where it lands, and who accepts or rejects it."""

from typing import Any
from uuid import uuid4

import pytest

from tests.cast import Cast, Person
from tests.features.people import refusal
from tests.features.running import COMMIT, Work, a_claim, an_agent, some_work

GOOD: list[Any] = [
    COMMIT,
    {"kind": "pull_request", "url": "https://git.test/pull/1"},
    {"kind": "check", "name": "tests", "conclusion": "success"},
    {"kind": "command", "command": "make", "exit_code": 0, "digest": "sha256:0"},
    {"kind": "link", "url": "https://docs.test/"},
]
FAILED: list[Any] = [
    {"kind": "check", "name": "tests", "conclusion": "failure"},
    {"kind": "command", "command": "make", "exit_code": 2, "digest": "sha256:0"},
]
INCOMPLETE: list[Any] = [
    {"kind": "commit"},
    {"kind": "pull_request"},
    {"kind": "check", "name": "tests"},
    {"kind": "check", "conclusion": "success"},
    {"kind": "command", "command": "make", "exit_code": 0},
    {"kind": "command", "command": "make", "digest": "sha256:0"},
    {"kind": "command", "exit_code": 0, "digest": "sha256:0"},
    {"kind": "link"},
]


async def set_policy(by: Person, project: str = "API", **policy: Any) -> None:
    answer = await by.call("PUT", f"/projects/{project}/policy", json=policy)
    assert answer.status_code == 200, answer.text


async def submitted_work(by: Person, **task: Any) -> Work:
    """Work that awaits review, each acceptance item proved by a commit."""
    work = await some_work(by, **task)
    items = [item["id"] for item in work.claim["task"]["acceptance"]]
    await work.submit(*[{**COMMIT, "item": item} for item in items])
    return work


async def judge(by: Person, work: Work, verdict: str = "acceptance", reason: str = "So.") -> Any:
    return await by.call("POST", f"{work.path}/{verdict}", json={"reason": reason})


async def test_submitted_work_lands_in_review_with_its_summary_and_evidence(ada: Person) -> None:
    work = await some_work(ada)

    run = await work.submit(*GOOD, summary="All of it.")

    task = await work.task()
    assert (run["state"], run["summary"], run["is_live"]) == ("submitted", "All of it.", False)
    assert (task["status"], task["hold"]) == ("in_review", None)
    evidence = (await ada.get(f"{work.path}/evidence"))["items"]
    assert [one["kind"] for one in evidence] == [one["kind"] for one in GOOD]
    for one, sent in zip(evidence, GOOD, strict=True):
        assert one | sent == one
        assert (one["verdict"], one["verified_by"]) == (None, None)
    names = [event["name"] for event in await ada.events(run=work.run_id)]
    assert names[-2:] == ["run.submitted", "task.status_changed"]


@pytest.mark.parametrize("body", [{}, {"evidence": [COMMIT]}, {"summary": "", "evidence": []}])
async def test_a_submission_needs_a_summary(ada: Person, body: Any) -> None:
    work = await some_work(ada)

    refused = await work.call("submission", body)

    assert refused.status_code == 400
    assert (await work.run())["state"] == "working"


@pytest.mark.parametrize("kind", [one["kind"] for one in GOOD])
async def test_each_acceptance_item_needs_evidence(ada: Person, kind: str) -> None:
    work = await some_work(ada, acceptance=["It works", "It is fast"])
    works, fast = (item["id"] for item in work.claim["task"]["acceptance"])
    [proof] = [one for one in GOOD if one["kind"] == kind]

    def body(*items: str | None) -> Any:
        return {"summary": "Done.", "evidence": [{**proof, "item": item} for item in items]}

    half = await work.call("submission", body(works))
    whole = await work.call("submission", body(None))
    none = await work.call("submission", body())
    both = await work.call("submission", body(works, fast))

    for refused in (half, whole, none):
        assert refusal(refused) == (409, "run.evidence_missing")
        assert "It is fast" in refused.json()["detail"]
    assert half.json()["details"]["items"] == [fast]
    assert both.status_code == 200


@pytest.mark.parametrize("proof", FAILED)
async def test_what_failed_proves_nothing_and_may_stand_beside_what_did_not(
    ada: Person, proof: Any
) -> None:
    work = await some_work(ada)

    alone = await work.refused("submission", {"summary": "Done.", "evidence": [proof]})
    run = await work.submit(proof, COMMIT)

    assert alone == (409, "run.evidence_missing")
    assert run["state"] == "submitted"
    assert len((await ada.get(f"{work.path}/evidence"))["items"]) == 2


@pytest.mark.parametrize("proof", INCOMPLETE)
async def test_incomplete_evidence_is_refused(ada: Person, proof: Any) -> None:
    work = await some_work(ada)

    refused = await work.refused("submission", {"summary": "Done.", "evidence": [COMMIT, proof]})

    assert refused == (422, "run.evidence_incomplete")
    assert (await work.run())["state"] == "working"
    assert (await ada.get(f"{work.path}/evidence"))["items"] == []


async def test_evidence_of_an_item_that_is_not_there_is_refused(ada: Person) -> None:
    work = await some_work(ada, acceptance=["It works"])
    [item] = work.claim["task"]["acceptance"]
    known = {**COMMIT, "item": item["id"]}

    stray = {"summary": "Done.", "evidence": [known, {**COMMIT, "item": str(uuid4())}]}
    refused = await work.refused("submission", stray)

    assert refused == (422, "run.evidence_of_nothing")
    assert (await work.submit(known))["state"] == "submitted"


async def test_a_policy_says_which_kinds_of_evidence_count(ada: Person) -> None:
    work = await some_work(ada)
    await set_policy(ada, evidence=["check", "pull_request"])
    other = await some_work(ada, "WEB")
    await set_policy(ada, "WEB", evidence=[])

    refused = await work.refused("submission", {"summary": "Done.", "evidence": [COMMIT]})
    counted = await work.submit(COMMIT, GOOD[2])
    without = await other.say("submission", {"summary": "Just done.", "evidence": []})

    assert refused == (409, "run.evidence_missing")
    assert (counted["state"], without["state"]) == ("submitted", "submitted")


async def test_a_policy_lets_work_land_in_done_unless_its_agent_needs_review(ada: Person) -> None:
    await ada.a_project()
    await set_policy(ada, landing="done")
    trusted, young = await an_agent(ada), await an_agent(ada, "Young", needs_review=True)
    works: list[Work] = []
    for agent in (trusted, young):
        task = await ada.a_task(acceptance=["It works"])
        works.append(await a_claim(agent, task["key"]))

    runs = [
        await work.submit({**COMMIT, "item": work.claim["task"]["acceptance"][0]["id"]})
        for work in works
    ]

    tasks = [await work.task() for work in works]
    assert [run["state"] for run in runs] == ["accepted", "submitted"]
    assert [task["status"] for task in tasks] == ["done", "in_review"]
    assert [bool(task["acceptance"][0]["met_at"]) for task in tasks] == [True, False]
    assert tasks[0]["finished_at"]
    assert refusal(await judge(ada, works[0])) == (409, "run.over")


async def test_a_person_accepts_and_the_proved_items_are_met(cast: Cast) -> None:
    work = await submitted_work(cast.ada, acceptance=["It works", "It is fast"])
    next_one = await cast.ada.a_task(dependencies=[work.key])

    accepted = await judge(cast.grace, work, reason="Lovely.")

    run, task = accepted.json(), await work.task()
    assert (run["state"], run["reason"]) == ("accepted", "Lovely.")
    assert (run["summary"], run["ended_by"]["id"]) == ("It is done.", cast.grace.id)
    assert task["status"] == "done"
    assert [item["met_by"] for item in task["acceptance"]] == [cast.grace.id] * 2
    assert (await cast.ada.get(f"/tasks/{next_one['key']}"))["is_ready"]
    events = await cast.ada.events(run=work.run_id, name=["run.accepted", "task.status_changed"])
    assert [event["name"] for event in events[-2:]] == ["run.accepted", "task.status_changed"]
    for verdict in ("acceptance", "rejection"):
        assert refusal(await judge(cast.ada, work, verdict)) == (409, "run.over")


async def test_what_was_refuted_is_not_met_by_an_acceptance(cast: Cast) -> None:
    work = await submitted_work(cast.ada, acceptance=["It works", "It is fast"])
    items = [item["id"] for item in work.claim["task"]["acceptance"]]
    evidence = (await cast.ada.get(f"{work.path}/evidence"))["items"]
    [wrong] = [one for one in evidence if one["item"] == items[1]]
    path = f"{work.path}/evidence/{wrong['id']}/verification"
    await cast.grace.call("PUT", path, json={"verdict": "refuted"})

    accepted = await judge(cast.ada, work)

    assert accepted.status_code == 200
    met = {item["id"]: bool(item["met_at"]) for item in (await work.task())["acceptance"]}
    assert met == {items[0]: True, items[1]: False}


ALLOWED: dict[str, set[str]] = {
    "people": {"ada", "grace"},
    "leads": {"ada"},
    "admins": {"ada"},
    "anyone": {"ada", "grace", "other"},
}


@pytest.mark.parametrize("is_lead", [False, True])
@pytest.mark.parametrize("acceptors", ALLOWED)
async def test_a_policy_says_who_judges_and_never_the_agent_itself(
    cast: Cast, acceptors: str, is_lead: bool
) -> None:
    await cast.ada.a_project(lead_id=cast.grace.id if is_lead else cast.ada.id)
    await set_policy(cast.ada, acceptors=acceptors)
    own, other = await an_agent(cast.ada), await an_agent(cast.ada, "Other")
    new = await cast.ada.post(f"/agents/{own.id}/keys", {"name": "second"})
    second = Person(actor=own.actor, user=own.user, key=new["secret"], http=own.http)
    actors = {"ada": cast.ada, "grace": cast.grace, "own": own, "second key": second}
    allowed = ALLOWED[acceptors] | ({"grace"} if is_lead and acceptors == "leads" else set())

    work, task = None, (await cast.ada.a_task())["key"]
    for name, who in {**actors, "other": other}.items():
        for verdict, state in (("rejection", "rejected"), ("acceptance", "accepted")):
            if work is None:
                work = await a_claim(own, task)
                await work.submit()

            answer = await judge(who, work, verdict)

            if name not in allowed:
                assert refusal(answer) == (403, "project.acceptance_not_yours"), (name, verdict)
                assert (await work.run())["state"] == "submitted"
                continue
            assert answer.status_code == 200, (name, verdict, answer.text)
            assert (await work.run())["state"] == state
            work, task = None, (await cast.ada.a_task())["key"]


@pytest.mark.parametrize("status", ["done", "todo", "backlog", "cancelled"])
async def test_no_agent_judges_by_setting_a_status(ada: Person, status: str) -> None:
    work = await submitted_work(ada)
    await set_policy(ada, acceptors="anyone")
    other = await an_agent(ada, "Other")
    item = {"task": work.key, "version": (await work.task())["version"], "status": status}

    answers = [
        await who.call(method, path, json=body)
        for who in (work.agent, other)
        for method, path, body in (
            ("PATCH", f"/tasks/{work.key}/status", {"status": status}),
            ("PATCH", "/tasks", {"items": [item]}),
        )
    ]

    assert [refusal(one) for one in answers] == [(403, "task.agents_submit")] * 4
    assert (await work.run())["state"] == "submitted"


async def test_a_rejection_returns_the_task_and_the_next_claim_shows_why(cast: Cast) -> None:
    work = await submitted_work(cast.ada, acceptance=["It works"])
    viewer = await judge(cast.vic, work, "rejection")
    silent = await judge(cast.grace, work, "rejection", "")

    rejected = await judge(cast.grace, work, "rejection", "Tests are missing.")
    again = await a_claim(await an_agent(cast.ada, "Other"), work.key)

    assert refusal(viewer) == (403, "permission.missing")
    assert silent.status_code == 400
    assert (rejected.json()["state"], rejected.json()["reason"]) == (
        "rejected",
        "Tests are missing.",
    )
    [earlier] = again.claim["earlier"]
    assert earlier["run_id"] == work.run_id
    assert (earlier["state"], earlier["reason"]) == ("rejected", "Tests are missing.")
    assert (earlier["summary"], earlier["holder"]["name"]) == ("It is done.", "Robo")
    task = await again.task()
    assert (task["status"], task["acceptance"][0]["met_at"]) == ("in_progress", None)
    assert again.claim["fence"] > work.claim["fence"]


async def test_the_newest_of_many_earlier_runs_come_with_a_claim(ada: Person) -> None:
    await ada.a_project()
    task, agent = (await ada.a_task())["key"], await an_agent(ada)
    for number in range(7):
        work = await a_claim(agent, task)
        await work.say("failure", {"reason": f"Failed {number}."})

    claim = (await a_claim(agent, task)).claim

    assert [one["reason"] for one in claim["earlier"]] == [f"Failed {n}." for n in (6, 5, 4, 3, 2)]


@pytest.mark.parametrize(
    ("status", "state"),
    [
        ("done", "accepted"),
        ("todo", "rejected"),
        ("in_progress", "rejected"),
        ("cancelled", "cancelled"),
    ],
)
async def test_a_status_that_a_person_sets_on_submitted_work_judges_it(
    cast: Cast, status: str, state: str
) -> None:
    work = await submitted_work(cast.ada, acceptance=["It works"])

    await cast.grace.patch(f"/tasks/{work.key}/status", {"status": status})

    run, task = await work.run(), await work.task()
    assert (run["state"], run["ended_by"]["id"]) == (state, cast.grace.id)
    assert task["status"] == status
    assert bool(task["acceptance"][0]["met_at"]) is (status == "done")


@pytest.mark.parametrize("status", ["done", "todo", "in_progress"])
async def test_a_status_judges_no_work_for_those_who_may_not(cast: Cast, status: str) -> None:
    work = await submitted_work(cast.ada)
    await set_policy(cast.ada, acceptors="admins")
    item = {"task": work.key, "version": (await work.task())["version"], "status": status}

    answers = [
        await cast.grace.call("PATCH", f"/tasks/{work.key}/status", json={"status": status}),
        await cast.grace.call("PATCH", "/tasks", json={"items": [item]}),
    ]

    assert [refusal(one) for one in answers] == [(403, "project.acceptance_not_yours")] * 2
    assert (await work.run())["state"] == "submitted"
    done = await cast.ada.call("PATCH", f"/tasks/{work.key}/status", json={"status": status})
    assert done.status_code == 200
