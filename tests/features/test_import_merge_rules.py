"""The three-way merge of one record: field by field, whatever stands there, here and before."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nexus.features.imports.domain import ParsedTask
from nexus.features.imports.merging import Merge, base_of, merged, scored
from nexus.features.projects.domain import ProjectId
from nexus.features.tasks.domain import AcceptanceItem, Priority, Task, TaskId, TaskStatus
from nexus.platform.actor import ActorId, WorkspaceId
from nexus.platform.ids import new_id

FIELDS = (
    "title", "description", "details", "test_strategy", "priority", "complexity",
    "due_on",
)  # fmt: skip
AT = datetime(2026, 1, 1, tzinfo=UTC)
NOBODY = UUID(int=0)


def a_record(**fields: Any) -> ParsedTask:
    values = {"status": TaskStatus.TODO, "priority": Priority.NONE, "title": "A", **fields}
    return ParsedTask(list="master", id="1", original="{}", **values)


def as_here(record: ParsedTask, **changes: Any) -> Task:
    """The task that a record has become, with what people have changed in it since."""
    task = Task(
        id=TaskId(new_id()),
        workspace_id=WorkspaceId(NOBODY),
        project_id=ProjectId(NOBODY),
        project_key="API",
        number=1,
        title=record.title,
        description=record.description,
        details=record.details,
        test_strategy=record.test_strategy,
        acceptance=tuple(AcceptanceItem(id=new_id(), text=text) for text in record.acceptance),
        status=record.status,
        priority=record.priority,
        complexity_given=record.complexity,
        due_on=record.due_on,
        custom=record.custom,
        labels=record.labels,
        rank="a",
        created_by=ActorId(NOBODY),
        created_at=AT,
        updated_at=AT,
    )
    return replace(task, **changes)


def brought_in(task: Task, merge: Merge) -> Task:
    """The task after a merge."""
    edit: dict[str, Any] = dict(merge.edit)
    if "acceptance" in edit:
        edit["acceptance"] = tuple(
            AcceptanceItem(id=item_id or new_id(), text=text)
            for item_id, text in edit["acceptance"]
        )
    if "labels" in edit:
        edit["labels"] = tuple(edit["labels"])
    return replace(task, **edit)


def taken_over(merge: Merge) -> dict[str, Any]:
    """What a merge brings in, under the names of a record."""
    names = {"complexity_given": "complexity"}
    return {names.get(name, name): value for name, value in merge.edit.items()}


words = st.sampled_from(["one", "two", "three", "Two"])
names = st.lists(words, max_size=3, unique_by=str.casefold).map(tuple)
records = st.builds(
    a_record,
    title=words,
    description=words,
    details=words,
    test_strategy=words,
    priority=st.sampled_from([Priority.HIGH, Priority.LOW, Priority.NONE]),
    complexity=st.sampled_from([None, 1, 2]),
    due_on=st.sampled_from([None, date(2026, 1, 1), date(2026, 1, 2)]),
    labels=names,
    acceptance=names,
    custom=st.sampled_from([{}, {"taskmaster": {"a": 1}}, {"taskmaster": {"a": True}}]),
)
thoroughly = settings(max_examples=400, deadline=None)


@thoroughly
@given(records, records, records)
def test_each_field_is_taken_over_kept_or_in_conflict(
    before: ParsedTask, there: ParsedTask, here: ParsedTask
) -> None:
    base = base_of(before)

    merge = merged(base, base_of(there), as_here(here), our_parent=None)

    wanted: dict[str, Any] = {}
    conflicts: set[str] = set()
    for name in FIELDS:
        was, theirs, ours = (getattr(one, name) for one in (before, there, here))
        if theirs not in (was, ours):
            if ours == was:
                wanted[name] = theirs
            else:
                conflicts.add(name)
    assert {k: v for k, v in taken_over(merge).items() if k in FIELDS} == wanted
    assert set(merge.conflicts) - {"custom"} == conflicts


@pytest.mark.parametrize("name", ["labels", "acceptance"])
@thoroughly
@given(before=names, there=names, here=names)
def test_a_list_gains_and_loses_what_it_gained_and_lost_there(
    name: str, before: tuple[str, ...], there: tuple[str, ...], here: tuple[str, ...]
) -> None:
    base, theirs = base_of(a_record(**{name: before})), base_of(a_record(**{name: there}))
    task = as_here(a_record(**{name: here}))

    merge = merged(base, theirs, task, our_parent=None)

    found = brought_in(task, merge)
    held = found.labels if name == "labels" else [item.text for item in found.acceptance]
    was, new, had = ({one.casefold() for one in some} for some in (before, there, here))
    assert {one.casefold() for one in held} == (had - (was - new)) | (new - was)
    assert len(held) == len({one.casefold() for one in held})
    assert merge.conflicts == []


@thoroughly
@given(records, records, records)
def test_the_same_file_again_brings_nothing_and_repeats_no_conflict(
    before: ParsedTask, there: ParsedTask, here: ParsedTask
) -> None:
    theirs, task = base_of(there), as_here(here)
    after = brought_in(task, merged(base_of(before), theirs, task, our_parent=None))

    again = merged(theirs, theirs, after, our_parent=None)

    assert (again.changed, again.conflicts) == ([], [])


@thoroughly
@given(records, records)
def test_a_task_that_nobody_touched_becomes_what_the_newer_record_says(
    before: ParsedTask, there: ParsedTask
) -> None:
    base, theirs, task = base_of(before), base_of(there), as_here(before)

    merge = merged(base, theirs, task, our_parent=None)

    after = brought_in(task, merge)
    names = [name for name in FIELDS if name != "complexity"]
    assert {name: getattr(after, name) for name in names} == {
        name: getattr(there, name) for name in names
    }
    assert (after.complexity_given, after.custom) == (there.complexity, there.custom)
    assert merge.conflicts == []


@pytest.mark.parametrize("name", [*FIELDS, "custom"])
def test_a_field_that_the_base_does_not_know_is_left_alone(name: str) -> None:
    newer = a_record(
        title="B", description="B", details="B", test_strategy="B",
        priority=Priority.HIGH, complexity=3, due_on=date(2026, 1, 1), custom={"taskmaster": {}},
    )  # fmt: skip
    base = {key: value for key, value in base_of(a_record()).items() if key != name}

    merge = merged(base, base_of(newer), as_here(a_record()), our_parent=None)

    changed = {*FIELDS, "custom"} - {name}
    assert set(taken_over(merge)) == changed
    assert merge.conflicts == []


@pytest.mark.parametrize(
    ("before", "there", "here", "is_new", "conflicts"),
    [
        ("1", "1", None, False, []),
        ("1", "2", "1", True, []),
        ("1", None, "1", True, []),
        (None, "1", None, True, []),
        ("1", "2", "2", False, []),
        ("1", "2", "here:x", False, ["parent"]),
        ("1", "2", None, False, ["parent"]),
        ("1", None, None, False, []),
    ],
)
def test_a_parent_is_taken_over_kept_or_in_conflict(
    before: str | None, there: str | None, here: str | None, is_new: bool, conflicts: list[str]
) -> None:
    base, theirs = base_of(a_record(parent=before)), base_of(a_record(parent=there))

    merge = merged(base, theirs, as_here(a_record()), our_parent=here)

    assert (merge.is_new_parent, merge.conflicts) == (is_new, conflicts)
    assert merge.changed == (["parent"] if is_new else [])


@pytest.mark.parametrize(
    ("there", "expected"),
    [
        ({"taskmaster": {"owner": "Grace"}}, {"taskmaster": {"owner": "Grace"}, "sprint": 7}),
        ({}, {"sprint": 7}),
    ],
    ids=["changed", "gone"],
)
def test_the_fields_of_the_file_change_beside_those_of_people(
    there: Mapping[str, Any], expected: Mapping[str, Any]
) -> None:
    before = a_record(custom={"taskmaster": {"owner": "Ada"}})
    task = as_here(before, custom={**before.custom, "sprint": 7})

    merge = merged(base_of(before), base_of(a_record(custom=there)), task, our_parent=None)

    assert brought_in(task, merge).custom == expected
    assert merge.conflicts == []


def test_only_the_complexity_counts_of_a_file_that_says_nothing_else() -> None:
    before = a_record(title="Ours", description="Kept", complexity=None)
    base, theirs = scored(base_of(before), 8)

    merge = merged(base, theirs, as_here(before), our_parent=None)

    assert merge.edit == {"complexity_given": 8}
    assert merge.changed == ["complexity"]
