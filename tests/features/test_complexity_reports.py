"""Task Master's complexity reports: scores find the tasks that were imported from elsewhere."""

import json
from typing import Any

import pytest

from nexus.features.imports.complexity import ComplexityReport
from nexus.features.imports.domain import ParsedTask
from nexus.features.imports.errors import FileNotUnderstood
from nexus.features.imports.formats import understand
from nexus.platform.database import Database
from tests.cast import Person
from tests.features.importing import all_tasks, bring_in, noted, records_of, rows_of


def a_row(task_id: Any = 1, score: Any = 8, title: str | None = None, **fields: Any) -> Any:
    title = f"Task {task_id}" if title is None else title
    return {"taskId": task_id, "taskTitle": title, "complexityScore": score, **fields}


def a_report(*rows: Any) -> bytes:
    return json.dumps({"meta": {"thresholdScore": 5}, "complexityAnalysis": rows}).encode()


def a_backlog(tag: str = "master", prefix: str = "Task") -> dict[str, Any]:
    tasks = [
        {"id": 1, "title": f"{prefix} 1", "subtasks": [
            {"id": 1, "title": "Part"}, {"id": 2, "title": "Scored part", "complexity": 2},
        ]},
        {"id": 2, "title": f"{prefix} 2"},
    ]  # fmt: skip
    return {tag: {"tasks": tasks}}


def records(*rows: Any) -> list[ParsedTask]:
    return list(ComplexityReport(a_report(*rows), "report.json").records())


async def scores(person: Person, **params: Any) -> dict[str, int | None]:
    return {task["key"]: task["complexity"] for task in await all_tasks(person, **params)}


@pytest.mark.parametrize(
    ("file_name", "tag"),
    [
        ("task-complexity-report.json", "master"),
        ("task-complexity-report_next-year.json", "next-year"),
        ("/home/ada/.taskmaster/reports/task-complexity-report_a_b.json", "a_b"),
        ("tasks.json", "master"),
    ],
)
def test_the_file_name_says_which_tag_a_report_is_about(file_name: str, tag: str) -> None:
    report = understand(a_report(a_row()), file_name=file_name, mapping=None)

    assert (report.format, report.is_partial) == ("taskmaster-complexity", True)
    assert [(one.name, one.is_default) for one in report.lists] == [(tag, tag == "master")]
    assert [task.list for task in report.records()] == [tag]


@pytest.mark.parametrize(
    "row",
    [
        {"taskId": 7, "taskTitle": "A", "complexityScore": 8},
        {"taskId": "7", "taskTitle": " A ", "complexityScore": 8.2},
        {"id": 7, "title": "A", "complexity": 8, "subtaskCount": 3},
        {"taskId": "7", "title": "A", "complexityScore": 8, "complexityReasoning": "hard"},
    ],
    ids=["new", "as text", "old", "with reasoning"],
)
def test_rows_of_any_age_are_read(row: Any) -> None:
    (task,) = records(row)

    assert (task.id, task.title, task.complexity) == ("7", "A", 8)
    assert (task.set_aside, task.notes) == (None, ())
    assert json.loads(task.original) == row


@pytest.mark.parametrize("score", [None, 0, 11, -1, True, "8", [8], 0.4])
def test_a_row_without_a_score_is_set_aside(score: Any) -> None:
    without, other = records(a_row(score=score), a_row(2))

    assert (without.complexity, without.set_aside) == (None, "It has no score.")
    assert [note.code for note in without.notes] == ["no_score"]
    assert other.set_aside is None


def test_of_two_scores_for_one_task_the_first_counts() -> None:
    found = records(a_row(1, 8), a_row("1", 2), a_row(1, 3))

    assert len({task.id for task in found}) == 3
    assert (found[0].id, found[0].complexity, found[0].set_aside) == ("1", 8, None)
    assert all("scored twice" in str(task.set_aside) for task in found[1:])


