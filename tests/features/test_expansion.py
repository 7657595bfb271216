"""Language models that propose how to split tasks: a server that speaks OpenAI's protocol."""

import json
from collections.abc import AsyncIterator, Iterator
from typing import Any

import httpx2 as httpx
import pytest

from nexus.clients import language_models
from nexus.clients.language_models import LanguageModel
from nexus.entrypoints.http import Nexus
from nexus.features.proposals.jobs import ask
from nexus.platform.database import Database
from nexus.platform.settings import HttpSettings, LanguageModelSettings, Settings
from tests.cast import Cast, Person, enter
from tests.features.people import refusal
from tests.receiver import Receiver, Reply

PATH = "/v1/chat/completions"
KEY = "sk-very-private"
ANSWER = {
    "complexity": 8,
    "reasoning": "Two things at once.",
    "subtasks": [
        {"title": " Write  the parser", "description": "", "acceptance": ["It parses"],
         "complexity": 5, "depends_on": []},
        {"title": "Write its tests", "description": "", "acceptance": [], "complexity": 3,
         "depends_on": [1]},
    ],
}  # fmt: skip


def said(content: object, model: str = "some-model-1") -> Reply:
    text = content if isinstance(content, str) else json.dumps(content)
    body = {"model": model, "choices": [{"message": {"role": "assistant", "content": text}}]}
    return Reply(body=json.dumps(body).encode())


@pytest.fixture
def server() -> Iterator[Receiver]:
    receiver = Receiver()
    yield receiver
    receiver.close()


