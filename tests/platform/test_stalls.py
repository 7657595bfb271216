"""What one caller sends must not hold up everybody else, or make one answer stand for two."""

import json

from nexus.entrypoints.http import Nexus
from nexus.features.imports.jobs import run_waiting
from nexus.platform.database import Database
from tests.cast import Person
from tests.features.people import signed_in

MANY = 600  # more events than one statement takes


async def test_a_twin_among_very_many_keys_is_found_in_one_pass(ada: Person) -> None:
    keys = ",".join(f'"{number}":1' for number in range(60_000))

    refused = await ada.call(
        "POST",
        "/tasks",
        content=f'{{{keys},"59999":1}}'.encode(),
        headers={"Content-Type": "application/json"},
    )

    assert refused.status_code == 400
    assert "'59999' stands twice" in refused.json()["detail"]


async def test_a_string_without_an_end_is_read_once(ada: Person) -> None:
    body = b"[" * 65 + b'"' + b'\\"' * 400_000

    refused = await ada.call(
        "POST", "/tasks", content=body, headers={"Content-Type": "application/json"}
    )

    assert refused.status_code == 400


async def test_an_import_of_many_lists_records_all_that_it_makes(
    database: Database, ada: Person
) -> None:
    file = json.dumps({f"list {number}": {"tasks": []} for number in range(MANY)})
    asked = await ada.call("POST", "/imports?source=many", content=file.encode())

    await run_waiting(database)

    assert (await ada.get(f"/imports/{asked.json()['id']}"))["state"] == "done"
    newest = await ada.last_event()
    made = await ada.get("/events", name="project.created", sort="newest", limit=1)
    assert (newest["name"], made["items"][0]["seq"]) == ("import.finished", newest["seq"] - 1)
    assert newest["seq"] > MANY


async def test_one_key_in_two_workspaces_is_two_requests(
    database: Database, app: Nexus, ada: Person
) -> None:
    here = await signed_in(database, app, ada.user)
    made = await here.call("POST", "/workspaces", json={"name": "Another"})
    other = made.json()["workspace_id"]
    project = {"key": "API", "name": "The same in both"}

    first, refused = [
        await here.call(
            "POST",
            "/projects",
            json=project,
            headers={"Idempotency-Key": "one", "X-Nexus-Workspace": workspace},
        )
        for workspace in (str(ada.workspace_id), other)
    ]

    assert first.status_code == 201
    assert (refused.status_code, refused.json()["code"]) == (422, "idempotency.key_reused")
