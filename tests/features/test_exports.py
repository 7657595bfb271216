"""Exports: a file that nobody touched comes back as it was, and nobody sees more than they may."""

import json
from pathlib import Path

import pytest

from nexus.platform.database import Database
from tests.cast import Cast, Person
from tests.conftest import Statements
from tests.features.exporting import (
    exported,
    exported_counted,
    in_lines,
    in_tags,
    refusal,
    shapes,
)
from tests.features.importing import a_sample, all_tasks, bring_in, records_of

SCORES = {"taskId": 2, "taskTitle": "Two", "complexityScore": 7, "recommendedSubtasks": 3}
MAPPING = {
    "columns": {"id": "Nr", "title": "Was", "status": "Stand", "due_on": "Bis"},
    "statuses": {"ausstehend": "todo", "fertig": "done"},
    "date_format": "%d.%m.%Y",
}

TASKMASTER = [
    b'\xef\xbb\xbf{"tasks":[{"id":1,"title":"A mark before, all on one line"}],"meta":{"v":1.0}}',
    b'{\r\n\t"b": {\r\n\t\t"tasks": [\r\n\t\t\t{"id": "1", "title": "Tabs",  "n": 1e5}]}}\r\n\r\n',
    b'{"m":{"tasks":[{"id":1.1,"title":"Parts of a number"},{"id":1,"title":"One"}]}}',
    b'{"m":{"tasks":[{"id":"HAM-1.5","title":"A point"},{"id":"1.","title":"At the end"}]}}',
    (
        b'{"m":{"tasks":[{"id":3,"title":"A","subtasks":[{"id":3.1,"title":"B"},{"id":3.10,"title":"C"}'
        b',{"id":"3.1","title":"D"},{"id":"undefined.4","title":"E"}]},{"id":3,"title":"Twice"}]}}'
    ),
    (
        b'{"m":{"tasks":[{"id":1,"title":"A","dependencies":[2,99,1,"x"]},'
        b'{"id":2,"title":"B","dependencies":["1"]},{"title":"No id","dependencies":3}]}}'
    ),
    b'{"m":{"tasks":[{"id":1,"id":2,"title":"  Keys\\u0000 twice ","status":"blocked","x":[]}]}}',
    (
        b'{"m":{"tasks":[{"id":1,"title":"A","subtasks":[{"id":1,"title":"B","dependencies":[2]},'
        b'{"id":2,"title":"C","dependencies":["1"],"subtasks":[{"id":1,"title":"Deeper"}]}]}]},'
        b'"empty":{"tasks":[]},"other":3,"state":{"now":"m"}}'
    ),
]
BEADS = [
    b'\xef\xbb\xbf{"id":"bd-1","title":"A mark"}\r\n\r\n{"id":"bd-1.1","title":"Below"}',
    (
        b'{"id":"bd-1","title":"New","updated_at":"2026-01-02T00:00:00Z"}\n'
        b'{"id":"bd-1","title":"Old","updated_at":"2026-01-01T00:00:00Z"}\n'
        b'{"_type":"memory","key":"k","value":"v"}\n{"id":"bd-2","title":"T","status":"tombstone"}\n'
    ),
    (
        b'{"id":1,"title":"A","dependencies":[2,{"depends_on_id":"9","type":"Related"}]}\n'
        b'{"id":2,"title":"B","dependencies":[{"depends_on_id":1,"type":"blocks"}],"status":"hooked"}\n'
    ),
    (
        b'{"id":"bd-1","title":"A dump","pinned":0,"notes":"","timeout_ns":0,"metadata":"{}"}\n'
        b'{"id":"bd-2","title":"B"}\n{"issue_id":"bd-1","depends_on_id":"bd-2","type":"blocks"}\n'
        b'{"issue_id":"bd-1","label":"web"}\n{"key":"prefix","value":"bd"}\n'
        b'{"issue_id":"bd-1","event_type":"created"}\n'
    ),
    (
        b'{"id":"bd-1","title":"A dump with what was said"}\n'
        b'{"id":7,"issue_id":"bd-1","author":"lin","text":"Hello","created_at":null}\n'
    ),
    (
        b'{"id":"bd-1","title":"A","comments":[{"id":1,"text":" It\\u0000 "},{"id":1,"text":"b"}],'
        b'"external_ref":"https://a.test/1","dependencies":[{"depends_on_id":"bd-2","type":"tracks"}],'
        b'"acceptance_criteria":"- [x] One\\n2) Two","due_at":"2026-01-01T23:00:00-08:00"}\n'
        b'{"id":"bd-2","title":"B","design":"D","notes":"N","labels":["X","x"]}\n'
    ),
]
CSV = [
    b'\xef\xbb\xbf"Key";"Summary";""\n"A-1";"A; \xc3\xbc";"x"\n\n"A-1";"Tw""o";\n;three;too;many\n',
    (
        b"Issue key,Issue id,Summary,Parent id,Labels,Labels,Priority,Status\r\n"
        b'A-1,1,"Line\nline",,a,"b;c",Highest,Blocked\r\nA-2,2,Two,1,,,??,Odd'
    ),
]
FILES = [
    *(("taskmaster", "tasks.json", content) for content in TASKMASTER),
    *(("beads", "issues.jsonl", content) for content in BEADS),
    *(("csv", "tasks.csv", content) for content in CSV),
]


