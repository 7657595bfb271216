"""Archives that are damaged, made up, or cut off by a kill: all of one comes in, or nothing."""

import asyncio
import gzip
import json
import sqlite3
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import psycopg
import pytest

from nexus.entrypoints import archives
from nexus.entrypoints.archives import ArchiveRefused
from nexus.platform.database_url import understand_url
from tests.archiving import Places, a_side, archive, count_rows, nexus, places, restore
from tests.cast import enter
from tests.conftest import DATABASES
from tests.features.exporting import in_tags
from tests.features.importing import bring_in
from tests.laws.world import a_world
from tests.server import NEXUS, Machine

ON_ONE = pytest.mark.parametrize("target", ["sqlite"], indirect=True)
"""What is about the file alone."""

ELSEWHERE = "01a1fe0b-b093-75df-919c-b032a7ef01da"
Row = dict[str, Any]


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Iterator[Places]:
    with places(tmp_path_factory.mktemp("places"), f"nexus_refusals_{worker_id}") as here:
        yield here


@pytest.fixture(scope="module", params=DATABASES)
def target(request: pytest.FixtureRequest, here: Places) -> str:
    """An empty database, which stays empty."""
    return here.new(request.param)


@pytest.fixture(scope="module")
async def good(tmp_path_factory: pytest.TempPathFactory, here: Places) -> bytes:
    """An archive as it should be."""
    async with a_side(url := here.new("sqlite")) as (database, app):
        ada = (await enter(database, app)).ada
        await a_world(database, app, ada, "API")
    file = tmp_path_factory.mktemp("good") / "a.jsonl"
    await asyncio.to_thread(archive, url, ada.workspace_id, file)
    return file.read_bytes()


def _unseen(_: int) -> None:
    """Of a progress bar."""


def lines_in(content: bytes) -> list[bytes]:
    return content.splitlines(keepends=True)


def with_row(table: str, **values: Any) -> Callable[[bytes], bytes]:
    """The first row of a table, with other values; those that are Ellipsis go."""

    def change(content: bytes) -> bytes:
        lines = lines_in(content)
        start = f'{{"table":"{table}"'.encode()
        at = next(number for number, line in enumerate(lines) if line.startswith(start))
        row = {name: v for name, v in (json.loads(lines[at]) | values).items() if v is not ...}
        lines[at] = json.dumps(row, separators=(",", ":")).encode() + b"\n"
        return b"".join(lines)

    return change


def with_line(line: bytes, at: int) -> Callable[[bytes], bytes]:
    def change(content: bytes) -> bytes:
        lines = lines_in(content)
        return b"".join([*lines[:at], line, *lines[at:]])

    return change


def _twice(content: bytes) -> bytes:
    lines = lines_in(content)
    return b"".join(one for line in lines for one in ([line] * (1 + (b'"table":"tasks"' in line))))


