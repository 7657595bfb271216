"""The tables of a Beads backup, one after the other in one file."""

import json
from typing import Any

import pytest

from nexus.features.imports.beads import BeadsFile, is_beads
from nexus.features.imports.domain import ParsedComment, ParsedLink, ParsedTask
from nexus.features.tasks.domain import Priority, TaskStatus

DEFAULTS = {
    "acceptance_criteria": "", "actor": "", "assignee": None, "await_id": "", "close_reason": "",
    "closed_at": None, "compaction_level": 0, "content_hash": "18eb", "crystallizes": 0,
    "defer_until": None, "description": "", "design": "", "due_at": None, "ephemeral": 0,
    "estimated_minutes": None, "external_ref": None, "is_template": 0, "issue_type": "task",
    "metadata": "{}", "notes": "", "owner": "", "pinned": 0, "quality_score": None,
    "timeout_ns": 0, "waiters": "", "wisp_type": "",
}  # fmt: skip


def a_row(own_id: str, **fields: Any) -> dict[str, Any]:
    named = {"id": own_id, "title": own_id, "status": "open", "priority": 1}
    return {**DEFAULTS, **named, **fields}


def a_dump(*rows: dict[str, Any]) -> dict[str, ParsedTask]:
    content = "\n".join(json.dumps(row) for row in rows).encode()
    return {record.id: record for record in BeadsFile(content).records()}


def test_columns_at_their_default_say_nothing() -> None:
    records = a_dump(a_row("bd-1"))

    task = records["bd-1"]
    assert (task.status, task.priority) == (TaskStatus.TODO, Priority.HIGH)
    assert (task.custom, task.labels, task.notes, task.details) == ({}, (), (), "")


def test_json_in_texts_is_read() -> None:
    records = a_dump(
        a_row(
            "bd-1",
            metadata='{"sprint": 4}',
            waiters='["ada"]',
            timeout_ns=3_600_000_000_000,
            ephemeral=1,
        ),
        a_row("bd-2", metadata="{not json", waiters="[" * 5000),
        a_row("bd-3", metadata="[" * 150 + "]" * 150),
    )

    assert records["bd-1"].custom["beads"] == {
        "metadata": {"sprint": 4},
        "waiters": ["ada"],
        "timeout_ns": 3_600_000_000_000,
        "ephemeral": 1,
    }
    assert [note.code for note in records["bd-1"].notes] == ["ephemeral"]
    assert records["bd-2"].custom["beads"] == {"metadata": "{not json", "waiters": "[" * 5000}
    assert records["bd-3"].custom["beads"] == {"metadata": "[" * 150 + "]" * 150}


@pytest.mark.parametrize("is_first", [True, False])
def test_dependencies_labels_and_comments_find_their_issue(is_first: bool) -> None:
    issues = [a_row("bd-1", status="blocked", issue_type="bug"), a_row("bd-2"), a_row("bd-3")]
    belongings = [
        {"issue_id": "bd-1", "depends_on_id": "bd-2", "type": "blocks", "created_by": "ada"},
        {"issue_id": "bd-1", "depends_on_id": "bd-3", "type": "parent-child"},
        {"issue_id": "bd-1", "depends_on_id": "bd-2", "type": "discovered-from"},
        {"issue_id": "bd-1", "label": "web"},
        {"id": 1, "issue_id": "bd-1", "author": "ada", "text": "Hello", "created_at": None},
        {"issue_id": "bd-404", "label": "of nobody"},
    ]

    records = a_dump(*(belongings + issues if is_first else issues + belongings))

    task = records["bd-1"]
    assert (task.depends_on, task.parent) == (("bd-2",), "bd-3")
    assert task.links == (ParsedLink(kind="discovered-from", to="bd-2"),)
    assert task.labels == ("bug", "web")
    assert task.comments == (ParsedComment(id="1", author="ada", text="Hello"),)
    assert task.status is TaskStatus.TODO
    assert list(records) == ["bd-2", "bd-3", "bd-1"]


def test_events_and_settings_are_no_records() -> None:
    records = a_dump(
        {"key": "schema_version", "value": "5"},
        {"id": 1, "issue_id": "bd-1", "event_type": "created", "comment": None, "actor": "ada"},
        {"issue_id": "bd-1", "event_type": "labeled", "label": "x", "text": "y"},
        a_row("bd-1"),
    )

    assert list(records) == ["bd-1"]
    assert (records["bd-1"].labels, records["bd-1"].comments) == ((), ())


def test_embedded_and_separate_belongings_add_up() -> None:
    records = a_dump(
        a_row("bd-1", labels=["a"], dependencies=[{"depends_on_id": "bd-2", "type": "blocks"}]),
        a_row("bd-2"),
        a_row("bd-3"),
        {"issue_id": "bd-1", "label": "b"},
        {"issue_id": "bd-1", "depends_on_id": "bd-3", "type": "blocks"},
    )

    assert records["bd-1"].labels == ("a", "b")
    assert records["bd-1"].depends_on == ("bd-2", "bd-3")


@pytest.mark.parametrize(
    "row",
    [
        {"key": "schema_version", "value": "5"},
        {"issue_id": "bd-1", "label": "web"},
        {"issue_id": "bd-1", "event_type": "created"},
        a_row("bd-1"),
    ],
)
def test_a_dump_is_recognised_by_whichever_table_comes_first(row: dict[str, Any]) -> None:
    content = json.dumps(row).encode() + b"\n"

    assert is_beads(content)
