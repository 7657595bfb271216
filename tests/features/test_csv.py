"""Spreadsheets saved as CSV: what each of their cells becomes."""

import json
from datetime import UTC, date, datetime
from typing import Any

import pytest

from nexus.features.imports.domain import ParsedLink, ParsedTask
from nexus.features.imports.spreadsheet import CsvFile
from nexus.features.imports.spreadsheet_mapping import CsvMapping, read_mapping
from nexus.features.tasks.domain import Priority, TaskStatus


def records_of(text: str, **mapping: Any) -> dict[str, ParsedTask]:
    given = read_mapping(json.dumps(mapping)) if mapping else CsvMapping()
    return {record.id: record for record in CsvFile(text.encode(), given).records()}


def only(text: str, **mapping: Any) -> ParsedTask:
    (record,) = records_of(text, **mapping).values()
    return record


def codes(record: ParsedTask) -> list[str]:
    return [note.code for note in record.notes]


JIRA = '''\
Summary,Issue key,Issue id,Status,Priority,Due date,Created,Updated,Labels,Labels,\
Parent id,Description,Inward issue link (Blocks),Sprint,Sprint,Custom field (Team),Votes
Checkout,SHOP-1,10001,In Progress,Highest,2026-03-01,2026-01-02T10:00:00+02:00,,web,,,"Line one
line ""two""",,,,,
Pay by card,SHOP-2,10002,To Do,Lowest,,,2026-01-03,pay,web,10001,,SHOP-3,S1,S2,Blue,0
Terms,SHOP-3,10003,Won't Do,Medium,,,,,,,,,S1,,,
'''


def test_an_export_of_jira_is_understood_by_the_names_of_its_columns() -> None:
    tasks = records_of(JIRA)

    assert list(tasks) == ["SHOP-1", "SHOP-3", "SHOP-2"]
    checkout, terms, pay = tasks.values()
    assert (checkout.title, checkout.description) == ("Checkout", 'Line one\nline "two"')
    assert (checkout.status, checkout.priority) == (TaskStatus.IN_PROGRESS, Priority.CRITICAL)
    assert checkout.given == {"status": "In Progress", "priority": "Highest"}
    assert checkout.due_on == date(2026, 3, 1)
    assert checkout.created_at == datetime(2026, 1, 2, 8, tzinfo=UTC)
    assert pay.updated_at == datetime(2026, 1, 3, tzinfo=UTC)
    assert (pay.parent, pay.depends_on) == ("SHOP-1", ("SHOP-3",))
    assert (checkout.labels, pay.labels) == (("web",), ("pay", "web"))
    assert (terms.status, pay.priority) == (TaskStatus.CANCELLED, Priority.LOW)
    assert pay.custom == {
        "csv": {"Sprint": ["S1", "S2"], "Custom field (Team)": "Blue", "Votes": "0"}
    }
    assert (terms.custom, checkout.custom) == ({"csv": {"Sprint": "S1"}}, {})
    assert [task.notes for task in tasks.values()] == [(), (), ()]


def test_the_original_is_the_row_as_an_object() -> None:
    task = only("Title,Labels,Labels,Size\n Ship ,a,,\n")

    assert json.loads(task.original) == {"Title": " Ship ", "Labels": ["a", ""], "Size": ""}


@pytest.mark.parametrize(
    ("header", "row"),
    [
        ("ID,Title,Description,Status,Labels,Due Date,Parent issue",
         'E-1,Ship,Soon,Todo,"a, b",2026-03-01,'),
        ("Title\tBody\tURL\tStatus\tLabels", "Ship\tSoon\thttps://a.b/c\tTodo\ta; b"),
        ("Card ID;Card Name;Card Description;Labels;Due Date", "E-1;Ship;Soon;a,b;2026-03-01"),
        ("Task ID|Name|Notes|Tags|Due Date|Last Modified", "E-1|Ship|Soon|a,b|2026-03-01|"),
        ("KEY,task_NAME,  body ,State,tags", 'E-1,Ship,Soon,open,"a\nb"'),
    ],
)  # fmt: skip
def test_columns_are_known_by_the_names_of_common_exports(header: str, row: str) -> None:
    task = only(f"{header}\n{row}\n")

    assert (task.title, task.description, task.labels) == ("Ship", "Soon", ("a", "b"))
    assert (task.status, task.custom, task.notes) == (TaskStatus.TODO, {}, ())


