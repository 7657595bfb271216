"""Beads' issues: what each of their fields becomes, and what is set aside."""

import json
from datetime import UTC, date, datetime
from typing import Any

import pytest

from nexus.features.imports.beads import BeadsFile
from nexus.features.imports.domain import ParsedComment, ParsedLink
from nexus.features.tasks.domain import Priority, TaskStatus
from tests.features.beading import a_dependency, all_of, an_issue, codes, first_of


def test_an_issue_becomes_a_task_with_all_its_fields() -> None:
    issue = an_issue(
        title="Sign in  with\nGoogle",
        description="As a *user*",
        priority=1,
        status="closed",
        labels=["web", "Web", "auth"],
        due_at="2026-03-01T23:30:00-05:00",
        created_at="2026-01-11T18:14:20.034175123-08:00",
        updated_at="2026-01-12T00:00:00Z",
        started_at="2026-01-11T19:00:00-08:00",
        closed_at="2026-01-12T00:00:00Z",
        acceptance_criteria="- [ ] It works\n- It is *fast*",
    )

    task = first_of(issue)

    assert (task.title, task.description) == ("Sign in with Google", "As a *user*")
    assert (task.status, task.priority) == (TaskStatus.DONE, Priority.HIGH)
    assert task.labels == ("web", "auth")
    assert task.acceptance == ("It works", "It is *fast*")
    assert task.due_on == date(2026, 3, 2)
    assert task.created_at == datetime(2026, 1, 12, 2, 14, 20, 34175, tzinfo=UTC)
    assert task.updated_at == task.finished_at == datetime(2026, 1, 12, tzinfo=UTC)
    assert task.started_at == datetime(2026, 1, 12, 3, tzinfo=UTC)
    assert json.loads(task.original) == issue
    assert task.notes == ()


def test_a_title_is_enough() -> None:
    file = BeadsFile(b'\n{"title": "Only this"}\n')

    (task,) = file.records()

    assert (task.id, task.title) == ("?2", "Only this")
    assert (task.status, task.priority) == (TaskStatus.TODO, Priority.MEDIUM)
    assert (task.given, task.notes, task.custom) == ({"status": "open"}, (), {})


@pytest.mark.parametrize(
    ("fields", "details"),
    [
        ({"design": "A tree"}, "A tree"),
        ({"notes": "Ask Ada"}, "## Notes\n\nAsk Ada"),
        (
            {"design": "A tree", "notes": "Ask Ada"},
            "## Design\n\nA tree\n\n## Notes\n\nAsk Ada",
        ),
        ({"design": "", "notes": None}, ""),
    ],
)
def test_design_and_notes_are_the_details(fields: dict[str, Any], details: str) -> None:
    issue = an_issue(**fields)

    task = first_of(issue)

    assert task.details == details


@pytest.mark.parametrize(
    ("word", "status", "notes"),
    [
        ("open", TaskStatus.TODO, []),
        ("in_progress", TaskStatus.IN_PROGRESS, []),
        ("hooked", TaskStatus.IN_PROGRESS, []),
        ("deferred", TaskStatus.DEFERRED, []),
        ("pinned", TaskStatus.DEFERRED, []),
        ("blocked", TaskStatus.DEFERRED, []),
        ("closed", TaskStatus.DONE, []),
        ("awaiting-legal", TaskStatus.BACKLOG, ["unknown_status"]),
    ],
)
def test_a_status_is_translated(word: str, status: TaskStatus, notes: list[str]) -> None:
    issue = an_issue(status=word)

    task = first_of(issue)

    assert (task.status, codes(task)) == (status, notes)
    assert task.given["status"] == word


@pytest.mark.parametrize(
    ("given", "priority", "notes"),
    [
        (0, Priority.CRITICAL, []),
        (1, Priority.HIGH, []),
        (2, Priority.MEDIUM, []),
        (3, Priority.LOW, []),
        (4, Priority.NONE, []),
        (None, Priority.MEDIUM, []),
        (5, Priority.MEDIUM, ["unknown_priority"]),
        (-1, Priority.MEDIUM, ["unknown_priority"]),
        (True, Priority.MEDIUM, ["unknown_priority"]),
        ("P1", Priority.MEDIUM, ["unknown_priority"]),
    ],
)
def test_priorities_count_from_the_most_urgent(
    given: Any, priority: Priority, notes: list[str]
) -> None:
    issue = an_issue(priority=given)

    task = first_of(issue)

    assert (task.priority, codes(task)) == (priority, notes)


@pytest.mark.parametrize("status", ["open", "in_progress"])
def test_what_is_open_was_not_finished(status: str) -> None:
    issue = an_issue(status=status, closed_at="2026-01-12T00:00:00Z")

    task = first_of(issue)

    assert task.finished_at is None


