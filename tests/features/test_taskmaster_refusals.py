"""What is no Task Master file is refused in a sentence, and what is one loses no task."""

import json
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from nexus.features.imports.errors import FileNotUnderstood
from nexus.features.imports.taskmaster import TaskMasterFile

NO_BACKLOG = {
    "empty": b"",
    "blank": b"  \n",
    "text": b"# Backlog\n\n- [ ] Ship it\n",
    "half": b'{"tasks": [{"id": 1',
    "array": b'[{"id": 1, "title": "A"}]',
    "number": b"42",
    "null": b"null",
    "empty object": b"{}",
    "no tasks": b'{"name": "nexus", "version": "1.0.0"}',
    "VS Code's tasks": b'{"version": "2.0.0", "tasks": {"build": {"command": "make"}}}',
    "tasks as text": b'{"tasks": "none"}',
    "binary": b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR\x00\xff",
    "gzip": b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03",
    "UTF-16": '{"tasks": []}'.encode("utf-16"),
    "not UTF-8": b'{"tasks": [{"id": 1, "title": "\xff"}]}',
    "not UTF-8 in a name": b'{"tasks": [{"id": 1, "\xff": "A"}]}',
    "half a character": b'{"tasks": [{"id": 1, "title": "\\ud83d"}]}',
    "nested without end": b'{"a":' * 100_000,
    "nested lists": b'{"tasks": [' + b"[" * 100_000 + b"]" * 100_000 + b"]}",
    "nested in a task": b'{"tasks": [{"id": 1, "x": ' + b'{"a":' * 50_000 + b"1" + b"}" * 50_002,
    "no objects": b'{"tasks": [1, 2]}',
    "a null record": b'{"master": {"tasks": [{"id": 1, "title": "A"}, null]}}',
    "no object as subtask": b'{"tasks": [{"id": 1, "title": "A", "subtasks": ["Sub"]}]}',
    "NaN": b'{"tasks": [{"id": 1, "title": NaN}]}',
}


@pytest.mark.parametrize("content", NO_BACKLOG.values(), ids=NO_BACKLOG.keys())
def test_what_is_no_backlog_is_refused_in_a_sentence(content: bytes) -> None:
    with pytest.raises(FileNotUnderstood) as refused:
        TaskMasterFile(content)

    sentence = str(refused.value)
    assert sentence.startswith("This file cannot be imported: ")
    assert sentence.endswith(" Nothing was written.")
    assert len(sentence) < 500


def test_a_refusal_names_the_record_that_is_none() -> None:
    with pytest.raises(FileNotUnderstood) as refused:
        TaskMasterFile(b'{"shop": {"tasks": [{"id": 1, "title": "A"}, "B"]}}')

    assert "shop/2" in str(refused.value)


def test_a_number_of_any_length_is_no_fault_of_the_server() -> None:
    digits = "1" * 5000

    task_of_id = _understood(b'{"tasks": [{"id": %s, "title": "A"}]}' % digits.encode())
    task_of_field = _understood(b'{"tasks": [{"id": 1, "x": %s}]}' % digits.encode())

    assert {task_of_id, task_of_field} <= {0, 1}


thoroughly = settings(max_examples=300, deadline=None, database=None)
json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inside: st.lists(inside, max_size=4) | st.dictionaries(st.text(), inside, max_size=4),
    max_leaves=20,
)
field_names = st.sampled_from(
    [
        "id", "title", "status", "priority", "dependencies", "subtasks", "complexity", "details",
        "acceptanceCriteria", "createdAt", "updatedAt", "description", "testStrategy", "other",
    ]
)  # fmt: skip
loose_records = st.dictionaries(field_names, json_values, max_size=8)


@thoroughly
@given(
    st.binary(max_size=200) | st.binary(max_size=80).map(lambda b: b'{"tasks":[{"id":1,"x":' + b)
)
@example(b'{"tasks":[{"id":1,"x":"\xff"}]}')
def test_no_bytes_are_a_fault_of_the_server(content: bytes) -> None:
    came_in = _understood(content)

    assert came_in >= 0


@thoroughly
@given(json_values | st.fixed_dictionaries({"tasks": st.lists(loose_records | json_values)}))
@example({"tasks": [{"id": 1, "note": "\\u0000"}]})
def test_no_json_is_a_fault_of_the_server(value: Any) -> None:
    content = json.dumps(value).encode()

    came_in = _understood(content)

    assert came_in >= 0


@thoroughly
@given(st.lists(loose_records.filter(lambda one: "subtasks" not in one), max_size=6))
def test_records_in_any_disorder_come_in_with_what_a_task_needs(records: list[Any]) -> None:
    content = json.dumps({"tasks": records}).encode()

    parsed = TaskMasterFile(content)

    tasks = list(parsed.records())
    ids = {task.id for task in tasks}
    assert len(ids) == len(tasks) == len(records)
    for task in tasks:
        assert task.title.strip()
        assert set(task.depends_on) <= ids
        assert task.complexity is None or 1 <= task.complexity <= 10


some_ids = st.integers(1, 9) | st.integers(1, 9).map(str) | st.floats(1, 9) | st.text(max_size=3)
good_subtasks = st.fixed_dictionaries(
    {"id": some_ids, "title": st.text(min_size=1), "dependencies": st.lists(some_ids, max_size=3)}
)
good_records = st.fixed_dictionaries(
    {
        "id": some_ids,
        "title": st.text(min_size=1),
        "status": st.sampled_from(["pending", "in-progress", "blocked", "done", "someday"]),
        "dependencies": st.lists(some_ids, max_size=3),
        "subtasks": st.lists(good_subtasks, max_size=3),
    }
)
good_tags = st.dictionaries(
    st.text(
        st.characters(exclude_characters="\x00", exclude_categories=("Cs",)),
        min_size=1,
        max_size=90,
    ).filter(lambda name: name != "tasks"),
    st.fixed_dictionaries({"tasks": st.lists(good_records, max_size=5)}),
    min_size=1,
    max_size=3,
)


@thoroughly
@given(good_tags, st.booleans())
@example({"m": {"tasks": [{"id": 1}, {"id": 1}, {"id": "1#2"}]}}, True)
def test_every_task_of_a_file_comes_in_exactly_once(tags: Any, is_indented: bool) -> None:
    content = json.dumps(tags, indent=2 if is_indented else None).encode()

    parsed = TaskMasterFile(content)

    assert [one.name for one in parsed.lists] == list(tags)
    for one in parsed.lists:
        tasks = [task for task in parsed.records() if task.list == one.name]
        wanted = tags[one.name]["tasks"]
        ids = [task.id for task in tasks]
        originals = [json.loads(task.original) for task in tasks]
        assert len(set(ids)) == len(ids)
        tops = sum(task.parent is None for task in tasks)
        assert originals[:tops] == wanted
        assert originals[tops:] == [sub for record in wanted for sub in record.get("subtasks", [])]
        assert {task.parent for task in tasks} - {None} <= set(ids)


def _understood(content: bytes) -> int:
    """How many tasks the file holds; none if it is refused. Anything else flies."""
    try:
        return sum(1 for _ in TaskMasterFile(content).records())
    except FileNotUnderstood:
        return 0