@pytest.mark.parametrize("files", ["taskmaster", "beads", "csv"])
async def test_a_file_that_nobody_touched_comes_back_byte_for_byte(
    ada: Person, database: Database, files: str
) -> None:
    differing: list[bytes] = []
    wanted = [content for format_, _, content in FILES if format_ == files]

    for number, content in enumerate(wanted):
        name = next(name for format_, name, _ in FILES if format_ == files)
        source = f"{number}/{name}"
        done = await bring_in(ada, database, content, source=source, file_name=name)
        assert done["state"] == "done", done["error"]
        if await exported(ada, files, source=source) != content:
            differing.append(content)

    assert differing == []


async def test_a_sample_that_nobody_touched_comes_back_byte_for_byte(
    ada: Person, database: Database, root: Path
) -> None:
    """The other samples: see tests/test_archives.py."""
    content = a_sample(root, "taskmaster-legacy.json")
    done = await bring_in(ada, database, content, file_name="tasks.json")

    out = await exported(ada, "taskmaster")

    assert done["state"] == "done"
    assert out == content


async def test_a_spreadsheet_in_words_of_its_own_keeps_them(
    ada: Person, database: Database
) -> None:
    content = b"Nr;Was;Stand;Bis\nA;Eins;ausstehend;01.02.2026\nB;Zwei;fertig;\n"
    done = await bring_in(ada, database, content, file_name="t.csv", mapping=json.dumps(MAPPING))
    before = await exported(ada, "csv")
    keys = [record["key"] for record in await records_of(ada, done)]
    await ada.finish(keys[0])
    await ada.patch(f"/tasks/{keys[0]}", {"due_on": "2026-03-04"})

    out = await exported(ada, "csv")

    assert before == content
    assert out.split() == b"Nr;Was;Stand;Bis A;Eins;fertig;04.03.2026 B;Zwei;fertig;".split()


async def test_lists_that_share_a_project_come_back_as_they_were(
    ada: Person, database: Database
) -> None:
    one = [{"id": 1, "title": "One"}, {"id": 2, "title": "Two", "dependencies": [1]}]
    content = in_tags(web=one, api=[{"id": 1, "title": "Other"}])
    await ada.a_project("ALL")
    done = await bring_in(ada, database, content, file_name="tasks.json", project="ALL")

    out = await exported(ada, "taskmaster")

    assert {part["project"] for part in done["report"]["lists"]} == {"ALL"}
    assert out == content


async def test_after_a_newer_version_came_in_that_one_goes_out(
    ada: Person, database: Database
) -> None:
    old = in_tags(
        web=[{"id": 1, "title": "One"}, {"id": 2, "title": "Two"}, {"id": 3, "title": "Three"}]
    )
    new = in_tags(
        web=[
            {"id": 3, "title": "Three!", "status": "done", "dependencies": [4]},
            {"id": 2, "title": "Two", "priority": "low", "subtasks": [{"id": 1, "title": "Sub"}]},
            {"id": 4, "title": "Four", "details": "New", "complexity": 3},
        ],
        api=[{"id": 1, "title": "In another list"}],
    )
    scores = json.dumps({"meta": {}, "complexityAnalysis": [SCORES]}).encode()
    outs: list[bytes] = []

    for content in (old, new, new):
        await bring_in(ada, database, content, file_name="tasks.json")
        await bring_in(ada, database, scores, file_name="task-complexity-report.json")
        outs.append(await exported(ada, "taskmaster"))

    assert outs == [old, new, new]


