"""Proposals: how a task could be split, by people, agents and policy; nothing changes before."""

import asyncio
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import update

from nexus.features.proposals.jobs import give_up_all
from nexus.features.proposals.tables import ProposalRow
from nexus.platform.clock import now
from nexus.platform.database import Database
from tests.cast import Cast, Person
from tests.features.agency import an_agent, expire
from tests.features.people import refusal

PARTS = [
    {"title": "Write the parser", "acceptance": ["It parses"], "complexity": 4},
    {"title": "Write its tests", "description": "All of them.", "depends_on": [1]},
    {"title": "Document both", "depends_on": [1, 2]},
]


async def a_proposal(person: Person, task: Any, **body: Any) -> Any:
    return await person.post(f"/tasks/{task['key']}/proposals", body or {"subtasks": PARTS})


async def decide(person: Person, proposal: Any, how: str = "acceptance", **body: Any) -> Any:
    return await person.post(f"/proposals/{proposal['id']}/{how}", body or None, 200)


async def subtasks_of(person: Person, task: Any) -> list[Any]:
    found = await person.get("/tasks", parent=task["key"])
    whole = [await person.get(f"/tasks/{one['key']}") for one in found["items"]]
    return sorted(whole, key=lambda one: int(one["key"].partition("-")[2]))


async def test_a_proposal_changes_nothing_before_it_is_accepted(ada: Person) -> None:
    await ada.a_project()
    task = await ada.a_task(title="Parse files")

    made = await a_proposal(ada, task, subtasks=PARTS, complexity=8, reasoning="It is much.")

    assert await subtasks_of(ada, task) == []
    assert await ada.get(f"/tasks/{task['key']}") == task
    assert (made["state"], made["task"], made["complexity"]) == ("open", task["key"], 8)
    assert [one["depends_on"] for one in made["subtasks"]] == [[], [1], [1, 2]]
    assert await ada.get(f"/proposals/{made['id']}") == made
    assert (await ada.get("/proposals", task=task["key"], state="open"))["items"] == [made]
    assert (await ada.last_event())["name"] == "proposal.created"


async def test_an_accepted_proposal_splits_the_task(ada: Person) -> None:
    await ada.a_project()
    first = await ada.a_task()
    task = await ada.a_task(title="Parse files", priority="high", dependencies=[first["key"]])
    proposal = await a_proposal(ada, task, subtasks=PARTS, complexity=8)

    accepted = await decide(ada, proposal)

    parts = await subtasks_of(ada, task)
    keys = [one["key"] for one in parts]
    after = await ada.get(f"/tasks/{task['key']}")
    assert (accepted["state"], accepted["created"]) == ("accepted", keys)
    assert accepted["decided_by"]["id"] == ada.id
    assert [one["title"] for one in parts] == [one["title"] for one in PARTS]
    assert [[on["key"] for on in one["dependencies"]] for one in parts] == [
        [], keys[:1], keys[:2],
    ]  # fmt: skip
    assert [one["open_dependencies"] for one in parts] == [1, 2, 3]
    assert {one["priority"] for one in parts} == {"high"}
    assert parts[0]["complexity_auto"] == 4
    assert (after["complexity_auto"], after["open_subtasks"]) == (8, 3)
    assert after["version"] == task["version"] + 1
    names = [one["name"] for one in await ada.events()]
    assert names[-5:] == ["task.updated", *["task.created"] * 3, "proposal.accepted"]


async def test_subtasks_of_a_proposal_are_ready_in_their_order(ada: Person) -> None:
    await ada.a_project()
    task = await ada.a_task()
    await decide(ada, await a_proposal(ada, task))
    parts = await subtasks_of(ada, task)

    order: list[str] = []
    for _ in range(4):
        ready = (await ada.get("/tasks", ready=True, sort="next"))["items"]
        order += [one["key"] for one in ready]
        await ada.finish(ready[0]["key"])

    assert order == [*(one["key"] for one in parts), task["key"]]
    assert (await ada.get("/liveness"))["violations"] == []


async def test_unlocks_after_a_split_are_those_of_the_graph(ada: Person) -> None:
    await ada.a_project()
    task = await ada.a_task()
    waits = await ada.a_task(dependencies=[task["key"]])
    await decide(ada, await a_proposal(ada, task))

    parts = await subtasks_of(ada, task)

    counts = [(one["unlock_depth"], one["unlock_count"]) for one in parts]
    assert waits["open_dependencies"] == 1
    assert counts == [(4, 4), (3, 3), (2, 2)]