@pytest.mark.parametrize(
    ("word", "status", "notes"),
    [
        ("", TaskStatus.TODO, []),
        ("to do", TaskStatus.TODO, []),
        ("To-Do", TaskStatus.TODO, []),
        ("NEW", TaskStatus.TODO, []),
        ("Open", TaskStatus.TODO, []),
        ("in  progress", TaskStatus.IN_PROGRESS, []),
        ("IN_PROGRESS", TaskStatus.IN_PROGRESS, []),
        ("In Review", TaskStatus.IN_REVIEW, []),
        ("Triage", TaskStatus.BACKLOG, []),
        ("Resolved", TaskStatus.DONE, []),
        ("won't do", TaskStatus.CANCELLED, []),
        ("Won’t fix", TaskStatus.CANCELLED, []),  # noqa: RUF001
        ("blocked", TaskStatus.DEFERRED, []),
        ("Selected", TaskStatus.BACKLOG, ["unknown_status"]),
    ],
)
def test_a_status_is_translated(word: str, status: TaskStatus, notes: list[str]) -> None:
    task = only(f"title,status\nA,{word}\n")

    assert (task.status, codes(task)) == (status, notes)


@pytest.mark.parametrize(
    ("other", "mapping", "status"),
    [
        ("open", {}, TaskStatus.TODO),
        ("done", {}, TaskStatus.DEFERRED),
        ("open", {"statuses": {"Blocked": "in_review"}}, TaskStatus.IN_REVIEW),
    ],
)
def test_blocked_is_to_do_once_something_that_is_open_is_waited_for(
    other: str, mapping: dict[str, Any], status: TaskStatus
) -> None:
    tasks = records_of(f"id,title,status,depends on\n1,A,Blocked,2\n2,B,{other},\n", **mapping)

    assert tasks["1"].status is status


@pytest.mark.parametrize(
    ("word", "priority", "notes"),
    [
        ("", Priority.NONE, []),
        ("Blocker", Priority.CRITICAL, []),
        ("P0", Priority.CRITICAL, []),
        ("urgent", Priority.CRITICAL, []),
        ("HIGH", Priority.HIGH, []),
        ("Normal", Priority.MEDIUM, []),
        ("Trivial", Priority.LOW, []),
        ("No priority", Priority.NONE, []),
        ("Quite", Priority.NONE, ["unknown_priority"]),
    ],
)
def test_a_priority_is_translated(word: str, priority: Priority, notes: list[str]) -> None:
    task = only(f"title,priority\nA,{word}\n")

    assert (task.priority, codes(task)) == (priority, notes)


def test_a_mapping_says_what_columns_and_words_mean() -> None:
    text = (
        "Was;Nr;Stand;Wichtig;Text;Mehr;Prüfen;Fertig wenn;Art;Größe;Bis;Teil von;Braucht;"
        "Am;Zuletzt;Seite;Team\n"
        "Bauen;1;In Arbeit;Sofort;T;M;P;- [ ] läuft|- schnell;x + y;8;31.12.2026;;2 + 2 + 3;"
        "01.02.2026;02.02.2026;https://a.b/c;Blau\n"
        "Planen;2;fertig;;;;;;;;;1;;;;;\nAlt;3;;;;;;;;;;;;;;;\n"
    ).replace("|", " ")

    task = records_of(
        text,
        columns={
            "title": "was", "id": "NR", "status": "Stand", "priority": "Wichtig",
            "description": "Text", "details": "Mehr", "test_strategy": "Prüfen",
            "acceptance": "Fertig wenn", "labels": "Art", "complexity": "Größe", "due_on": "Bis",
            "parent": "Teil von", "depends_on": "Braucht", "created_at": "Am",
            "updated_at": "Zuletzt", "url": "Seite",
        },
        statuses={"in arbeit": "in_progress"},
        priorities={"SOFORT": "critical"},
        delimiter=";",
        separator="+",
        date_format="%d.%m.%Y",
    )["1"]  # fmt: skip

    assert (task.title, task.status, task.priority) == ("Bauen", "in_progress", Priority.CRITICAL)
    assert (task.description, task.details, task.test_strategy) == ("T", "M", "P")
    assert task.acceptance == ("läuft - schnell",)
    assert (task.labels, task.complexity, task.depends_on) == (("x", "y"), 8, ("2", "3"))
    assert (task.due_on, task.created_at) == (date(2026, 12, 31), datetime(2026, 2, 1, tzinfo=UTC))
    assert task.updated_at == datetime(2026, 2, 2, tzinfo=UTC)
    assert task.links == (ParsedLink(kind="external", url="https://a.b/c"),)
    assert task.custom == {"csv": {"Team": "Blau"}}
    assert task.notes == ()


