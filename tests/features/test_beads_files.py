"""Beads' files as a whole: what is told from them, what is refused, and what holds for each."""

import json
import tracemalloc
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nexus.features.imports.beads import BeadsFile, is_beads
from nexus.features.imports.errors import FileNotUnderstood
from tests.features.soundness import sound

LINE = b'{"id": "bd-1", "title": "A"}\n'


thoroughly = settings(max_examples=300, deadline=None, database=None)


def why(content: bytes) -> str:
    with pytest.raises(FileNotUnderstood) as refused:
        BeadsFile(content)
    return str(refused.value.details["why"])


@pytest.mark.parametrize(
    ("ids", "name"),
    [
        (["bd-1", "api-x-1", "api-x-2.1.3"], "api-x"),
        (["my.proj-a3f8.1"], "my.proj"),
        (["1", "2", "bd-3"], "beads"),
        ([7], "beads"),
    ],
)
def test_the_list_is_called_what_most_ids_begin_with(ids: list[Any], name: str) -> None:
    content = "\n".join(json.dumps({"id": one, "title": "A"}) for one in ids).encode()

    file = BeadsFile(content)

    assert [(one.name, one.is_default) for one in file.lists] == [(name, True)]
    assert (file.format, file.is_partial) == ("beads", False)
    assert {record.list for record in file.records()} == {name}


@pytest.mark.parametrize(
    "content",
    [
        b"\xef\xbb\xbf" + LINE,
        LINE.replace(b"\n", b"\r\n"),
        b"\n \t\n" + LINE + b"\r\n\n",
        LINE.rstrip(),
        bytearray(LINE),
        memoryview(LINE),
    ],
)
def test_marks_line_ends_and_empty_lines_are_no_part_of_an_issue(content: bytes) -> None:
    file = BeadsFile(content)

    (record,) = sound(file)
    assert (record.id, record.title) == ("bd-1", "A")
    assert record.original == '{"id": "bd-1", "title": "A"}'


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", "it holds no issue of Beads."),
        (b" \r\n\n", "it holds no issue of Beads."),
        (b'{"key": "a", "value": "b"}', "it holds no issue of Beads."),
        (b'{"_type": "memory", "key": "a", "value": "b"}', "it holds no issue of Beads."),
        (LINE + b'{"id": "bd-2"}', "line 2 is no issue of Beads: it has no title."),
        (LINE + b'{"title": null}', "line 2 is no issue of Beads: it has no title."),
        (
            LINE + b"<<<<<<< HEAD\n" + LINE,
            "line 2 is a conflict marker of git. Resolve the conflict first.",
        ),
        (
            LINE + b"\n=======\n",
            "line 3 is a conflict marker of git. Resolve the conflict first.",
        ),
        (b">>>>>>> main", "line 1 is a conflict marker of git. Resolve the conflict first."),
        (LINE + b'{"title": %s}' % (b"[" * 5000), "line 2 is nested too deeply."),
        (
            LINE + b'{"title": "A", "x": %s}' % (b"[" * 101 + b"]" * 101),
            "line 2 is nested too deeply.",
        ),
        (b'{"title": "%s"}' % (b"a" * 16_000_000), "line 1 is longer than 16 MB."),
    ],
)
def test_what_is_no_such_file_is_refused_in_a_sentence(content: bytes, sentence: str) -> None:
    assert why(content) == sentence


@pytest.mark.parametrize(
    "line",
    [b"[1]", b"7", b'"title"', b'{"title": "A"', b'{"title": NaN}', b'{"title": "\xff"}', b"\x00",
     b'{"title": "\\ud800"}', b'{"title": "A"} {}', "{}".encode("utf-16")],
)  # fmt: skip
def test_a_line_that_is_no_object_is_named(line: bytes) -> None:
    sentence = why(LINE + b"\n" + line + b"\n" + LINE)

    assert sentence.startswith("line 3 is not a JSON object (")
    assert sentence.endswith(").")


@pytest.mark.parametrize(
    ("content", "is_one"),
    [
        (LINE, True),
        (b"\xef\xbb\xbf\r\n\n" + LINE, True),
        (b"<<<<<<< HEAD\n" + LINE, True),
        (b'{"_type": "memory", "key": "a", "value": "b"}', True),
        (b"", False),
        (b"\n" * 5000, False),
        (b'{"tasks": [], "title": "Shop"}', False),
        (b'{"title": {"tasks": []}}', False),
        (b'{"master": {"tasks": []}}', False),
        (b'{\n"title": "A"\n}', False),
        (b'[{"title": "A"}]', False),
        (b'{"meta": {}, "complexityAnalysis": []}', False),
        (b"id,title\n1,A\n", False),
        (b"[" * 5000, False),
        (b"\xff\xfe", False),
    ],
)
def test_a_file_is_told_by_its_first_line(content: bytes, is_one: bool) -> None:
    assert is_beads(content) is is_one