async def test_a_rejected_proposal_leaves_the_task_alone(ada: Person) -> None:
    await ada.a_project()
    task = await ada.a_task()
    proposal = await a_proposal(ada, task)

    rejected = await decide(ada, proposal, "rejection", reason="One is enough.")
    again = await ada.call("POST", f"/proposals/{proposal['id']}/acceptance")

    assert (rejected["state"], rejected["reason"]) == ("rejected", "One is enough.")
    assert refusal(again) == (409, "proposal.over")
    assert await subtasks_of(ada, task) == []
    assert (await ada.last_event())["payload"]["reason"] == "One is enough."


async def test_several_who_accept_at_once_split_it_once(cast: Cast) -> None:
    await cast.ada.a_project()
    task = await cast.ada.a_task()
    proposal = await a_proposal(cast.ada, task)
    path = f"/proposals/{proposal['id']}/acceptance"

    answers = await asyncio.gather(
        *(one.call("POST", path) for one in (cast.ada, cast.grace) for _ in range(3))
    )

    codes = sorted(one.status_code for one in answers)
    assert codes == [200, 409, 409, 409, 409, 409]
    assert len(await subtasks_of(cast.ada, task)) == 3


async def test_several_who_decide_at_once_decide_once(cast: Cast) -> None:
    await cast.ada.a_project()
    task = await cast.ada.a_task()
    proposal = await a_proposal(cast.ada, task)
    path = f"/proposals/{proposal['id']}"

    answers = await asyncio.gather(
        *(cast.ada.call("POST", f"{path}/rejection", json={}) for _ in range(3)),
        *(cast.grace.call("POST", f"{path}/acceptance") for _ in range(2)),
    )

    assert sorted(one.status_code for one in answers) == [200, 409, 409, 409, 409]


async def test_a_policy_of_an_archived_project_accepts_nothing(ada: Person) -> None:
    await ada.a_project()
    await ada.call("PUT", "/projects/API/policy", json={"expansion": "policy"})
    task = await ada.a_task()
    archived = await ada.call("PATCH", "/projects/API", json={"archived": True})

    made = await ada.call("POST", f"/tasks/{task['key']}/proposals", json={"subtasks": PARTS})

    assert archived.status_code < 300
    assert (made.status_code, made.json()["state"]) == (201, "open")
    assert await subtasks_of(ada, task) == []


async def test_agents_propose_and_people_decide(ada: Person) -> None:
    await ada.a_project()
    robo = await an_agent(ada, "Robo")
    task = await ada.a_task()
    claim = await robo.claim(task["key"])

    proposal = await a_proposal(robo, task)
    refused = [
        await robo.call("POST", f"/proposals/{proposal['id']}/acceptance"),
        await robo.call("POST", f"/proposals/{proposal['id']}/rejection", json={}),
    ]
    event = await ada.last_event()
    accepted = await decide(ada, proposal)

    assert [refusal(one) for one in refused] == [(403, "proposal.people_decide")] * 2
    assert (event["name"], event["run_id"]) == ("proposal.created", claim["run_id"])
    assert proposal["proposed_by"]["kind"] == "agent"
    assert len(accepted["created"]) == 3
    assert (await ada.get(f"/tasks/{task['key']}"))["hold"]["run_id"] == claim["run_id"]


async def test_nothing_is_proposed_under_a_fence_that_is_over(
    ada: Person, database: Database
) -> None:
    await ada.a_project()
    robo = await an_agent(ada, "Robo")
    task = await ada.a_task()
    claim = await robo.claim(task["key"])
    await expire(database, claim)

    late = await robo.write(
        "POST", f"/tasks/{task['key']}/proposals", {"subtasks": PARTS}, fence=claim["fence"]
    )

    assert refusal(late) == (409, "task.fence_superseded")
    assert (await ada.get("/proposals"))["items"] == []


