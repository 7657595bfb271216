"""Beads' issues: what they wait for, are part of and relate to."""

from typing import Any

import pytest

from nexus.features.imports.domain import ParsedLink
from nexus.features.tasks.domain import TaskStatus
from tests.features.beading import a_dependency, all_of, an_issue, codes, first_of


@pytest.mark.parametrize(
    ("other", "kind", "status"),
    [
        ("open", "blocks", TaskStatus.TODO),
        ("closed", "blocks", TaskStatus.DEFERRED),
        ("open", "related", TaskStatus.DEFERRED),
    ],
)
def test_blocked_is_to_do_once_something_that_is_open_is_waited_for(
    other: str, kind: str, status: TaskStatus
) -> None:
    blocked = an_issue("bd-1", status="blocked", dependencies=[a_dependency("bd-2", kind)])

    task = first_of(blocked, an_issue("bd-2", status=other))

    assert task.status is status


def test_an_issue_waits_for_what_blocks_it() -> None:
    dependencies = [a_dependency("bd-2"), a_dependency("bd-3"), a_dependency("bd-2")]

    task = first_of(an_issue(dependencies=dependencies), an_issue("bd-2"), an_issue("bd-3"))

    assert (task.depends_on, task.notes) == (("bd-2", "bd-3"), ())


@pytest.mark.parametrize("kind", ["conditional-blocks", "waits-for"])
def test_a_condition_of_waiting_is_simplified_and_noted(kind: str) -> None:
    task = first_of(an_issue(dependencies=[a_dependency("bd-2", kind)]), an_issue("bd-2"))

    assert (task.depends_on, codes(task)) == (("bd-2",), ["dependency_simplified"])


@pytest.mark.parametrize(
    ("kind", "link"),
    [
        ("related", "related"),
        ("relates-to", "related"),
        ("discovered-from", "discovered-from"),
        ("Supersedes", "supersedes"),
        ("was asked_by 2!", "was-asked-by"),
        ("§", "related"),
        ("x" * 80, "x" * 50),
    ],
)
def test_every_other_relation_is_a_link(kind: str, link: str) -> None:
    task = first_of(an_issue(dependencies=[a_dependency("bd-2", kind)]), an_issue("bd-2"))

    assert task.links == (ParsedLink(kind=link, to="bd-2"),)
    assert (task.depends_on, task.parent, task.notes) == ((), None, ())


@pytest.mark.parametrize(
    ("dependency", "code", "named"),
    [
        (a_dependency("bd-9"), "dangling_dependency", "bd-9"),
        (a_dependency("external:api:auth", "related"), "dangling_dependency", "external:api:auth"),
        (a_dependency("bd-2"), "dangling_dependency", "bd-2"),
        (a_dependency("bd-9", "parent-child"), "dangling_dependency", "bd-9"),
        (a_dependency(None), "dangling_dependency", "''"),
        (["bd-9"], "dangling_dependency", '["bd-9"]'),
        (a_dependency("bd-1"), "self_dependency", "itself"),
    ],
)
def test_what_leads_nowhere_is_left_out_and_noted(dependency: Any, code: str, named: str) -> None:
    deleted = an_issue("bd-2", status="tombstone")

    task = first_of(an_issue("bd-1", dependencies=[dependency]), deleted)

    assert (task.depends_on, task.links, task.parent) == ((), (), None)
    assert codes(task) == [code]
    assert named in task.notes[0].message


def test_the_parent_is_what_the_dependency_says_then_the_field_then_the_id() -> None:
    tasks = all_of(
        an_issue("bd-1"),
        an_issue("bd-2"),
        an_issue("bd-1.1", dependencies=[a_dependency("bd-2", "parent-child")], parent="bd-1"),
        an_issue("bd-1.2", parent="bd-2"),
        an_issue("bd-1.3"),
        an_issue("bd-7.1"),
    )

    parents = {own_id: task.parent for own_id, task in tasks.items() if task.parent}
    assert parents == {"bd-1.1": "bd-2", "bd-1.2": "bd-2", "bd-1.3": "bd-1"}
    assert {own_id for own_id, task in tasks.items() if task.notes} == set()


def test_a_second_parent_is_a_link() -> None:
    above = [a_dependency("bd-2", "parent-child"), a_dependency("bd-3", "parent-child")]

    task = first_of(an_issue(dependencies=above), an_issue("bd-2"), an_issue("bd-3"))

    assert (task.parent, codes(task)) == ("bd-2", ["second_parent"])
    assert task.links == (ParsedLink(kind="part-of", to="bd-3"),)


def test_of_a_circle_of_parents_the_last_one_stands_alone() -> None:
    tasks = all_of(
        an_issue("bd-1", parent="bd-3"),
        an_issue("bd-2", parent="bd-1"),
        an_issue("bd-3", parent="bd-2"),
        an_issue("bd-0", parent="bd-3"),
    )

    assert {own_id: task.parent for own_id, task in tasks.items()} == {
        "bd-1": "bd-3",
        "bd-2": "bd-1",
        "bd-3": None,
        "bd-0": "bd-3",
    }
    assert {own_id: codes(task) for own_id, task in tasks.items() if task.notes} == {
        "bd-3": ["parent_cycle"]
    }


def test_parents_come_before_their_subtasks_and_else_the_file_has_its_order() -> None:
    tasks = all_of(
        an_issue("bd-1.1.1"), an_issue("bd-1.1"), an_issue("bd-3"), an_issue("bd-1.2"),
        an_issue("bd-1"), an_issue("bd-2"),
    )  # fmt: skip

    assert list(tasks) == ["bd-3", "bd-1", "bd-2", "bd-1.1", "bd-1.2", "bd-1.1.1"]