async def test_what_a_newer_version_no_longer_has_is_not_lost(
    ada: Person, database: Database
) -> None:
    old, new = [{"id": n, "title": f"Task {n}"} for n in (1, 2)], [{"id": 2, "title": "Task 2"}]
    done = await bring_in(ada, database, in_tags(web=old), file_name="tasks.json")
    first, second = [record["key"] for record in await records_of(ada, done)]
    await bring_in(ada, database, in_tags(web=new), file_name="tasks.json")
    await ada.patch(f"/tasks/{first}", {"title": "Still wanted"})
    await ada.a_task("WEB", "Part of it", parent=first)
    await ada.post(f"/tasks/{second}/dependencies", {"depends_on": first})

    out = await exported(ada, "taskmaster")

    tasks = {task["title"]: task for task in json.loads(out)["web"]["tasks"]}
    kept = tasks["Still wanted"]
    assert [sub["title"] for sub in kept["subtasks"]] == ["Part of it"]
    assert tasks["Task 2"]["dependencies"] == [kept["id"]]


async def test_archived_tasks_stay_in_their_file_and_come_into_no_other(
    ada: Person, database: Database
) -> None:
    content = in_tags(web=[{"id": 1, "title": "One", "status": "done"}, {"id": 2, "title": "Two"}])
    await bring_in(ada, database, content, file_name="tasks.json")
    added = await ada.a_task("WEB", "Added")
    await ada.finish(added["key"])
    for key in ("WEB-1", added["key"]):
        await ada.patch(f"/tasks/{key}", {"archived": True})

    followed = await exported(ada, "taskmaster")
    fresh = await exported(ada, "beads")

    assert followed == content
    assert [json.loads(line)["title"] for line in fresh.splitlines()] == ["Two"]


@pytest.mark.parametrize(
    ("format_", "words", "is_flat"),
    [
        ("taskmaster", {"backlog": "deferred"}, True),
        ("beads", {"backlog": "deferred", "in_review": "in_progress", "cancelled": "done"}, False),
        ("csv", {}, False),
    ],
)
async def test_tasks_that_were_never_imported_go_out_and_come_in_again(
    cast: Cast, database: Database, format_: str, words: dict[str, str], is_flat: bool
) -> None:
    await _a_backlog(cast.ada)
    name = "tasks.csv" if format_ == "csv" else "tasks"

    out, left_out = await exported_counted(cast.ada, format_)

    done = await bring_in(cast.bob, database, out, file_name=name)
    here, there = await all_tasks(cast.ada), await all_tasks(cast.bob)
    wanted = shapes(here, words=words, is_flat=is_flat)
    found = shapes(there, words=words, is_flat=is_flat)
    assert left_out == (1 if format_ == "taskmaster" else 0)
    assert (done["state"], len(there)) == ("done", 14)
    assert {title: (one.status, one.parent, one.needs) for title, one in found.items()} == {
        title: (one.status, one.parent, one.needs) for title, one in wanted.items()
    }
    assert {(task["title"], *sorted(task["labels"]), task["due_on"]) for task in there} == {
        (task["title"], *sorted(task["labels"]), task["due_on"]) for task in here
    }
    places = [out.index(f", {number}; ".encode()) for number in range(7)]
    assert places == sorted(places)


async def _a_backlog(person: Person) -> None:
    """Two projects, tasks below tasks below tasks, and every status."""
    await person.a_project("API")
    await person.a_project("WEB")
    parent: str | None = None
    for depth in range(5):
        fields = {"parent": parent, "labels": ["deep", "a, b"], "due_on": "2026-12-24"}
        parent = (await person.a_task("API", f"Depth {depth}", **fields))["key"]
    statuses = ["backlog", "todo", "in_progress", "in_review", "deferred", "done", "cancelled"]
    for number, status in enumerate(statuses):
        task = await person.a_task("WEB", f'"{status}", {number}; \\ 日本')
        if status != "todo":
            await person.patch(f"/tasks/{task['key']}/status", {"status": status})
    await person.a_task("WEB", "Waits here", dependencies=["WEB-1", "WEB-2"])
    await person.a_task("WEB", "Waits there", dependencies=["API-2"])


async def test_who_cannot_see_a_project_finds_nothing_of_it_in_a_file(
    cast: Cast, database: Database
) -> None:
    content = in_tags(
        web=[{"id": 1, "title": "Open"}], hidden=[{"id": 1, "title": "Hidden", "details": "Hidden"}]
    )
    await bring_in(cast.ada, database, content, file_name="tasks.json")
    await cast.ada.post("/tasks/WEB-1/dependencies", {"depends_on": "HIDDEN-1"})
    await cast.ada.patch("/projects/HIDDEN", {"visibility": "private"})

    outs = [await exported(cast.vic, format_) for format_ in ("taskmaster", "beads", "csv")]

    asked = await refusal(cast.vic, format="taskmaster", project="HIDDEN")
    followed = await exported(cast.vic, "taskmaster", source="tasks.json")
    mine = await exported(cast.ada, "taskmaster")
    assert all(b"Open" in out for out in outs)
    assert all(b"idden" not in out.lower() for out in [*outs, followed])
    assert (asked[:2], b"Hidden" in mine) == ((404, "project.not_found"), True)