def test_a_type_other_than_task_is_a_label() -> None:
    tasks = all_of(
        an_issue("bd-1", issue_type="bug", labels=["web"]),
        an_issue("bd-2", issue_type="task", labels=["web"]),
        an_issue("bd-3", issue_type="molecule"),
    )

    assert tasks["bd-1"].labels == ("bug", "web")
    assert tasks["bd-2"].labels == ("web",)
    assert tasks["bd-3"].labels == ("molecule",)
    assert tasks["bd-1"].given == {"status": "open", "priority": "2", "type": "bug"}


def test_what_has_no_field_is_kept_and_what_says_nothing_is_dropped() -> None:
    issue = an_issue(
        external_ref="gh-9",
        assignee="beads/crew/emma",
        estimated_minutes=90,
        metadata={"sprint": 0, "zone": "eu\x00"},
        close_reason="",
        owner=None,
        waiters=[],
        pinned=False,
        compaction_level=0,
        dependency_count=3,
        dependent_count=1,
        comment_count=2,
    )

    task = first_of(issue)

    assert task.custom == {
        "beads": {
            "external_ref": "gh-9",
            "assignee": "beads/crew/emma",
            "estimated_minutes": 90,
            "metadata": {"sprint": 0, "zone": "eu"},
        }
    }
    assert task.links == ()


def test_a_reference_to_a_page_is_a_link_too() -> None:
    task = first_of(an_issue(external_ref="https://github.com/a/b/issues/9"))

    assert task.links == (ParsedLink(kind="external", url="https://github.com/a/b/issues/9"),)
    assert task.custom["beads"]["external_ref"] == "https://github.com/a/b/issues/9"


@pytest.mark.parametrize("mark", [{"ephemeral": True}, {"wisp": True}])
def test_an_ephemeral_issue_comes_in_and_is_noted(mark: dict[str, bool]) -> None:
    task = first_of(an_issue(**mark))

    assert (task.set_aside, codes(task)) == (None, ["ephemeral"])
    assert task.custom == {"beads": mark}


def test_comments_keep_author_and_moment_and_have_an_id_each() -> None:
    issue = an_issue(
        comments=[
            {"id": 15, "author": "beads/crew", "text": "Done\x00", "created_at": "2026-01-12"},
            {"id": 15, "author": "ada", "text": "Again"},
            {"text": "Who am I?"},
            {"id": "c", "author": "ada", "text": " "},
            "not a comment",
        ]
    )

    task = first_of(issue)

    assert task.comments == (
        ParsedComment(
            id="15",
            author="beads/crew",
            text="Done",
            created_at=datetime(2026, 1, 12, tzinfo=UTC),
        ),
        ParsedComment(id="15#2", author="ada", text="Again"),
        ParsedComment(id="?3", author="Somebody", text="Who am I?"),
    )


def test_a_deleted_issue_is_set_aside() -> None:
    gone = an_issue("bd-1", status="tombstone", dependencies=[a_dependency("bd-2", "parent-child")])

    record = first_of(gone, an_issue("bd-2"))

    assert (record.is_deleted, record.set_aside) == (True, "It was deleted in Beads.")
    assert (record.title, record.parent, record.notes) == ("Issue bd-1", None, ())


def test_an_issue_that_came_back_after_it_was_deleted_is_a_task() -> None:
    task = first_of(an_issue(status="closed", deleted_at="2026-01-01T00:00:00Z"))

    assert (task.status, task.set_aside, task.is_deleted) == (TaskStatus.DONE, None, False)
    assert task.custom == {"beads": {"deleted_at": "2026-01-01T00:00:00Z"}}


def test_a_memory_is_set_aside_with_its_words() -> None:
    memory = {"_type": "memory", "key": "deploys", "value": "Never on a Friday"}

    records = all_of(an_issue(), memory, memory)

    assert list(records) == ["bd-1", "memory:deploys", "memory:deploys#2"]
    told = records["memory:deploys"]
    assert (told.title, told.description) == ("deploys", "Never on a Friday")
    assert (told.set_aside, told.is_deleted) == ("It is a memory, not a task.", False)


def test_of_issues_with_one_id_the_newest_counts() -> None:
    records = all_of(
        an_issue("bd-1#2", title="Of that name"),
        an_issue("bd-1", title="New", updated_at="2026-01-02T00:00:00Z"),
        an_issue("bd-1", title="Old", updated_at="2026-01-01T23:00:00-00:30", status="closed"),
        an_issue("bd-2", title="First", status="tombstone"),
        an_issue("bd-2", title="Last"),
    )

    assert {own_id: record.title for own_id, record in records.items()} == {
        "bd-1#2": "Of that name",
        "bd-1": "New",
        "bd-2": "Last",
        "bd-1#3": "Old",
        "bd-2#2": "First",
    }
    assert records["bd-1"].status is records["bd-2"].status is TaskStatus.TODO
    assert [codes(records[own_id]) for own_id in ("bd-1", "bd-2")] == [[], []]
    for own_id in ("bd-1#3", "bd-2#2"):
        assert codes(records[own_id]) == ["duplicate_id"]
        assert "more than once" in (records[own_id].set_aside or "")
