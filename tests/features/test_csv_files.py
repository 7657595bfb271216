"""CSV files as a whole: what is told from them, what is refused, and what holds for each."""

import csv
import io
import json
import tracemalloc
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nexus.features.imports.errors import FileNotUnderstood, MappingNotUnderstood
from nexus.features.imports.spreadsheet import CsvFile, is_csv
from nexus.features.imports.spreadsheet_mapping import CsvMapping, read_mapping
from tests.features.soundness import sound

TOO_LARGE = "field larger than field limit (131072)"

thoroughly = settings(max_examples=300, deadline=None, database=None)


def why(content: bytes, mapping: CsvMapping | None = None) -> str:
    with pytest.raises((FileNotUnderstood, MappingNotUnderstood)) as refused:
        CsvFile(content, mapping or CsvMapping())
    return str(refused.value.details["why"])


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("mark", ["", "\ufeff"])
def test_delimiters_line_ends_and_marks_are_found_out(mark: str, end: str, delimiter: str) -> None:
    rows = [["id", '"ti""tle, or"', "title"], ["1", "x", '"A, B; C\tD | E"'], ["2", "y", "F"]]
    content = (mark + end.join(delimiter.join(row) for row in rows) + end).encode()

    file = CsvFile(content, CsvMapping())

    assert [record.title for record in sound(file)] == ["A, B; C D | E", "F"]
    assert (file.format, file.is_partial) == ("csv", False)
    assert [(one.name, one.is_default) for one in file.lists] == [("csv", True)]


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", "it is empty."),
        (b" \n\n", "it is empty."),
        (b"id,title\n\n ,\n", "it has a header and no rows."),
        (
            b"Foo,Bar\n1,2\n",
            "it has no column for titles, only 'Foo', 'Bar'. A mapping can name it.",
        ),
        (
            "id,title\n1,Größe\n".encode("latin-1"),
            "it is not UTF-8 text. Save it as CSV in UTF-8.",
        ),
        ("id,title\n1,A\n".encode("utf-16"), "it is not UTF-8 text. Save it as CSV in UTF-8."),
        ("id,title\n1,A\n".encode("utf-16-le"), "it is not UTF-8 text. Save it as CSV in UTF-8."),
        (
            b'id,title\n1,A\n2,"B\n3,C\n',
            "line 4 cannot be read: unexpected end of data. Look for a quote that is not closed.",
        ),
        (
            b'id,title\n1,"A"B\n',
            "line 2 cannot be read: ',' expected after '\"'. Look for a quote that is not closed.",
        ),
        (
            b"id,title\n1,%s\n" % (b"a" * 200_000),
            f"line 2 cannot be read: {TOO_LARGE}. Look for a quote that is not closed.",
        ),
        (
            b"id,title\n1,A" + b",b" * 9_000_000,
            "line 2 belongs to a row of more than 16 MB. Look for a quote that is not closed.",
        ),
    ],
)
def test_what_cannot_be_read_is_refused_in_a_sentence(content: bytes, sentence: str) -> None:
    assert why(content) == sentence


@pytest.mark.parametrize(
    ("mapping", "sentence"),
    [
        (
            CsvMapping(columns={"title": "Topic"}),
            "there is no column 'Topic'. The columns are 'Key', 'Summary'.",
        ),
        (
            CsvMapping(custom=["Team"]),
            "there is no column 'Team'. The columns are 'Key', 'Summary'.",
        ),
        (
            CsvMapping(columns={"id": "Key"}),
            "it has no column for titles, only 'Key', 'Summary'. A mapping can name it.",
        ),
        (
            CsvMapping(delimiter="|"),
            "it has no column for titles, only 'Key,Summary'. A mapping can name it.",
        ),
    ],
)
def test_a_mapping_that_does_not_fit_names_the_columns_there_are(
    mapping: CsvMapping, sentence: str
) -> None:
    assert why(b"Key,Summary\n1,A\n", mapping) == sentence


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("", "truncated"),
        ("[]", "Expected `object`, got `array`"),
        ('{"columns": %s' % ("[" * 5000), "Expected `object`, got `array`"),
        ('{"heads": {}}', "unknown field `heads`"),
        ('{"columns": {"topic": "A"}}', "topic"),
        ('{"columns": {"title": 7}}', "Expected `str`, got `int`"),
        ('{"statuses": {"x": "doing"}}', "doing"),
        ('{"priorities": {"x": "urgent"}}', "urgent"),
        ('{"delimiter": ";;"}', "$.delimiter"),
        ('{"delimiter": "\\""}', "$.delimiter"),
        ('{"separator": ""}', "$.separator"),
        ('{"date_format": "%d %d"}', "date_format"),
        ('{"date_format": "%Q"}', "date_format"),
        ('{"date_format": "%d.%m."}', "date_format"),
        ('{"custom": "Team"}', "$.custom"),
        ("\ud800", "surrogates"),
    ],
)
def test_a_mapping_that_is_none_is_refused_in_a_sentence(text: str, named: str) -> None:
    with pytest.raises(MappingNotUnderstood) as refused:
        read_mapping(text)

    sentence = str(refused.value.details["why"])
    assert named in sentence
    assert sentence.endswith(".")