async def test_the_newest_file_that_somebody_can_see_is_followed(
    cast: Cast, database: Database
) -> None:
    contents = {name: in_tags(**{name: [{"id": 1, "title": name}]}) for name in ("web", "hidden")}
    for name, content in contents.items():
        await bring_in(cast.ada, database, content, file_name=f"{name}.json")
    await cast.ada.patch("/projects/HIDDEN", {"visibility": "private"})

    mine, theirs = [await exported(one, "taskmaster") for one in (cast.ada, cast.vic)]

    assert (mine, theirs) == (contents["hidden"], contents["web"])


async def test_older_lines_of_an_issue_are_as_hidden_as_the_issue(
    cast: Cast, database: Database
) -> None:
    lines = [
        {"id": "bd-1", "title": "Hidden", "updated_at": "2026-01-02T00:00:00Z"},
        {"id": "bd-1", "title": "Hidden before", "updated_at": "2026-01-01T00:00:00Z"},
        {"id": "bd-2", "title": "Open", "dependencies": [{"depends_on_id": "bd-1"}]},
        {"issue_id": "bd-1", "label": "hidden"},
    ]
    await bring_in(cast.ada, database, in_lines(*lines), file_name="issues.jsonl")
    await cast.ada.a_project("SECRET", visibility="private")
    await cast.ada.patch("/tasks/BD-1/project", {"project": "SECRET"})

    out = await exported(cast.vic, "beads")

    assert b"Open" in out
    assert b"idden" not in out


async def test_an_import_into_a_private_project_is_nobody_elses_source(
    cast: Cast, database: Database
) -> None:
    await cast.ada.a_project("SECRET", visibility="private")
    content = in_tags(web=[{"id": 1, "title": "Hidden"}])
    await bring_in(cast.ada, database, content, file_name="plans.json", project="SECRET")

    asked = await refusal(cast.vic, format="taskmaster", source="plans.json")
    unasked = await refusal(cast.vic, format="taskmaster")

    assert asked[:2] == (422, "export.source_unknown")
    assert "The sources are: none." in asked[2]
    assert unasked[:2] == (404, "export.nothing")
    assert await exported(cast.ada, "taskmaster", source="plans.json") == content


async def test_what_cannot_be_exported_is_said_in_a_sentence(
    ada: Person, database: Database
) -> None:
    nothing = await refusal(ada, format="csv")
    await ada.a_project("EMPTY")
    await bring_in(ada, database, in_tags(web=[{"id": 1, "title": "One"}]), file_name="tasks.json")

    assert nothing[:2] == (404, "export.nothing")
    assert (await refusal(ada, format="csv", project="EMPTY"))[:2] == (404, "export.nothing")
    assert (await refusal(ada, format="csv", project="NONE"))[:2] == (404, "project.not_found")
    source = await refusal(ada, format="taskmaster", source="other.json")
    assert source[:2] == (422, "export.source_unknown")
    assert "'other.json'" in source[2]
    assert "tasks.json" in source[2]
    for asked in ({"format": "xml"}, {}, {"format": "csv", "project": ["A"] * 51}):
        status, code, detail = await refusal(ada, **asked)
        assert (status, code) == (400, "request.invalid")
        assert "format_" not in detail


async def test_thousands_of_tasks_go_out_in_pages(
    ada: Person, database: Database, statements: Statements
) -> None:
    count = 2000 if database.url.is_sqlite else 500
    records = [{"id": n, "title": f"Task {n}"} for n in range(1, count + 1)]
    await bring_in(ada, database, in_tags(web=records), file_name="tasks.json")
    await ada.patch("/tasks/WEB-400", {"title": "Renamed"})

    with statements.counted() as seen:
        out = await exported(ada, "taskmaster")

    titles = [task["title"] for task in json.loads(out)["web"]["tasks"]]
    wanted = [record["title"] for record in records]
    assert titles == [*wanted[:399], "Renamed", *wanted[400:]]
    assert len(seen) <= 20 + 10 * count // 200
