"""Which tasks fit which agents, over HTTP: limits, rights, files, and how it is explained."""

from typing import Any

import pytest

from nexus.platform.database import Database
from tests.cast import Cast, Person
from tests.features.agency import Robot, an_agent, expire
from tests.features.people import refusal

BUSY, OVERLAPS = (409, "agent.busy"), (409, "task.overlaps")
NOT_FOR_IT, NOT_FOUND = (409, "task.not_for_agent"), (404, "task.not_found")


@pytest.mark.parametrize(
    ("limits", "misfit", "fits"),
    [
        ({"capabilities": ["Python", "db"]}, {"labels": ["rust"]}, {"labels": ["python", "x"]}),
        ({"capabilities": ["db"]}, {}, {"labels": ["DB"]}),
        ({"min_complexity": 3}, {"complexity_manual": 2}, {"complexity_manual": 3}),
        ({"max_complexity": 3}, {"complexity_manual": 4}, {"complexity_manual": 3}),
        ({"max_complexity": 3}, {"complexity_manual": 10}, {}),
        ({"projects": ["WEB"]}, {}, {"project": "WEB"}),
    ],
)
async def test_an_agent_is_given_what_fits_it_alone(
    ada: Person, limits: dict[str, Any], misfit: dict[str, Any], fits: dict[str, Any]
) -> None:
    for key in ("API", "WEB"):
        await ada.a_project(key)
    wrong = await ada.a_task(**{"project": "API", **misfit, "priority": "critical"})
    right = await ada.a_task(**{"project": "API", **fits})
    agent = await an_agent(ada, max_tasks=2, **limits)

    refused = await agent.call("POST", "/agents/assign", json={"task": wrong["key"]})
    claim = await agent.claim()
    nothing = await agent.claim()

    assert refusal(refused) == NOT_FOR_IT
    assert claim["task"]["key"] == right["key"]
    assert nothing["task"] is None


async def test_an_agent_works_in_its_repositories_alone(ada: Person) -> None:
    await ada.a_project()
    ours, others = [
        await ada.post("/repositories", {"name": name, "url": f"https://x.test/{name}"})
        for name in ("ours", "others")
    ]
    await ada.a_task()
    await ada.a_task(repository_id=others["id"])
    await ada.a_task(repository_id=ours["id"])
    agent = await an_agent(ada, repositories=[ours["id"]], max_tasks=2)

    claim = await agent.claim()

    assert claim["task"]["key"] == "API-3"
    assert (await agent.claim())["task"] is None
    for key in ("API-1", "API-2"):
        refused = await agent.call("POST", "/agents/assign", json={"task": key})
        assert refusal(refused) == NOT_FOR_IT


async def test_a_task_with_assignees_is_for_them(cast: Cast) -> None:
    await cast.ada.a_project()
    mine, other = await an_agent(cast.ada, "Mine"), await an_agent(cast.ada, "Other")
    await cast.ada.a_task(assignees=[mine.id])
    await cast.ada.a_task(assignees=[cast.grace.id])

    passed = await other.claim()
    refused = await other.call("POST", "/agents/assign", json={"task": "API-1"})
    claim = await mine.claim()

    assert passed["task"] is None
    assert refusal(refused) == NOT_FOR_IT
    assert "Mine" in refused.json()["detail"]
    assert claim["task"]["key"] == "API-1"


async def test_a_person_who_assigns_overrules_labels_and_complexity_but_no_assignees(
    cast: Cast,
) -> None:
    await cast.ada.a_project()
    agent = await an_agent(cast.ada, capabilities=["db"], max_complexity=3, max_tasks=3)
    await cast.ada.a_task(complexity_manual=9)
    await cast.ada.a_task(assignees=[cast.grace.id])
    wish = {"agent": agent.id}

    given = await cast.grace.post("/agents/assign", {**wish, "task": "API-1"}, 200)
    refused = await cast.grace.call("POST", "/agents/assign", json={**wish, "task": "API-2"})
    following = await cast.grace.post("/agents/assign", wish, 200)

    assert given["task"]["key"] == "API-1"
    assert refusal(refused) == NOT_FOR_IT
    assert following["task"] is None


async def test_a_private_project_is_for_its_members_whoever_assigns(cast: Cast) -> None:
    await cast.grace.a_project("SEC", visibility="private")
    await cast.grace.a_task("SEC")
    inside, outside = await an_agent(cast.grace, "In"), await an_agent(cast.grace, "Out")
    await cast.grace.call("PUT", f"/projects/SEC/members/{inside.id}")
    named = {"agent": outside.id, "task": "SEC-1"}

    alone = await outside.call("POST", "/agents/assign", json={"task": "SEC-1"})
    by_member = await cast.grace.call("POST", "/agents/assign", json=named)
    following = await cast.grace.post("/agents/assign", {"agent": outside.id}, 200)
    by_stranger = await cast.ada.call("POST", "/agents/assign", json=named | {"agent": inside.id})
    strangers_next = await cast.ada.post("/agents/assign", {"agent": inside.id}, 200)

    assert refusal(alone) == refusal(by_stranger) == NOT_FOUND
    assert refusal(by_member) == NOT_FOR_IT
    assert following["task"] is strangers_next["task"] is None
    assert (await outside.get("/agents/next"))["task"] is None
    assert (await inside.claim())["task"]["key"] == "SEC-1"


