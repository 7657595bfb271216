"""A real backlog of Beads: nothing of it is lost, counted from the file by other means."""

import json
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from nexus.features.imports.beads import BeadsFile
from nexus.features.imports.domain import ParsedTask
from tests.features.soundness import sound

SAMPLE = Path(__file__).parents[3] / "shared" / "samples" / "beads-issues.jsonl"

STATUSES = {"open": "todo", "hooked": "in_progress", "closed": "done"}
BLOCKING, ABOVE = "blocks", "parent-child"

pytestmark = pytest.mark.skipif(not SAMPLE.exists(), reason="the samples are not here")


@pytest.fixture(scope="module")
def issues() -> dict[str, Any]:
    return {line["id"]: line for line in map(json.loads, SAMPLE.read_text().splitlines())}


@pytest.fixture(scope="module")
def live(issues: dict[str, Any]) -> dict[str, Any]:
    """What was not deleted."""
    return {own_id: one for own_id, one in issues.items() if one["status"] != "tombstone"}


@pytest.fixture(scope="module")
def edges(live: dict[str, Any]) -> set[tuple[str, str, str]]:
    """What depends on what, and how, as far as both are live."""
    return {
        (own_id, entry["depends_on_id"], entry["type"])
        for own_id, issue in live.items()
        for entry in issue.get("dependencies", [])
        if entry["depends_on_id"] in live
    }


@pytest.fixture(scope="module")
def records() -> Mapping[str, ParsedTask]:
    return {record.id: record for record in sound(BeadsFile(SAMPLE.read_bytes()))}


@pytest.fixture(scope="module")
def tasks(records: Mapping[str, ParsedTask]) -> Mapping[str, ParsedTask]:
    return {own_id: record for own_id, record in records.items() if record.set_aside is None}


def test_every_line_is_a_record_and_what_was_deleted_is_no_task(
    issues: dict[str, Any],
    live: dict[str, Any],
    records: Mapping[str, ParsedTask],
    tasks: Mapping[str, ParsedTask],
) -> None:
    originals = sorted(record.original for record in records.values())

    assert originals == sorted(SAMPLE.read_text().splitlines())
    assert len(originals) == 3003
    assert tasks.keys() == live.keys()
    assert {own_id for own_id, one in records.items() if one.is_deleted} == issues.keys() - live


def test_each_status_priority_and_title_is_there(
    live: dict[str, Any], tasks: Mapping[str, ParsedTask]
) -> None:
    found = {
        own_id: (task.title, task.status.value, task.priority.value)
        for own_id, task in tasks.items()
    }

    assert found == {
        own_id: (" ".join(one["title"].split()), STATUSES[one["status"]], one["priority"])
        for own_id, one in live.items()
    }


def test_each_label_and_type_is_there(
    live: dict[str, Any], tasks: Mapping[str, ParsedTask]
) -> None:
    labels = {own_id: set(task.labels) for own_id, task in tasks.items()}

    assert labels == {
        own_id: {*one.get("labels", []), one["issue_type"]} - {"task"}
        for own_id, one in live.items()
    }


def test_each_comment_is_there(live: dict[str, Any], tasks: Mapping[str, ParsedTask]) -> None:
    said = {
        (own_id, comment.id, comment.author, comment.text)
        for own_id, task in tasks.items()
        for comment in task.comments
    }

    assert len(said) > 10
    assert said == {
        (own_id, str(comment["id"]), comment["author"], comment["text"].strip())
        for own_id, one in live.items()
        for comment in one.get("comments", [])
    }


def test_each_task_waits_for_what_blocks_it(
    edges: set[tuple[str, str, str]], tasks: Mapping[str, ParsedTask]
) -> None:
    waits = {(own_id, on) for own_id, task in tasks.items() for on in task.depends_on}

    assert len(waits) > 500
    assert waits == {(own_id, on) for own_id, on, kind in edges if kind == BLOCKING}


def test_each_subtask_is_part_of_what_its_dependency_or_its_id_says(
    live: dict[str, Any], edges: set[tuple[str, str, str]], tasks: Mapping[str, ParsedTask]
) -> None:
    stated = {(own_id, on) for own_id, on, kind in edges if kind == ABOVE}
    by_name = {(own_id, own_id.rpartition(".")[0]) for own_id in live}
    by_name = {
        (own_id, above)
        for own_id, above in by_name
        if above in live
        and not any(one["type"] == ABOVE for one in live[own_id].get("dependencies", []))
    }

    parents = {(own_id, task.parent) for own_id, task in tasks.items() if task.parent}
    further = {
        (own_id, link.to)
        for own_id, task in tasks.items()
        for link in task.links
        if link.kind == "part-of"
    }

    assert len(stated) > 500
    assert len(further) == len(stated | by_name) - len(parents) > 0
    assert parents | further == stated | by_name


def test_each_other_relation_is_a_link(
    edges: set[tuple[str, str, str]], tasks: Mapping[str, ParsedTask]
) -> None:
    links = Counter(link.kind for task in tasks.values() for link in task.links if link.to)
    del links["part-of"]

    assert links == Counter(
        "related" if kind == "relates-to" else kind
        for _, _, kind in edges
        if kind not in {BLOCKING, ABOVE}
    )


def test_each_dependency_on_what_was_deleted_is_noted(
    live: dict[str, Any], edges: set[tuple[str, str, str]], tasks: Mapping[str, ParsedTask]
) -> None:
    notes = Counter(note.code for task in tasks.values() for note in task.notes)

    given = sum(len(one.get("dependencies", [])) for one in live.values())
    assert notes["dangling_dependency"] == given - len(edges) > 0
