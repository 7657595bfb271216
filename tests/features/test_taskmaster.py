"""Task Master's files: all that is in them is understood, and the rest is refused in a sentence."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from nexus.features.imports.domain import ParsedTask
from nexus.features.imports.taskmaster import TaskMasterFile
from nexus.features.tasks.domain import Priority, TaskStatus


def a_record(task_id: Any = 1, **fields: Any) -> dict[str, Any]:
    return {"id": task_id, "title": f"Task {task_id}", "status": "pending", **fields}


def a_file(*records: Any) -> bytes:
    return json.dumps({"master": {"tasks": records}}).encode()


def by_id(file: TaskMasterFile, name: str = "master") -> dict[str, ParsedTask]:
    return {task.id: task for task in file.records() if task.list == name}


def only(content: bytes) -> ParsedTask:
    (task,) = TaskMasterFile(content).records()
    return task


def codes(file: TaskMasterFile) -> list[tuple[str, str]]:
    return [(f"{task.list}/{task.id}", note.code) for task in file.records() for note in task.notes]


def test_each_tag_becomes_a_list_and_only_master_is_the_default() -> None:
    content = json.dumps(
        {"master": {"tasks": [a_record(1)]}, "next-year": {"tasks": [a_record(1), a_record(2)]}}
    ).encode()

    parsed = TaskMasterFile(content)

    assert [(one.name, one.is_default) for one in parsed.lists] == [
        ("master", True),
        ("next-year", False),
    ]
    assert [(task.list, task.id) for task in parsed.records()] == [
        ("master", "1"),
        ("next-year", "1"),
        ("next-year", "2"),
    ]
    assert (parsed.format, parsed.is_partial, codes(parsed)) == ("taskmaster", False, [])


def test_a_legacy_file_is_one_default_list() -> None:
    content = json.dumps({"tasks": [a_record(1), a_record(2)], "metadata": {"version": 3}}).encode()

    parsed = TaskMasterFile(content)

    assert [(one.name, one.is_default) for one in parsed.lists] == [("master", True)]
    assert list(by_id(parsed)) == ["1", "2"]


def test_metadata_beside_and_inside_tags_is_no_list() -> None:
    content = json.dumps(
        {
            "metadata": {"projectName": "Shop", "totalTasks": 1},
            "version": "2.0",
            "master": {"metadata": {"created": "2026-01-01"}, "tasks": [a_record(1)]},
        }
    ).encode()

    parsed = TaskMasterFile(content)

    assert [one.name for one in parsed.lists] == ["master"]
    assert list(by_id(parsed)) == ["1"]


def test_legacy_tasks_beside_a_tag_are_not_lost_in_silence() -> None:
    content = json.dumps({"tasks": [a_record(1)], "later": {"tasks": [a_record(2)]}}).encode()

    parsed = TaskMasterFile(content)

    assert [(task.list, task.title) for task in parsed.records()] == [
        ("later", "Task 2"),
        ("master", "Task 1"),
    ]
    assert [(one.name, one.is_default) for one in parsed.lists] == [
        ("later", False),
        ("master", True),
    ]


def test_a_byte_order_mark_is_no_part_of_the_file() -> None:
    content = b"\xef\xbb\xbf" + a_file(a_record(1))

    parsed = TaskMasterFile(content)

    assert list(by_id(parsed)) == ["1"]


@pytest.mark.parametrize(
    ("raw", "expected"),
    [("7", "7"), ('"7"', "7"), ('"API-7"', "API-7"), ("3.1", "3.1"), ("3.10", "3.10")],
)
def test_an_id_reads_as_it_is_written(raw: str, expected: str) -> None:
    content = b'{"tasks": [{"id": %s, "title": "A"}]}' % raw.encode()

    task = only(content)

    assert task.id == expected


def test_the_ids_3_10_and_3_1_are_two_tasks() -> None:
    content = b"""{"tasks": [
        {"id": 3.1, "title": "A"}, {"id": 3.10, "title": "B"},
        {"id": 4, "title": "C", "dependencies": [3.10]}
    ]}"""

    parsed = TaskMasterFile(content)

    assert by_id(parsed)["4"].depends_on == ("3.10",)
    assert codes(parsed) == []


@pytest.mark.parametrize("missing", [{}, {"id": None}, {"id": True}, {"id": " "}, {"id": [1]}])
def test_a_record_without_an_id_gets_one(missing: dict[str, Any]) -> None:
    parsed = TaskMasterFile(a_file({"title": "A", **missing}, a_record(2)))

    assert len(by_id(parsed)) == 2
    assert by_id(parsed)["2"].title == "Task 2"


def test_ids_that_stand_twice_are_kept_apart_and_noted() -> None:
    parsed = TaskMasterFile(a_file(a_record(1), a_record("1"), a_record(1)))

    assert list(by_id(parsed)) == ["1", "1#2", "1#3"]
    assert codes(parsed) == [("master/1#2", "duplicate_id"), ("master/1#3", "duplicate_id")]


def test_an_id_made_for_a_duplicate_is_never_one_of_the_file() -> None:
    parsed = TaskMasterFile(a_file(a_record(1, title="A"), a_record(1, title="B"), a_record("1#2")))

    assert sorted(task.title for task in by_id(parsed).values()) == ["A", "B", "Task 1#2"]


@pytest.mark.parametrize("sub_id", [1, "1", "7.1"])
def test_a_subtask_belongs_to_its_task_however_it_is_numbered(sub_id: Any) -> None:
    parsed = TaskMasterFile(a_file(a_record(7, subtasks=[a_record(sub_id, title="Sub")])))

    tasks = by_id(parsed)
    assert list(tasks) == ["7", "7.1"]
    assert (tasks["7.1"].parent, tasks["7.1"].title) == ("7", "Sub")


def test_the_same_id_in_two_tags_is_no_duplicate() -> None:
    content = json.dumps({"a": {"tasks": [a_record(1)]}, "b": {"tasks": [a_record(1)]}}).encode()

    parsed = TaskMasterFile(content)

    assert [list(by_id(parsed, name)) for name in ("a", "b")] == [["1"], ["1"]]
    assert codes(parsed) == []


@pytest.mark.parametrize(
    ("dependency", "expected"),
    [(1, "7.1"), ("7.1", "7.1"), (2, "2"), ("2", "2"), ("8.1", "8.1"), (8, "8")],
)
def test_a_subtask_waits_for_its_sibling_else_for_the_task(dependency: Any, expected: str) -> None:
    content = a_file(
        a_record(1),
        a_record(2),
        a_record(7, subtasks=[a_record(1), a_record(3, dependencies=[dependency])]),
        a_record(8, subtasks=[a_record(1)]),
    )

    parsed = TaskMasterFile(content)

    assert by_id(parsed)["7.3"].depends_on == (expected,)
    assert codes(parsed) == []


def test_a_task_waits_for_tasks_and_for_subtasks_by_their_dotted_id() -> None:
    content = a_file(a_record(1, subtasks=[a_record(2)]), a_record(2, dependencies=["1.2", 1, "1"]))

    parsed = TaskMasterFile(content)

    assert by_id(parsed)["2"].depends_on == ("1.2", "1")


def test_a_dependency_that_could_be_two_things_is_the_sibling_and_noted() -> None:
    content = a_file(
        a_record(1), a_record(7, subtasks=[a_record(1), a_record(2, dependencies=["1"])])
    )

    parsed = TaskMasterFile(content)

    assert by_id(parsed)["7.2"].depends_on == ("7.1",)
    assert codes(parsed) == [("master/7.2", "ambiguous_dependency")]


@pytest.mark.parametrize("dependency", [99, "99", "1.9", None, True, [1], {"id": 1}])
def test_a_dependency_on_nothing_is_left_out_and_noted(dependency: Any) -> None:
    parsed = TaskMasterFile(a_file(a_record(1), a_record(2, dependencies=[dependency, 1])))

    assert by_id(parsed)["2"].depends_on == ("1",)
    assert codes(parsed) == [("master/2", "dangling_dependency")]


@pytest.mark.parametrize(
    ("word", "status"),
    [
        ("pending", TaskStatus.TODO),
        ("open", TaskStatus.TODO),
        ("ready", TaskStatus.TODO),
        ("in-progress", TaskStatus.IN_PROGRESS),
        ("started", TaskStatus.IN_PROGRESS),
        ("hooked", TaskStatus.IN_PROGRESS),
        ("review", TaskStatus.IN_REVIEW),
        ("deferred", TaskStatus.DEFERRED),
        ("pinned", TaskStatus.DEFERRED),
        ("done", TaskStatus.DONE),
        ("completed", TaskStatus.DONE),
        ("closed", TaskStatus.DONE),
        ("cancelled", TaskStatus.CANCELLED),
        ("wontfix", TaskStatus.CANCELLED),
        (" Done ", TaskStatus.DONE),
        (None, TaskStatus.TODO),
    ],
)
def test_statuses_have_their_name_here(word: str | None, status: TaskStatus) -> None:
    parsed = TaskMasterFile(a_file(a_record(1, status=word)))

    assert by_id(parsed)["1"].status is status
    assert codes(parsed) == []


@pytest.mark.parametrize("word", ["someday", 7, ["done"]])
def test_an_unknown_status_is_backlog_and_noted(word: Any) -> None:
    parsed = TaskMasterFile(a_file(a_record(1, status=word)))

    assert by_id(parsed)["1"].status is TaskStatus.BACKLOG
    assert codes(parsed) == [("master/1", "unknown_status")]


@pytest.mark.parametrize(
    ("word", "priority"),
    [("critical", 0), ("High", 1), ("medium", 2), ("low", 3), (None, 2)],
)
def test_priorities_have_their_name_here_and_medium_is_unsaid(
    word: str | None, priority: int
) -> None:
    parsed = TaskMasterFile(a_file(a_record(1, priority=word, subtasks=[a_record(1)])))

    assert by_id(parsed)["1"].priority is Priority(priority)
    assert by_id(parsed)["1.1"].priority is Priority.NONE
    assert codes(parsed) == []


def test_an_unknown_priority_is_none_and_noted() -> None:
    parsed = TaskMasterFile(a_file(a_record(1, priority="p0")))

    assert by_id(parsed)["1"].priority is Priority.NONE
    assert codes(parsed) == [("master/1", "unknown_priority")]


@pytest.mark.parametrize(
    ("others_status", "dependencies", "expected"),
    [
        ("pending", [1], TaskStatus.TODO),
        ("done", [1], TaskStatus.DEFERRED),
        ("pending", [], TaskStatus.DEFERRED),
        ("pending", [99], TaskStatus.DEFERRED),
    ],
)
def test_blocked_is_todo_while_something_blocks_and_else_deferred(
    others_status: str, dependencies: list[int], expected: TaskStatus
) -> None:
    content = a_file(
        a_record(1, status=others_status), a_record(2, status="blocked", dependencies=dependencies)
    )

    parsed = TaskMasterFile(content)

    assert by_id(parsed)["2"].status is expected


@pytest.mark.parametrize(
    ("given_criteria", "expected"),
    [
        (["It works", " ", "It is   fast"], ("It works", "It is fast")),
        ("- It works\n* [x] It is fast\n\n2) It is safe", ("It works", "It is fast", "It is safe")),
        (["3.5 s at most", "-5 degrees", "**Must** hold"],) * 2,
        (None, ()),
    ],
)
def test_acceptance_criteria_are_a_list_or_lines(given_criteria: Any, expected: Any) -> None:
    task = only(a_file(a_record(1, acceptanceCriteria=given_criteria)))

    assert task.acceptance == tuple(expected)


def test_acceptance_criteria_that_do_not_fit_are_noted() -> None:
    too_long, too_many = ["x" * 501], [f"Criterion {number}" for number in range(101)]

    parsed = TaskMasterFile(
        a_file(a_record(1, acceptanceCriteria=too_long), a_record(2, acceptanceCriteria=too_many))
    )

    assert {record for record, _ in codes(parsed)} == {"master/1", "master/2"}


@pytest.mark.parametrize(
    ("value", "expected"),
    [("simple", 2), ("moderate", 5), ("Complex", 7), ("very-complex", 9), (1, 1), (10, 10)]
    + [(value, None) for value in (0, 11, True, "hard", None, [5])],
)
def test_complexity_is_a_number_or_a_word(value: Any, expected: int | None) -> None:
    task = only(a_file(a_record(1, complexity=value)))

    assert task.complexity == expected


def test_fields_without_a_place_are_kept_as_they_are() -> None:
    extra = {"owner": "Ada", "metadata": {"tags": ["a"], "count": 3}, "done": False}

    task = only(a_file(a_record(1, **extra)))

    assert task.custom == {"taskmaster": extra}


def test_a_number_without_a_place_stays_a_number() -> None:
    task = only(a_file(a_record(1, hours=2.5)))

    assert task.custom == {"taskmaster": {"hours": 2.5}}


def test_a_text_that_spells_an_escape_is_no_escape() -> None:
    task = only(a_file(a_record(1, note="C:\\u0000")))

    assert task.custom == {"taskmaster": {"note": "C:\\u0000"}}


def test_fields_too_large_to_keep_are_in_the_original_and_noted() -> None:
    parsed = TaskMasterFile(a_file(a_record(1, blob="é" * 40_000)))

    task = by_id(parsed)["1"]
    assert (task.custom, "\\u00e9" in task.original) == ({}, True)
    assert codes(parsed) == [("master/1", "fields_left_out")]


def test_the_original_is_kept_byte_for_byte() -> None:
    subtask = '{ "id":1.0,"title": "Sub" , "x":1E2}'
    task = '{"id" : 1, "id": 1,\n  "title":"\\u00e4 ä", "subtasks": [ ' + subtask + " ] }"

    parsed = TaskMasterFile(f'{{"tasks":[ {task} ]}}'.encode())

    assert [one.original for one in by_id(parsed).values()] == [task, subtask]


def test_long_and_missing_texts_are_made_to_fit_and_noted() -> None:
    parsed = TaskMasterFile(
        a_file(a_record(1, title="x" * 501, details="y" * 100_001), a_record(2, title=" "))
    )

    tasks = by_id(parsed)
    assert (len(tasks["1"].title), len(tasks["1"].details)) == (500, 100_000)
    assert tasks["2"].title
    assert codes(parsed) == [
        ("master/1", "title_cut"),
        ("master/1", "text_cut"),
        ("master/2", "no_title"),
    ]


def test_dates_are_moments_and_what_is_none_is_left_out() -> None:
    content = a_file(
        a_record(1, createdAt="2026-01-02T03:04:05+02:00", updatedAt="2026-01-02T03:04:05.678Z"),
        a_record(2, createdAt="2026-01-02", updatedAt="yesterday"),
    )

    tasks = by_id(TaskMasterFile(content))

    assert tasks["1"].created_at == datetime(2026, 1, 2, 1, 4, 5, tzinfo=UTC)
    assert tasks["1"].updated_at == datetime(2026, 1, 2, 3, 4, 5, 678_000, tzinfo=UTC)
    assert tasks["2"].created_at == datetime(2026, 1, 2, tzinfo=UTC)
    assert tasks["2"].updated_at is None