@pytest.mark.parametrize("of", ["project", "repository"])
async def test_no_more_of_a_project_or_repository_run_at_once_than_may(
    database: Database, ada: Person, of: str
) -> None:
    await ada.a_project()
    repository = await ada.post("/repositories", {"name": "a", "url": "https://x.test/a"})
    for _ in range(3):
        await ada.a_task(repository_id=repository["id"])
    subject = {"project": "API"} if of == "project" else {"repository_id": repository["id"]}
    await set_limit(ada, max_running=1, **subject)
    agents = [await an_agent(ada, f"Coder {i}") for i in range(2)]
    first = await agents[0].claim()

    full = await agents[1].claim()
    by_name = await agents[1].call("POST", "/agents/assign", json={"task": "API-2"})
    await expire(database, first)
    after = await agents[1].claim("API-2")
    still_full = await agents[0].claim()
    await set_limit(ada, max_running=None, **subject)
    unlimited = await agents[0].claim()

    assert (full["task"], still_full["task"]) == (None, None)
    assert refusal(by_name) == BUSY
    assert "as many as may" in by_name.json()["detail"]
    assert after["task"]["key"] == "API-2"
    assert unlimited["task"]["key"] == "API-1"


async def test_a_limit_of_none_lets_nobody_in_and_people_do_not_count(cast: Cast) -> None:
    await cast.ada.a_project()
    for _ in range(2):
        await cast.ada.a_task()
    agent = await an_agent(cast.ada)
    await set_limit(cast.ada, project="API", max_running=0)
    none = await agent.claim()
    await set_limit(cast.ada, project="API", max_running=1)
    await cast.grace.call("PUT", "/tasks/API-1/hold")

    claim = await agent.claim()

    assert none["task"] is None
    assert claim["task"]["key"] == "API-2"


async def test_limits_are_listed_set_by_who_leads_and_for_one_subject(cast: Cast) -> None:
    await cast.ada.a_project()
    limit = {"project": "API", "max_running": 2}

    by_other = await cast.grace.call("PUT", "/work-limits", json=limit)
    of_nothing = await cast.ada.call("PUT", "/work-limits", json={"max_running": 2})
    made = await set_limit(cast.ada, **limit)
    await set_limit(cast.ada, **limit | {"max_running": 3})

    assert by_other.status_code == 403
    assert refusal(of_nothing) == (422, "limit.subject")
    assert made["max_running"] == 2
    [listed] = (await cast.vic.get("/work-limits"))["items"]
    assert (listed["project_id"], listed["max_running"]) == (made["project_id"], 3)


async def test_a_task_whose_files_somebody_works_on_waits_unless_asked_otherwise(
    ada: Person,
) -> None:
    one, other = await two_agents_with_files(ada, ["src/api/**"], ["src/api/tasks.py"], ["docs"])
    await one.claim("API-1")

    shown = await other.get("/agents/next", task="API-2")
    by_name = await other.call("POST", "/agents/assign", json={"task": "API-2"})
    following = await other.claim()
    all_the_same = await other.claim(allow_overlap=True)

    assert shown["task"] == following["task"]["key"] == "API-3"
    assert [passed["task"] for passed in shown["passed_over"]] == ["API-2"]
    assert following["passed_over"] == shown["passed_over"]
    reason = shown["passed_over"][0]["reason"]
    for word in ("src/api/tasks.py", "src/api/**", "API-1", "One"):
        assert word in reason
    assert shown["why_not"] == [reason]
    assert refusal(by_name) == OVERLAPS
    assert all_the_same["task"]["key"] == "API-2"


async def test_files_of_a_task_nobody_works_on_any_more_stop_nobody(
    database: Database, ada: Person
) -> None:
    one, other = await two_agents_with_files(ada, ["src"], ["src/a.py"], ["src/b.py"])
    await expire(database, await one.claim("API-1"))

    claim = await other.claim("API-2")
    refused = await other.call("POST", "/agents/assign", json={"task": "API-1"})

    assert claim["task"]["key"] == "API-2"
    assert refusal(refused) == OVERLAPS