def test_a_mapping_with_nothing_in_it_changes_nothing() -> None:
    assert read_mapping("{}") == CsvMapping()


@pytest.mark.parametrize(
    ("content", "file_name", "is_one"),
    [
        (b"", "Backlog.CSV", True),
        (b"whatever", "backlog.tsv", True),
        (b"id,title\n1,A\n", "backlog.txt", True),
        (b"\xef\xbb\xbfIssue key;Summary\n", "", True),
        (b"title\nA\n", "backlog.txt", False),
        (b"id,what\n1,A\n", "", False),
        (b'{"title": "A", "id": 1}\n', "issues.jsonl", False),
        (b'\n[{"title", "A"}]', "", False),
        (b"", "", False),
        (b"\xff\xfe", "", False),
        (b"id,title" * 4_000_000, "", False),
    ],
)
def test_a_file_is_told_by_its_name_or_its_header(
    content: bytes, file_name: str, is_one: bool
) -> None:
    assert is_csv(content, file_name) is is_one


def test_a_large_file_is_never_in_memory_as_a_whole() -> None:
    rows = b"".join(b'%d,A,"%s"\n' % (n, b"a word\n" + b"word " * 2000) for n in range(2000))
    content = memoryview(b"id,title,description\n" + rows)
    assert len(content) > 20_000_000

    tracemalloc.start()
    count = sum(1 for _ in CsvFile(content, CsvMapping()).records())
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert count == 2000
    assert peak < 4_000_000


def test_a_chain_of_parents_takes_no_longer_than_its_length() -> None:
    rows = "".join(f"{n},A,{n + 1}\n" for n in range(20_000))

    records = list(CsvFile(f"id,title,parent\n{rows}".encode(), CsvMapping()).records())

    assert [record.id for record in records] == [str(n) for n in range(19_999, -1, -1)]


NAMES = st.sampled_from(
    ["id", "key", "title", "name", "status", "priority", "parent", "blocked by", "labels", "url",
     "due", "complexity", "Team", "", "title"]
)  # fmt: skip
CELLS = st.sampled_from(
    ["", " ", "1", "2", "3", "1#2", "?2", "1, 2; 3", "done", "Blocked", "high", "2026-01-01",
     "https://a.b/c", "x\x00", "a\nb", '"', "é"]
) | st.text(st.characters(exclude_categories=["Cs"]), max_size=5)  # fmt: skip


@thoroughly
@given(st.lists(NAMES, min_size=1, max_size=8), st.lists(st.lists(CELLS, max_size=9), max_size=9))
def test_whatever_the_cells_say_their_records_hang_together(
    header: list[str], rows: list[list[str]]
) -> None:
    written = io.StringIO()
    csv.writer(written, quoting=csv.QUOTE_ALL).writerows([["title", *header], *rows])

    try:
        records: Any = sound(CsvFile(written.getvalue().encode(), CsvMapping()))
    except FileNotUnderstood:
        records = None

    full = [row for row in rows if any(cell.strip() for cell in row)]
    assert len(records or []) == len(full)


@thoroughly
@given(st.binary(max_size=60), st.sampled_from([b"", b"id,title,parent\n", b'"title";id\n']))
def test_whatever_stands_in_a_file_it_is_understood_or_refused(rest: bytes, header: bytes) -> None:
    try:
        file = CsvFile(header + rest, CsvMapping())
    except FileNotUnderstood as refused:
        sentence = str(refused.details["why"])
    else:
        sentence = f"it has {len(sound(file))} records."

    assert sentence.endswith(".")


@thoroughly
@given(st.text(max_size=40) | st.dictionaries(st.text(), st.text()).map(json.dumps))
def test_whatever_a_mapping_says_it_is_understood_or_refused(text: str) -> None:
    try:
        sentence = f"{read_mapping(text)}."
    except MappingNotUnderstood as refused:
        sentence = str(refused.details["why"])

    assert sentence.endswith(".")