async def test_a_policy_accepts_what_agents_propose(ada: Person) -> None:
    await ada.a_project()
    answer = await ada.call("PUT", "/projects/API/policy", json={"expansion": "policy"})
    robo = await an_agent(ada, "Robo")
    task = await ada.a_task()

    made = await a_proposal(robo, task)

    event = await ada.last_event()
    assert answer.json()["policy"]["expansion"] == "policy"
    assert (made["state"], made["decided_by"], len(made["created"])) == ("accepted", None, 3)
    assert (event["name"], event["payload"]["by_policy"]) == ("proposal.accepted", True)
    assert len(await subtasks_of(ada, task)) == 3


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({}, (422, "proposal.empty")),
        ({"instructions": "Please."}, (422, "proposal.empty")),
        ({"subtasks": [{"title": "A", "depends_on": [1]}]}, (422, "proposal.needs_unknown")),
        ({"subtasks": [{"title": "A", "depends_on": [2]}, {"title": "B"}]},
         (422, "proposal.needs_unknown")),
        ({"subtasks": [{"title": "A", "depends_on": [0]}]}, (400, "request.invalid")),
        ({"subtasks": [{"title": " "}]}, (400, "request.invalid")),
        ({"subtasks": [{"title": "A"}] * 21}, (400, "request.invalid")),
        ({"complexity": 11}, (400, "request.invalid")),
        ({"complexity": "5"}, (400, "request.invalid")),
        ({"subtasks": "all"}, (400, "request.invalid")),
        ({"subtask": []}, (400, "request.invalid")),
    ],
)  # fmt: skip
async def test_what_is_no_proposal_is_refused(
    ada: Person, body: Any, code: tuple[int, str]
) -> None:
    await ada.a_project()
    task = await ada.a_task()

    answer = await ada.call("POST", f"/tasks/{task['key']}/proposals", json=body)

    assert refusal(answer) == code
    assert (await ada.get("/proposals"))["items"] == []


@pytest.mark.parametrize(
    ("ending", "code"), [("done", "task.finished"), ("archived", "task.archived")]
)
async def test_a_task_that_is_over_is_not_split(ada: Person, ending: str, code: str) -> None:
    await ada.a_project()
    task = await ada.a_task()
    proposal = await a_proposal(ada, task)
    await ada.finish(task["key"])
    if ending == "archived":
        await ada.patch(f"/tasks/{task['key']}", {"archived": True})

    refused = await ada.call("POST", f"/proposals/{proposal['id']}/acceptance")

    assert refusal(refused) == (409, code)
    assert (await ada.get(f"/proposals/{proposal['id']}"))["state"] == "open"
    assert await subtasks_of(ada, task) == []


async def test_proposals_of_hidden_tasks_are_hidden(cast: Cast) -> None:
    await cast.ada.a_project("SECRET", visibility="private")
    task = await cast.ada.a_task("SECRET")
    proposal = await a_proposal(cast.ada, task)

    answers = [
        await person.call(method, f"/proposals/{proposal['id']}{rest}", json=body)
        for person in (cast.grace, cast.bob)
        for method, rest, body in [
            ("GET", "", None), ("POST", "/acceptance", None), ("POST", "/rejection", {}),
        ]
    ]  # fmt: skip

    assert [refusal(one) for one in answers] == [(404, "proposal.not_found")] * 6
    assert (await cast.grace.get("/proposals"))["items"] == []
    assert (await cast.bob.get("/proposals"))["items"] == []
    assert (await cast.ada.get(f"/proposals/{proposal['id']}"))["state"] == "open"


async def test_proposals_come_newest_first_page_by_page(ada: Person) -> None:
    await ada.a_project()
    task = await ada.a_task()
    made = [(await a_proposal(ada, task))["id"] for _ in range(5)]

    found: list[str] = []
    cursor = None
    while True:
        page = await ada.get("/proposals", limit=2, **({"cursor": cursor} if cursor else {}))
        found += [one["id"] for one in page["items"]]
        cursor = page["next_cursor"]
        if not cursor:
            break

    assert found == made[::-1]


async def test_a_complexity_alone_can_be_proposed(ada: Person) -> None:
    await ada.a_project()
    task = await ada.a_task(complexity_manual=3)
    proposal = await a_proposal(ada, task, complexity=9)

    accepted = await decide(ada, proposal)

    after = await ada.get(f"/tasks/{task['key']}")
    assert (accepted["state"], accepted["created"]) == ("accepted", [])
    assert (after["complexity_auto"], after["complexity_manual"], after["complexity"]) == (9, 3, 3)


async def test_an_answer_that_never_came_is_given_up(ada: Person, database: Database) -> None:
    await ada.a_project()
    task = await ada.a_task()
    late, fresh = await a_proposal(ada, task), await a_proposal(ada, task)
    async with database.system() as tx:
        asked = {"state": "asked", "content": None}
        ids = [UUID(late["id"]), UUID(fresh["id"])]
        await tx.execute(update(ProposalRow).where(ProposalRow.id.in_(ids)).values(asked))
        old = {"created_at": now() - timedelta(hours=3)}
        await tx.execute(update(ProposalRow).where(ProposalRow.id == ids[0]).values(old))

    await give_up_all(database)

    given_up = await ada.get(f"/proposals/{late['id']}")
    assert (given_up["state"], given_up["reason"]) == ("failed", "No answer came. Ask again.")
    assert (await ada.get(f"/proposals/{fresh['id']}"))["state"] == "asked"
    assert (await ada.last_event())["name"] == "proposal.failed"