def test_columns_that_are_mapped_are_no_longer_guessed() -> None:
    task = only("Title,Name,Status\nA,B,done\n", columns={"title": "Name"})

    assert (task.title, task.status) == ("B", TaskStatus.TODO)
    assert task.custom == {"csv": {"Title": "A", "Status": "done"}}


def test_only_the_further_columns_that_are_asked_for_are_kept() -> None:
    task = only("Title,Team,Sprint,Votes\nA,Blue,,3\n", custom=["team", "Sprint"])

    assert task.custom == {"csv": {"Team": "Blue"}}


@pytest.mark.parametrize(
    ("header", "cell", "code"),
    [
        ("due", "tomorrow", "unknown_date"),
        ("created", "11/Jan/26 6:14 PM", "unknown_date"),
        ("complexity", "11", "unknown_complexity"),
        ("complexity", "９", "unknown_complexity"),  # noqa: RUF001
        ("url", "ftp://a.b", "unknown_url"),
        ("parent", "9", "dangling_parent"),
        ("depends on", "9", "dangling_dependency"),
        ("depends on", "1", "self_dependency"),
        ("parent", "1", "parent_cycle"),
    ],
)
def test_what_is_not_understood_is_left_out_and_noted(header: str, cell: str, code: str) -> None:
    task = only(f"id,title,{header}\n1,A,{cell}\n")

    assert codes(task) == [code]
    assert (task.due_on, task.created_at, task.complexity) == (None, None, None)
    assert (task.links, task.parent, task.depends_on) == ((), None, ())


def test_an_iso_date_is_understood_beside_a_form_of_its_own() -> None:
    tasks = records_of("id,title,due\n1,A,2026-03-01\n2,B,1.3.2026\n", date_format="%d.%m.%Y")

    assert {task.due_on for task in tasks.values()} == {date(2026, 3, 1)}


def test_rows_without_an_id_are_called_by_their_number() -> None:
    tasks = records_of("title\nA\n\n , \nB\n")

    assert {own_id: task.title for own_id, task in tasks.items()} == {"?2": "A", "?5": "B"}


def test_ids_that_stand_twice_are_kept_apart_and_noted() -> None:
    tasks = records_of("id,title,parent\n1,A,\n1,B,\n1#2,C,\n2,D,1\n")

    assert {own_id: task.title for own_id, task in tasks.items()} == {
        "1": "A",
        "1#2": "B",
        "1#2#2": "C",
        "2": "D",
    }
    assert {own_id: codes(task) for own_id, task in tasks.items() if task.notes} == {
        "1#2": ["duplicate_id"],
        "1#2#2": ["duplicate_id"],
    }
    assert tasks["2"].parent == "1"


def test_parents_come_first_and_a_circle_of_them_is_opened() -> None:
    tasks = records_of("id,title,parent\n1,A,3\n2,B,1\n3,C,2\n4,D,5\n5,E,\n")

    assert {own_id: task.parent for own_id, task in tasks.items()} == {
        "3": None,
        "5": None,
        "1": "3",
        "4": "5",
        "2": "1",
    }
    assert list(tasks) == ["3", "5", "1", "4", "2"]
    assert codes(tasks["3"]) == ["parent_cycle"]


def test_cells_beyond_the_last_column_are_noted_and_kept_in_the_original() -> None:
    tasks = records_of("id,title\n1,A,more,\n2,B,,\n3\n")

    assert codes(tasks["1"]) == ["too_many_cells"]
    assert json.loads(tasks["1"].original) == {"id": "1", "title": "A", "": ["more", ""]}
    assert (tasks["2"].notes, tasks["3"].title) == ((), "Untitled (3)")
    assert codes(tasks["3"]) == ["no_title"]


def test_a_column_without_a_name_is_called_by_its_number() -> None:
    task = only("title,,\nA,x,\n")

    assert task.custom == {"csv": {"Column 2": "x"}}


def test_what_cannot_be_stored_is_left_out_of_cells() -> None:
    task = only("id,title,Team\n1\x00,A\x00B,Blue\x00\n")

    assert (task.id, task.title, task.custom) == ("1", "AB", {"csv": {"Team": "Blue"}})