async def test_the_same_files_of_another_repository_are_other_files(ada: Person) -> None:
    one, other = await two_agents_with_files(ada, ["src"], ["src"])
    repository = await ada.post("/repositories", {"name": "a", "url": "https://x.test/a"})
    await ada.patch("/tasks/API-2", {"repository_id": repository["id"]})
    await one.claim("API-1")

    claim = await other.claim()

    assert claim["task"]["key"] == "API-2"


async def test_a_task_learns_its_files_from_what_was_submitted(ada: Person) -> None:
    one, other = await two_agents_with_files(ada, [], ["src/a.py"])
    first = await one.claim("API-1")
    proof = {"kind": "commit", "sha": "a" * 40, "paths": ["src/a.py", "src/b.py"]}
    body = {"summary": "Done.", "evidence": [proof]}
    sent = await one.write(
        "POST", f"/runs/{first['run_id']}/submission", body, fence=first["fence"]
    )
    assert sent.status_code == 200, sent.text
    path = f"/runs/{first['run_id']}/rejection"
    await ada.post(path, {"reason": "Once more."}, 200)

    await one.claim("API-1")
    waits = await other.call("POST", "/agents/assign", json={"task": "API-2"})

    learned = await ada.get("/tasks/API-1")
    assert (learned["footprint"], learned["learned_footprint"]) == ([], ["src/a.py", "src/b.py"])
    assert refusal(waits) == OVERLAPS


async def test_files_of_a_hidden_task_stop_without_being_told(cast: Cast) -> None:
    repository = await cast.ada.post("/repositories", {"name": "a", "url": "https://x.test/a"})
    files: dict[str, Any] = {"repository_id": repository["id"]}
    await cast.grace.a_project("SEC", visibility="private")
    await cast.grace.a_task("SEC", footprint=["src/merger/**"], **files)
    await cast.grace.call("PUT", "/tasks/SEC-1/hold")
    await cast.ada.a_project()
    await cast.ada.a_task(footprint=["src/**"], **files)
    agent = await an_agent(cast.ada)

    refused = await agent.call("POST", "/agents/assign", json={"task": "API-1"})
    shown = await agent.call("GET", "/agents/next", params={"task": "API-1"})

    assert refusal(refused) == OVERLAPS
    assert shown.json()["task"] is None
    for answer in (refused.text, shown.text):
        assert "SEC-1" not in answer
        assert "merger" not in answer


@pytest.mark.parametrize(
    ("fields", "word"),
    [
        ({"status": "backlog"}, "backlog"),
        ({"dependencies": ["API-1"]}, "API-1"),
        ({"labels": ["rust"]}, "python"),
        ({"complexity_manual": 9, "labels": ["python"]}, "9"),
        ({"labels": ["python"]}, "API-1 comes first"),
    ],
)
async def test_the_explanation_says_why_this_one_and_why_not_another(
    ada: Person, fields: dict[str, Any], word: str
) -> None:
    await ada.a_project()
    await ada.a_task(priority="high", labels=["python"])
    await ada.a_task(**fields)
    agent = await an_agent(ada, capabilities=["python"], max_complexity=5)
    before = await ada.last_event()

    found = await agent.get("/agents/next", task="API-2")
    of_the_first = await agent.get("/agents/next", task="API-1")

    assert (found["task"], found["title"]) == ("API-1", "A task")
    assert "priority is high" in found["reason"]
    assert word in " ".join(found["why_not"])
    assert of_the_first["why_not"] == []
    assert await ada.last_event() == before
    assert (await ada.get("/tasks/API-1"))["hold"] is None


async def test_the_explanation_names_pause_and_limits_and_may_be_asked_for_any_agent(
    cast: Cast,
) -> None:
    await cast.ada.a_project()
    for _ in range(2):
        await cast.ada.a_task()
    agent = await an_agent(cast.ada)
    await agent.claim()
    await set_limit(cast.ada, project="API", max_running=1)
    await cast.ada.call("PUT", f"/agents/{agent.id}/pause", json={})

    found = await cast.vic.get("/agents/next", agent=agent.id, task="API-2")

    why_not = " ".join(found["why_not"])
    for word in ("is paused", "works on 1 already", "1 tasks of API run already"):
        assert word in why_not
    held = await cast.vic.get("/agents/next", agent=agent.id, task="API-1")
    assert "Coder holds it." in held["why_not"]


async def two_agents_with_files(ada: Person, *footprints: list[str]) -> tuple[Robot, Robot]:
    """A task for each of these footprints, in this order of next, and two agents."""
    await ada.a_project()
    for footprint in footprints:
        await ada.a_task(footprint=footprint)
    return await an_agent(ada, "One"), await an_agent(ada, "Other", max_tasks=2)


async def set_limit(person: Person, **limit: Any) -> Any:
    answer = await person.call("PUT", "/work-limits", json=limit)
    assert answer.status_code == 200, answer.text
    return answer.json()
