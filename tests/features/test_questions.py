"""What runs ask: they wait, people answer, and nobody sees more than they may."""

import asyncio
import time
from typing import Any

import pytest

from tests.cast import Cast, Person
from tests.features.people import refusal
from tests.features.running import Work, a_claim, an_agent, some_work
from tests.features.streaming_writers import data_of, stream_text


async def ask(work: Work, text: str = "Which one?", **more: Any) -> str:
    """The path of a new question."""
    question = await work.say("questions", {"text": text, **more}, 201)
    return f"{work.path}/questions/{question['id']}"


async def answer(by: Person, question: str, text: str = "That one.") -> Any:
    return await by.call("PUT", f"{question}/answer", json={"answer": text})


async def test_a_run_needs_input_until_a_person_has_answered(cast: Cast) -> None:
    work = await some_work(cast.ada)
    question = await ask(work, "Tabs?", options=["yes", "no"])
    asked, waiting = await work.agent.get(question), await work.run()

    answered = await answer(cast.grace, question, "Spaces, of course.")

    assert (asked["text"], asked["options"], asked["answer"]) == ("Tabs?", ["yes", "no"], None)
    assert (waiting["state"], waiting["is_live"]) == ("needs_input", True)
    assert answered.status_code == 200
    assert answered.json() == await work.agent.get(question)
    assert answered.json()["answer"] == "Spaces, of course."
    assert answered.json()["answered_by"] == cast.grace.id
    assert (await work.run())["state"] == "working"
    events = await cast.ada.events(run=work.run_id, name=["run.asked", "run.answered"])
    assert [event["actor"]["id"] for event in events] == [work.agent.id, cast.grace.id]
    assert events[0]["payload"]["question"] == "Tabs?"
    assert events[1]["payload"]["answer"] == "Spaces, of course."


async def test_a_run_needs_input_until_its_last_question_is_answered(ada: Person) -> None:
    work = await some_work(ada)
    questions = [await ask(work, text) for text in ("One?", "Two?", "Three?")]

    states: list[str] = []
    for question in (questions[1], questions[0], questions[2]):
        await answer(ada, question)
        states.append((await work.run())["state"])

    assert states == ["needs_input", "needs_input", "working"]
    page = await ada.get(f"{work.path}/questions", limit=2)
    rest = await ada.get(f"{work.path}/questions", limit=2, cursor=page["next_cursor"])
    assert [one["text"] for one in page["items"]] == ["One?", "Two?"]
    assert [one["text"] for one in rest["items"]] == ["Three?"]


async def test_answers_that_come_at_once_let_the_run_go_on(ada: Person) -> None:
    work = await some_work(ada)
    for turn in range(5):
        questions = [await ask(work, f"Question {turn} {number}?") for number in range(4)]

        answers = await asyncio.gather(*(answer(ada, question) for question in questions))

        assert [one.status_code for one in answers] == [200] * 4
        assert (await work.run())["state"] == "working"


async def test_one_of_two_answers_to_a_question_counts(cast: Cast) -> None:
    work = await some_work(cast.ada)
    question = await ask(work)

    people = (cast.ada, cast.grace, cast.ada, cast.grace)
    answers = await asyncio.gather(*(answer(by, question, by.id) for by in people))

    [good] = [one.json() for one in answers if one.status_code == 200]
    others = [refusal(one) for one in answers if one.status_code != 200]
    assert others == [(409, "run.question_answered")] * 3
    assert (await cast.ada.get(question)) == good
    assert good["answer"] == good["answered_by"]
    assert len(await cast.ada.events(name="run.answered")) == 1


async def test_who_waits_for_an_answer_hears_it_at_once(cast: Cast) -> None:
    work = await some_work(cast.ada)
    question = await ask(work)
    waiting = asyncio.create_task(work.agent.get(question, wait=30))
    await asyncio.sleep(0.2)
    still_waits = not waiting.done()

    await answer(cast.grace, question, "Now.")
    began = time.monotonic()
    heard = await asyncio.wait_for(waiting, 5)

    assert still_waits
    assert heard["answer"] == "Now."
    assert time.monotonic() - began < 1


async def test_waiting_ends_without_an_answer(ada: Person) -> None:
    work = await some_work(ada)
    question = await ask(work)
    began = time.monotonic()

    unanswered = await work.agent.get(question, wait=0.3)
    too_long = await work.agent.call("GET", question, params={"wait": 61})

    assert unanswered["answer"] is None
    assert 0.3 <= time.monotonic() - began < 5
    assert too_long.status_code == 400


async def test_a_question_may_be_answered_by_all_who_work_but_who_asked(cast: Cast) -> None:
    work = await some_work(cast.ada)
    other = await an_agent(cast.ada, "Other")
    questions = [await ask(work) for _ in range(2)]

    own = await work.agent.call(
        "PUT", f"{questions[0]}/answer", json={"answer": "Me."}, headers=work.fence
    )
    viewer = await answer(cast.vic, questions[0])
    outsider = await answer(cast.bob, questions[0])
    colleague = await answer(other, questions[0])
    person = await answer(cast.grace, questions[1])

    assert refusal(own) == (403, "run.own")
    assert refusal(viewer) == (403, "permission.missing")
    assert refusal(outsider) == (404, "run.not_found")
    assert (colleague.status_code, person.status_code) == (200, 200)