DAMAGE: dict[str, tuple[Callable[[bytes], bytes], str]] = {
    "nothing": (lambda _: b"", "Line 1"),
    "cut off in a line": (lambda it: it[: len(it) // 2], "cannot be read"),
    "cut off behind a line": (lambda it: b"".join(lines_in(it)[:-1]), "cut off"),
    "a header alone": (lambda it: lines_in(it)[0], "cut off"),
    "no header": (lambda it: b"".join(lines_in(it)[1:]), "no archive"),
    "twice": (lambda it: it + it, "behind"),
    "two headers": (lambda it: lines_in(it)[0] + it, "begins another archive"),
    "more behind the end": (lambda it: it + lines_in(it)[5], "behind"),
    "no JSON": (with_line(b"\xff\xfe{}\n", 20), "Line 21"),
    "an empty line": (with_line(b"\n", 20), "Line 21"),
    "another table": (with_line(b'{"table":"nope"}\n', 20), "'nope'"),
    "a table that is left out": (with_line(b'{"table":"sessions","id":"1"}\n', 20), "'sessions'"),
    "another column": (with_row("tasks", more=1), "`more`"),
    "a column less": (with_row("tasks", title=...), "`title`"),
    "another type": (with_row("tasks", number="one"), "`int`"),
    "nothing where something must be": (with_row("workspaces", name=None), "`null`"),
    "another workspace's row": (with_row("tasks", workspace_id=ELSEWHERE), "another workspace"),
    "another workspace": (with_row("workspaces", id=ELSEWHERE), "another workspace"),
    "wrong counts": (with_row("end", rows={"tasks": 1}), "says that it has"),
    "a newer schema": (with_row("archive", schema="999912310000"), "newer"),
    "another format": (with_row("archive", format=2), "newer"),
    "a project nowhere": (with_row("tasks", project_id=ELSEWHERE), "tasks"),
    "a parent nowhere": (with_row("tasks", parent_id=ELSEWHERE), "do not fit"),
    "rows twice": (_twice, "tasks"),
    "no moment": (with_row("tasks", created_at="2026-01-01T00:00:00"), "tasks"),
    "a large number": (with_row("tasks", number=2**63), "tasks"),
    "a larger number": (with_row("tasks", number=2**70), "tasks"),
    "nested deeply": (lambda it: it.replace(b"{}", b"[" * 99_999 + b"]" * 99_999, 1), "Line"),
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_what_is_wrong_is_said_in_a_sentence_and_nothing_is_written(
    good: bytes, target: str, damage: str
) -> None:
    change, said = DAMAGE[damage]
    lines = lines_in(change(good))

    with (
        pytest.raises(ArchiveRefused) as refused,
        archives.connected(understand_url(target), for_writing=True) as connection,
    ):
        archives.restore_archive(connection, lines, _unseen)

    message = str(refused.value)
    assert said in message
    assert "{" not in message.replace("{ключ", "")
    assert count_rows(target) == 0


@ON_ONE
@pytest.mark.parametrize(
    "damage",
    {
        "cut off": lambda packed: packed[: len(packed) // 2],
        "cut off at its end": lambda packed: packed[:-4],
        "damaged": lambda packed: packed[:1000] + bytes(50) + packed[1050:],
        "with another checksum": lambda packed: packed[:-8] + b"01234567",
        "with more behind it": lambda packed: packed + b"more",
        "empty": lambda _: gzip.compress(b""),
        "of something else": lambda _: gzip.compress(b'{"tasks":[]}'),
        "of two bytes": lambda packed: packed[:2],
    }.items(),
    ids=lambda one: one[0],
)
def test_a_packed_archive_that_is_damaged_is_refused(
    good: bytes, target: str, tmp_path: Path, damage: tuple[str, Callable[[bytes], bytes]]
) -> None:
    file = tmp_path / "a.jsonl.gz"
    file.write_bytes(damage[1](gzip.compress(good)))

    done = restore(target, file)

    assert done.code == 6, done.err
    assert "archive" in done.err
    assert count_rows(target) == 0


@ON_ONE
@pytest.mark.parametrize(
    "shape",
    [
        lambda it: b"\xef\xbb\xbf" + it,
        lambda it: it.replace(b"\n", b"\r\n"),
        lambda it: b"".join(json.dumps(json.loads(one)).encode() + b"\n" for one in lines_in(it)),
        lambda it: it.rstrip(),
    ],
    ids=["a mark", "carriage returns", "spaces", "no last line break"],
)
def test_an_archive_that_went_through_other_programs_is_an_archive(
    good: bytes, target: str, tmp_path: Path, shape: Callable[[bytes], bytes]
) -> None:
    file = tmp_path / "a.jsonl"
    file.write_bytes(shape(good))

    done = restore(target, file, "--dry-run")

    assert done.code == 0, done.err
    assert "would be restored" in done.out
    assert count_rows(target) == 0


def test_a_restore_is_all_that_was_asked_for(good: bytes, target: str, tmp_path: Path) -> None:
    file, closed = tmp_path / "a.jsonl", "postgresql://nexus:a-password@127.0.0.1:1/nexus"
    file.write_bytes(good)

    mixed = [restore(target, file, *flags) for flags in (["--project", "API"], ["--source", "a"])]
    closed_off = restore(closed, file)
    unwritable = nexus(
        "export", "--format", "archive", "--database", target, tmp_path / "no" / "a.jsonl"
    )
    nobody = nexus("export", "--format", "archive", "--database", target, tmp_path / "b.jsonl")
    nowhere = nexus(
        "export", "--format", "archive", "--database", f"sqlite:///{tmp_path}/none.db", "-"
    )

    assert [done.code for done in mixed] == [2, 2]
    assert (closed_off.code, "a-password" in closed_off.err) == (6, False)
    assert [done.code for done in (unwritable, nobody, nowhere)] == [6, 6, 6]
    assert not (tmp_path / "none.db").exists()
    assert not (tmp_path / "b.jsonl").exists()


def test_a_restore_that_is_killed_leaves_nothing_and_can_be_repeated(
    target: str, big: Path, tmp_path: Path
) -> None:
    command = [NEXUS, "import", big, "--database", target]
    environment = Machine(folder=tmp_path).environment

    with subprocess.Popen(command, cwd=tmp_path, env=environment) as process:
        _wait_until_writing(target, process)
        time.sleep(0.05)
        process.kill()

    assert process.returncode == -9
    assert count_rows(target) == 0
    assert restore(target, big, "--dry-run").code == 0


@pytest.fixture(scope="module")
async def big(tmp_path_factory: pytest.TempPathFactory, here: Places) -> Path:
    """An archive that takes its time."""
    records = [{"id": n, "title": f"Task {n}", "details": "x" * 2000} for n in range(1, 701)]
    async with a_side(url := here.new("sqlite")) as (database, app):
        ada = (await enter(database, app)).ada
        await bring_in(ada, database, in_tags(web=records), file_name="tasks.json")
    file = tmp_path_factory.mktemp("big") / "a.jsonl"
    await asyncio.to_thread(archive, url, ada.workspace_id, file)
    return file


def _wait_until_writing(url: str, process: subprocess.Popen[bytes]) -> None:
    """Until a restore holds its locks; fails if it ends before that."""
    until = time.monotonic() + 60
    while time.monotonic() < until:
        assert process.poll() is None
        if _is_writing(url):
            return
        time.sleep(0.01)
    raise AssertionError("It never began.")


def _is_writing(url: str) -> bool:
    if url.startswith("sqlite"):
        with closing(sqlite3.connect(url.removeprefix("sqlite:///"), timeout=0)) as connection:
            try:
                connection.execute("BEGIN IMMEDIATE")
            except sqlite3.OperationalError:
                return True
        return False
    with psycopg.connect(url) as connection:
        found = connection.execute(
            "SELECT 1 FROM pg_locks l JOIN pg_class c ON c.oid = l.relation"
            " JOIN pg_database d ON d.oid = l.database AND d.datname = current_database()"
            " WHERE c.relname = 'projects' AND l.mode = 'RowExclusiveLock'"
        )
        return found.fetchone() is not None