@pytest.fixture
async def model(server: Receiver, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[LanguageModel]:
    monkeypatch.setattr(language_models, "_FIRST_PAUSE_S", 0.01)
    model = LanguageModel(server.url("/v1/"), "some-model", KEY, 10)
    yield model
    await model.close()


@pytest.fixture
async def asking(database: Database) -> Cast:
    """People of a server that has a language model."""
    settings = Settings(
        http=HttpSettings(requests_per_minute=1_000_000),
        language_model=LanguageModelSettings(url="http://127.0.0.1:9/v1"),
    )
    return await enter(database, Nexus(database, settings))


async def expanded(
    ada: Person, database: Database, model: LanguageModel | None, **task: Any
) -> tuple[Any, Any]:
    """A task, and the proposal that came of asking the model about it."""
    await ada.a_project()
    made = await ada.a_task(**task)
    body = {"instructions": "The parser first."}
    asked = await ada.post(f"/tasks/{made['key']}/proposals", body)
    assert asked["state"] == "asked"
    await ask(database, model, str(ada.workspace_id), asked["id"])
    return made, await ada.get(f"/proposals/{asked['id']}")


async def test_a_language_model_proposes_and_a_person_accepts(
    asking: Cast, database: Database, server: Receiver, model: LanguageModel
) -> None:
    server.reply(PATH, said(ANSWER))

    task, proposal = await expanded(asking.ada, database, model, title="Parse files")
    accepted = await asking.ada.post(f"/proposals/{proposal['id']}/acceptance", None, 200)

    parts = [await asking.ada.get(f"/tasks/{key}") for key in accepted["created"]]
    assert (proposal["state"], proposal["model"]) == ("open", "some-model-1")
    assert (proposal["complexity"], proposal["reasoning"]) == (8, "Two things at once.")
    assert [one["title"] for one in parts] == ["Write the parser", "Write its tests"]
    assert [one["complexity"] for one in parts] == [5, 3]
    assert (await asking.ada.get(f"/tasks/{task['key']}"))["complexity_auto"] == 8


async def test_the_model_is_told_the_task_and_nothing_else(
    asking: Cast, database: Database, server: Receiver, model: LanguageModel
) -> None:
    server.reply(PATH, said(ANSWER))
    await asking.ada.a_project("OTHER")
    await asking.ada.a_task("OTHER", title="Another secret plan")

    await expanded(
        asking.ada, database, model, title="Parse files", description="All", acceptance=["Fast"]
    )

    [request] = server.got(PATH)
    messages = request.json["messages"]
    assert request.headers["authorization"] == f"Bearer {KEY}"
    assert request.json["model"] == "some-model"
    assert request.json["response_format"]["json_schema"]["schema"]["additionalProperties"] is False
    assert json.loads(messages[1]["content"]) == {
        "title": "Parse files", "description": "All", "details": "", "acceptance": ["Fast"],
        "test_strategy": "", "labels": [], "files": [],
    }  # fmt: skip
    assert "The parser first." in messages[2]["content"]
    assert "Another secret plan" not in request.body.decode()


@pytest.mark.parametrize(
    "replies",
    [
        [Reply(status=503), said(ANSWER)],
        [Reply(status=429), Reply(status=500), said(ANSWER)],
        [Reply(status=400, body=b"response_format is unknown"), said(ANSWER)],
        [said(f"Sure!\n```json\n{json.dumps(ANSWER)}\n```")],
        [said("I cannot do that."), said(ANSWER)],
        [said({**ANSWER, "complexity": 12}), said(ANSWER)],
    ],
    ids=["away", "busy", "no schema", "in a block of code", "prose first", "out of range first"],
)
async def test_an_answer_is_got_out_of_a_server_that_is_difficult(
    asking: Cast, database: Database, server: Receiver, model: LanguageModel, replies: list[Reply]
) -> None:
    server.reply(PATH, *replies)

    _, proposal = await expanded(asking.ada, database, model)

    assert (proposal["state"], len(proposal["subtasks"])) == ("open", 2)
    assert len(server.got(PATH)) == len(replies)


@pytest.mark.parametrize(
    ("reply", "why"),
    [
        (Reply(status=401, body=b'{"error": "no such key"}'), "refused: it answered 401"),
        (Reply(status=500), "does not answer: it answered 500"),
        (Reply(body=b"<html>"), "speaks otherwise"),
        (Reply(body=b'{"choices": []}'), "said nothing"),
        (Reply(body=b"x" * 1_100_000), "larger than 1 MB"),
        (Reply(status=401, body=f"key {KEY} is \x00 wrong".encode()), "key *** is"),
        (Reply(body=b'{"choices": "\xff"}'), "speaks otherwise"),
        (Reply(body=b"no gzip" * 9, headers={"content-encoding": "gzip"}), "DecodingError"),
        (said("[" * 6000), "cannot be used"),
        (said('{"subtasks":' * 6000), "cannot be used"),
        (said("No."), "cannot be used"),
        (said({"subtasks": []}), "neither subtasks nor a complexity"),
        (said({**ANSWER, "subtasks": [{"title": "A", "depends_on": [3]}]}), "come before"),
        (said({**ANSWER, "subtasks": [{"title": "A"}] * 30}), "subtasks"),
        (said({**ANSWER, "subtasks": [{"title": "A\u0000"}]}), "title"),
    ],
)
async def test_what_went_wrong_is_said_and_nothing_changes(
    asking: Cast, database: Database, server: Receiver, model: LanguageModel, reply: Reply, why: str
) -> None:
    server.reply(PATH, reply)

    task, proposal = await expanded(asking.ada, database, model)

    assert proposal["state"] == "failed"
    assert why in proposal["reason"]
    assert KEY not in proposal["reason"]
    assert (await asking.ada.last_event())["name"] == "proposal.failed"
    assert (await asking.ada.get(f"/tasks/{task['key']}"))["version"] == task["version"]


async def test_an_answer_that_drips_is_not_waited_for(
    asking: Cast, database: Database, server: Receiver
) -> None:
    """Every piece of it comes soon enough, and all of it never."""
    server.reply(PATH, Reply(body=b"{}" * 20, dripped=0.2))
    impatient = LanguageModel(server.url("/v1"), "some-model", KEY, 0.5)

    _, proposal = await expanded(asking.ada, database, impatient)
    await impatient.close()

    assert proposal["state"] == "failed"
    assert "TimeoutError" in proposal["reason"]


async def test_a_server_that_is_not_there_is_said_to_be_so(
    asking: Cast, database: Database, model: LanguageModel, server: Receiver
) -> None:
    server.close()

    _, proposal = await expanded(asking.ada, database, model)
    _, unset = await expanded(asking.bob, database, None)

    assert "does not answer" in proposal["reason"]
    assert "No language model is set up" in unset["reason"]


async def test_a_policy_accepts_what_a_model_proposes(
    asking: Cast, database: Database, server: Receiver, model: LanguageModel
) -> None:
    server.reply(PATH, said(ANSWER))
    await asking.ada.a_project()
    await asking.ada.call("PUT", "/projects/API/policy", json={"expansion": "policy"})
    task = await asking.ada.a_task()
    asked = await asking.ada.post(f"/tasks/{task['key']}/proposals", {})

    await ask(database, model, str(asking.ada.workspace_id), asked["id"])

    proposal = await asking.ada.get(f"/proposals/{asked['id']}")
    event = await asking.ada.last_event()
    assert (proposal["state"], proposal["decided_by"]) == ("accepted", None)
    assert (event["actor"]["id"], event["payload"]["by_policy"]) == (asking.ada.id, True)
    assert (await asking.ada.get(f"/tasks/{task['key']}"))["open_subtasks"] == 2


async def test_a_models_name_is_cleaned(
    asking: Cast, database: Database, server: Receiver, model: LanguageModel
) -> None:
    server.reply(PATH, said(ANSWER, model="a\0b" + "c" * 200_000))

    _, proposal = await expanded(asking.ada, database, model)

    assert (proposal["state"], proposal["model"]) == ("open", "ab" + "c" * 98)


async def test_a_model_is_asked_about_a_task_once_at_a_time(asking: Cast) -> None:
    await asking.ada.a_project()
    task = await asking.ada.a_task()
    path = f"/tasks/{task['key']}/proposals"
    await asking.ada.post(path, {})

    again = await asking.ada.call("POST", path, json={})

    assert refusal(again) == (409, "proposal.already_asked")


async def test_an_answer_is_taken_in_once(
    asking: Cast, database: Database, server: Receiver, model: LanguageModel
) -> None:
    server.reply(PATH, said(ANSWER))
    _, proposal = await expanded(asking.ada, database, model)

    await ask(database, model, str(asking.ada.workspace_id), proposal["id"])

    assert await asking.ada.get(f"/proposals/{proposal['id']}") == proposal
    assert len(server.got(PATH)) == 1
    assert len(await asking.ada.events(name="proposal.created")) == 1


async def test_a_question_is_not_to_be_decided_and_its_job_holds_no_secret(asking: Cast) -> None:
    await asking.ada.a_project()
    task = await asking.ada.a_task()
    asked = await asking.ada.post(f"/tasks/{task['key']}/proposals", {})

    refused = await asking.ada.call("POST", f"/proposals/{asked['id']}/rejection", json={})

    assert refusal(refused) == (409, "proposal.over")
    jobs = await asking.ada.call("GET", "/jobs", params={"name": "proposals.ask_model"})
    assert jobs.status_code == httpx.codes.OK
    assert KEY not in jobs.text