async def test_an_answer_by_an_agent_at_work_is_not_written_under_its_own_fence(
    ada: Person,
) -> None:
    work = await some_work(ada)
    question = await ask(work)
    await ada.a_task(title="Another")
    first = await a_claim(await an_agent(ada, "Other"))
    await first.say("release", {})
    other = await a_claim(first.agent, first.key)

    body = {"answer": "That one."}
    await other.agent.call("PUT", f"{question}/answer", json=body, headers=other.fence)

    [event] = await ada.events(name="run.answered")
    assert other.claim["fence"] > work.claim["fence"]
    assert (event["run_id"], event["fence"]) in {
        (work.run_id, None),
        (work.run_id, work.claim["fence"]),
        (other.run_id, other.claim["fence"]),
    }


@pytest.mark.parametrize("how", ["release", "cancellation", "failure", "submission"])
async def test_a_question_of_a_run_that_is_over_is_not_answered_any_more(
    ada: Person, how: str
) -> None:
    work = await some_work(ada)
    question = await ask(work)
    bodies: dict[str, Any] = {
        "failure": {"reason": "No."},
        "submission": {
            "summary": "Guessed.",
            "evidence": [{"kind": "commit", "sha": "abcdef0"}],
        },
    }
    ended = await work.say(how, bodies.get(how, {}))

    refused = await answer(ada, question)

    assert refusal(refused) == (409, "run.over")
    assert (await ada.get(question))["answer"] is None
    assert (await work.run())["state"] == ended["state"]


async def test_an_answer_wakes_no_run_whose_lease_ran_out(ada: Person) -> None:
    work = await some_work(ada)
    question = await ask(work)
    await work.say("heartbeats", {"lease_s": 1})
    await asyncio.sleep(1.1)

    late = await answer(ada, question)

    assert refusal(late) == (409, "run.over")
    assert (await work.run())["state"] != "working"


async def test_a_question_belongs_to_its_run(ada: Person) -> None:
    work = await some_work(ada)
    question = (await ask(work)).rpartition("/")[2]
    other = await some_work(ada, "WEB")

    answers = [
        await ada.call("GET", f"{other.path}/questions/{question}"),
        await answer(ada, f"{other.path}/questions/{question}"),
    ]

    assert [refusal(one) for one in answers] == [(404, "run.question_not_found")] * 2


async def _all_about(work: Work, question: str) -> list[str]:
    return [work.path, f"{work.path}/log", f"{work.path}/questions", question]


async def _secret_work(cast: Cast) -> tuple[Work, str]:
    """A run in Ada's private project, of an agent that is a member, and its question."""
    await cast.ada.a_project("SEC", visibility="private")
    agent = await an_agent(cast.ada)
    await cast.ada.call("PUT", f"/projects/SEC/members/{agent.id}")
    task = await cast.ada.a_task("SEC", "The hidden treasure")
    work = await a_claim(agent, task["key"])
    return work, await ask(work, "Where is the treasure?")


async def test_the_runs_of_a_private_project_are_hidden_from_all_but_its_members(
    cast: Cast,
) -> None:
    work, question = await _secret_work(cast)
    stranger = await an_agent(cast.ada, "Stranger")

    for path in await _all_about(work, question):
        assert (await cast.ada.call("GET", path)).status_code == 200
        for who in (cast.grace, stranger, cast.bob):
            assert refusal(await who.call("GET", path)) == (404, "run.not_found")
    for who in (cast.grace, stranger, cast.bob):
        assert (await who.get("/runs"))["items"] == []
        assert await who.events(run=work.run_id) == []
        assert data_of(await stream_text(who, run=work.run_id, after=0)) == []
        assert "treasure" not in str(await who.events())
    seen = await cast.grace.get(f"/agents/{work.agent.id}")
    assert seen["assignments"] == []
    assert len(await cast.ada.events(run=work.run_id)) >= 3


@pytest.mark.parametrize(
    ("what", "body"),
    [
        ("cancellation", {}),
        ("acceptance", {}),
        ("rejection", {"reason": "No."}),
        ("heartbeats", {}),
        ("release", {}),
    ],
)
async def test_the_runs_of_others_are_not_there_to_be_changed(
    cast: Cast, what: str, body: Any
) -> None:
    work, question = await _secret_work(cast)
    before = await work.run()
    who = cast.bob if what == "heartbeats" else cast.grace

    refused = [
        await who.call("POST", f"{work.path}/{what}", json=body),
        await answer(who, question),
    ]

    assert [refusal(one) for one in refused] == [(404, "run.not_found")] * 2
    assert await work.run() == before