NO_REPORT = {
    "no rows": b'{"complexityAnalysis": {}}',
    "a number": b'{"complexityAnalysis": [1]}',
    "a null row": b'{"complexityAnalysis": [{"taskId": 1, "complexityScore": 8}, null]}',
    "nested": b'{"complexityAnalysis": [{"taskId": ' + b"[" * 50_000 + b"]" * 50_000 + b"}]}",
    "not UTF-8": b'{"complexityAnalysis": [{"taskTitle": "\xff"}]}',
}


@pytest.mark.parametrize("content", NO_REPORT.values(), ids=NO_REPORT)
def test_what_is_no_report_is_refused_in_a_sentence(content: bytes) -> None:
    with pytest.raises(FileNotUnderstood) as refused:
        understand(content, file_name="task-complexity-report.json", mapping=None)

    assert str(refused.value).endswith(" Nothing was written.")


async def test_scores_come_to_the_tasks_of_these_titles(ada: Person, database: Database) -> None:
    await bring_in(ada, database, a_backlog(prefix="Other"), source="other")
    await bring_in(ada, database, a_backlog(), source="repo", file_name="tasks.json")
    before = await ada.get("/tasks/MASTER2-2")

    done = await bring_in(
        ada, database, a_report(a_row(1, 8), a_row(2, 3)),
        file_name="task-complexity-report.json",
    )  # fmt: skip

    event = (await ada.events(name="task.updated"))[-1]
    assert (done["state"], done["format"], done["source"]) == (
        "done",
        "taskmaster-complexity",
        "repo",
    )
    assert await scores(ada, project="MASTER2") == {
        "MASTER2-1": 8, "MASTER2-2": 3, "MASTER2-3": 8, "MASTER2-4": 2,
    }  # fmt: skip
    assert set((await scores(ada, project="MASTER")).values()) == {None, 2}
    assert (await ada.get("/tasks/MASTER2-2"))["version"] == before["version"] + 1
    assert event["payload"]["changes"] == {"complexity_given": [None, 3]}


async def test_what_became_of_each_score_is_reported(ada: Person, database: Database) -> None:
    await bring_in(ada, database, a_backlog())
    rows = [a_row(1, 8), a_row(9, 5), a_row(2, None)]

    done = await bring_in(ada, database, a_report(*rows), file_name="report.json")

    found = await records_of(ada, done)
    counts = {k: v for k, v in done["report"].items() if isinstance(v, int)}
    assert counts == {"created": 0, "updated": 1, "unchanged": 0, "set_aside": 2}
    assert [one["outcome"] for one in found] == ["updated", "set_aside", "set_aside"]
    assert [(one["task_id"], one["key"]) for one in found[1:]] == [(None, None)] * 2
    assert [one["original"] and json.loads(one["original"]) for one in found] == [None, *rows[1:]]
    assert noted(found) == [
        ("master/1", "merged"),
        ("master/1", "passed_on"),
        ("master/9", "set_aside"),
        ("master/2", "no_score"),
    ]
    assert len(await all_tasks(ada)) == 4


async def test_a_report_about_a_tag_finds_that_list(ada: Person, database: Database) -> None:
    content = a_backlog() | a_backlog("next-year")
    await bring_in(ada, database, content, source="repo")

    await bring_in(
        ada, database, a_report(a_row(2, 7)), source="repo",
        file_name="task-complexity-report_next-year.json",
    )  # fmt: skip

    assert (await scores(ada))["NEXTYEAR-2"] == 7
    assert (await scores(ada))["MASTER-2"] is None


async def test_a_score_that_people_gave_is_not_touched(ada: Person, database: Database) -> None:
    await bring_in(ada, database, a_backlog())
    for key in ("MASTER-1", "MASTER-3"):
        await ada.patch(f"/tasks/{key}", {"complexity_manual": 1})

    await bring_in(ada, database, a_report(a_row(1, 8)), file_name="report.json")

    found = [await ada.get(f"/tasks/{key}") for key in ("MASTER-1", "MASTER-3")]
    assert [(one["complexity_auto"], one["complexity_manual"]) for one in found] == [(8, 1)] * 2
    assert [one["complexity"] for one in found] == [1, 1]