def test_a_large_file_is_never_in_memory_as_a_whole() -> None:
    line = b'{"id": "bd-%06d", "title": "A", "description": "' + b"word " * 2000 + b'"}\n'
    content = memoryview(b"".join(line % number for number in range(2000)))
    assert len(content) > 20_000_000

    tracemalloc.start()
    count = sum(1 for _ in BeadsFile(content).records())
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert count == 2000
    assert peak < 4_000_000


def test_a_chain_of_parents_takes_no_longer_than_its_length() -> None:
    chain = [{"id": f"bd-{n}", "title": "A", "parent": f"bd-{n + 1}"} for n in range(20_000)]
    content = "\n".join(map(json.dumps, [*chain, {"id": "bd-20000", "title": "A"}])).encode()

    records = list(BeadsFile(content).records())

    assert [record.id for record in records] == [f"bd-{n}" for n in range(20_000, -1, -1)]


SMALL_IDS = st.sampled_from(["bd-1", "bd-2", "bd-3", "bd-1.1", "bd-1.1.1", "bd-1#2", "?2", 1, ""])
WORDS = st.sampled_from(["open", "closed", "blocked", "tombstone", "odd", "", None, 3, True, [1]])
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=5,
)
KINDS = st.sampled_from(["blocks", "parent-child", "waits-for", "related", "X y", "é", None]) | JSON
DEPENDENCIES = st.fixed_dictionaries(
    {}, optional={"issue_id": SMALL_IDS, "depends_on_id": SMALL_IDS, "type": KINDS}
)
ISSUES = st.fixed_dictionaries(
    {"title": st.sampled_from(["A", ""]) | JSON},
    optional={
        "id": SMALL_IDS,
        "_type": st.sampled_from(["issue", "memory"]),
        "key": st.sampled_from(["a", "b"]),
        "status": WORDS,
        "priority": st.integers(-1, 5) | JSON,
        "parent": SMALL_IDS,
        "labels": st.lists(JSON, max_size=3) | JSON,
        "dependencies": st.lists(DEPENDENCIES | JSON, max_size=4) | JSON,
        "comments": st.lists(
            st.fixed_dictionaries({}, optional={"id": SMALL_IDS, "text": JSON}) | JSON, max_size=3
        ),
        "closed_at": st.sampled_from(["2026-01-01T00:00:00Z", "soon", 0]),
        "updated_at": st.sampled_from(["2026-01-01", "2026-01-02T00:00:00+02:00", ""]),
        "metadata": st.text(max_size=5) | JSON,
        "design": JSON,
        "external_ref": st.sampled_from(["https://a.b/c", "http://", "gh-9"]),
    },
)
BELONGINGS = DEPENDENCIES | st.fixed_dictionaries(
    {"issue_id": SMALL_IDS}, optional={"label": JSON, "text": JSON, "event_type": JSON}
)
LINES = st.one_of(ISSUES, ISSUES, ISSUES, BELONGINGS).map(lambda one: json.dumps(one).encode())


@thoroughly
@given(st.lists(LINES, min_size=1, max_size=12))
def test_whatever_the_issues_say_their_records_hang_together(lines: list[bytes]) -> None:
    try:
        file = BeadsFile(b"\n".join(lines))
    except FileNotUnderstood:
        return

    records = sound(file)

    titled = [line for line in map(json.loads, lines) if line.get("title") is not None]
    memories = [line for line in map(json.loads, lines) if line.get("_type") == "memory"]
    issues = [line for line in titled if line.get("_type") != "memory"]
    assert len(records) == len(issues) + len(memories)


@thoroughly
@given(st.lists(LINES | st.binary(max_size=20) | JSON.map(lambda one: json.dumps(one).encode())))
def test_whatever_stands_in_a_file_it_is_understood_or_refused(lines: list[bytes]) -> None:
    try:
        file = BeadsFile(b"\n".join(lines))
    except FileNotUnderstood as refused:
        sentence = str(refused.details["why"])
    else:
        sentence = f"it has {len(sound(file))} records."

    assert sentence.endswith(".")