async def test_the_same_report_again_changes_nothing(ada: Person, database: Database) -> None:
    await bring_in(ada, database, a_backlog())
    await bring_in(ada, database, a_report(a_row(1, 8)), file_name="report.json")
    before, last = await rows_of(ada, database, "tasks", "task_sources"), await ada.last_event()

    again = await bring_in(ada, database, a_report(a_row(1, 8)), file_name="report.json")

    assert (again["report"]["unchanged"], again["report"]["notes"]) == (1, {})
    assert await rows_of(ada, database, "tasks", "task_sources") == before
    events = await ada.events(after=last["seq"])
    assert [event["name"] for event in events] == ["import.created", "import.finished"]


async def test_a_newer_report_brings_newer_scores(ada: Person, database: Database) -> None:
    await bring_in(ada, database, a_backlog())
    await bring_in(ada, database, a_report(a_row(2, 8)), file_name="report.json")

    await bring_in(ada, database, a_report(a_row(2, 4)), file_name="report.json")

    assert (await scores(ada))["MASTER-2"] == 4


async def test_scores_stay_when_the_tasks_they_belong_to_come_in_again(
    ada: Person, database: Database
) -> None:
    await bring_in(ada, database, a_backlog())
    await bring_in(ada, database, a_report(a_row(1, 8)), file_name="report.json")
    before = await scores(ada)

    done = await bring_in(ada, database, a_backlog())

    assert await scores(ada) == before
    assert done["report"]["unchanged"] == 4


async def test_a_report_about_something_else_is_refused_in_a_sentence(
    ada: Person, database: Database
) -> None:
    await bring_in(ada, database, a_backlog(prefix="Other"))
    before = await rows_of(ada, database)

    refused = await ada.call("POST", "/imports", content=a_report(a_row(1), a_row(2)))

    assert (refused.status_code, refused.json()["code"]) == (422, "import.file_not_understood")
    assert "scores tasks that are not here" in refused.json()["detail"]
    assert await rows_of(ada, database) == before


async def test_the_titles_of_a_private_project_do_not_show(
    ada: Person, grace: Person, database: Database
) -> None:
    await ada.a_project("SECRET", visibility="private")
    await bring_in(ada, database, a_backlog(), project="SECRET", source="hidden")

    refused = await grace.call("POST", "/imports", content=a_report(a_row(1), a_row(2)))
    named = await bring_in(grace, database, a_report(a_row(1)), source="hidden")

    assert (refused.status_code, "hidden" in refused.text) == (422, False)
    assert named["report"]["set_aside"] == 1
    assert (await ada.get("/tasks/SECRET-1"))["complexity"] is None


async def test_a_dry_run_of_a_report_scores_nothing(ada: Person, database: Database) -> None:
    await bring_in(ada, database, a_backlog())
    before = await rows_of(ada, database, "tasks", "task_sources")

    tried = await bring_in(ada, database, a_report(a_row(1, 8), a_row(9)), dry_run=True)

    assert await rows_of(ada, database, "tasks", "task_sources") == before
    done = await bring_in(ada, database, a_report(a_row(1, 8), a_row(9)))
    assert tried["report"] == done["report"]


async def test_a_long_report_is_taken_in_whole(ada: Person, database: Database) -> None:
    tasks = [{"id": number, "title": f"Task {number}"} for number in range(1, 301)]
    await bring_in(ada, database, {"tasks": tasks})

    done = await bring_in(ada, database, a_report(*(a_row(n, n % 10 + 1) for n in range(1, 301))))

    assert done["report"]["updated"] == 300
    assert list((await scores(ada)).values()) == [n % 10 + 1 for n in range(1, 301)]
