"""Archives of a workspace: all of it in one file, out of one database and into another.

docs/reference/archives.md describes the file. One line is one row; the first line says what it is,
the last one how many rows there are, so that a file that was cut off is not taken for a whole one.
"""

import gzip
import zlib
from collections import Counter
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from importlib.metadata import version
from pathlib import Path
from typing import IO, Any, Union
from uuid import UUID

import msgspec
from sqlalchemy import (
    Column,
    Connection,
    Engine,
    Row,
    Select,
    Table,
    bindparam,
    create_engine,
    event,
    func,
    insert,
    select,
    update,
)
from sqlalchemy.exc import DataError, IntegrityError, OperationalError, StatementError

from nexus.entrypoints import manifest
from nexus.features.webhooks.service import new_secret
from nexus.platform.columns import Base, Instant
from nexus.platform.database_url import DatabaseUrl
from nexus.platform.schema import revisions

FORMAT = 1
BOM = b"\xef\xbb\xbf"
VERSION = version("nexus-backlog")
BATCH = 500

assert manifest.CONTROLLERS  # noqa: S101 - with it the tables of all features are known

LEFT_OUT = {
    "sessions": "whoever was signed in signs in again",
    "api_keys": "secrets; make new ones",
    "idempotency_keys": "answers to requests of another server",
    "job_workers": "the processes of another server",
    "schema_requirements": "about the database, not the workspace",
}
"""Tables that do not go into an archive, and why. Those of the job engine do not either."""

BLANKED: Mapping[tuple[str, str], Callable[[Any], Any]] = {
    ("users", "password_hash"): lambda _: None,
    ("invitations", "token_digest"): lambda row: f"left out: {row['id']}",
    ("webhooks", "secret"): lambda _: "",
    ("webhooks", "old_secret"): lambda _: None,
}
"""Columns that hold secrets, and what an archive has in their place."""

GENERATED = {("task_texts", "number")}
"""Columns that the database hands out anew."""

NOTHING = "Nothing was written."
SWITCHED_OFF = "It came from an archive. Rotate its secret, then enable it."


class ArchiveRefused(Exception):
    """An archive cannot be written or restored; the message says why and what to do."""


class Header(msgspec.Struct, tag_field="table", tag="archive", kw_only=True):
    format: int
    nexus: str
    schema: str
    workspace_id: UUID
    workspace: str
    left_out: list[str]


class End(msgspec.Struct, tag_field="table", tag="end", kw_only=True):
    rows: dict[str, int]


@dataclass(kw_only=True)
class Contents:
    workspace: str
    rows: Counter[str] = field(default_factory=Counter[str])
    without_password: list[str] = field(default_factory=list[str])


def tables() -> list[Table]:
    """What goes into an archive, so that every row comes after those that it points at."""
    return [table for table in Base.metadata.sorted_tables if table.name not in LEFT_OUT]


@contextmanager
def connected(url: DatabaseUrl, *, for_writing: bool = False) -> Generator[Connection]:
    """One transaction over everything: what is read is of one moment, what is written is whole."""
    engine = create_engine(
        url.synchronous,
        json_serializer=lambda value: msgspec.json.encode(value).decode(),  # pyright: ignore[reportUnknownLambdaType]
        json_deserializer=msgspec.json.decode,
    )
    if url.is_sqlite:
        _prepare_sqlite(engine, "BEGIN IMMEDIATE" if for_writing else "BEGIN")
    else:
        engine = engine.execution_options(isolation_level="REPEATABLE READ")
    try:
        with engine.begin() as connection:
            yield connection
    finally:
        engine.dispose()


def workspaces(connection: Connection) -> Sequence[Row[Any, Any]]:
    table = Base.metadata.tables["workspaces"]
    return connection.execute(select(table.c.id, table.c.name).order_by(table.c.id)).all()


def find_workspace(connection: Connection, wanted: str | None) -> UUID:
    """By its id or its name; the only one where none is named. Raises ArchiveRefused."""
    there = workspaces(connection)
    fits = [row for row in there if wanted in {None, str(row.id), row.name}]
    if len(fits) == 1:
        return fits[0].id
    listed = ", ".join(f"{row.name} ({row.id})" for row in (fits or there)[:50]) or "none"
    raise ArchiveRefused(f"Name one workspace with --workspace. There are: {listed}.")


def write_archive(
    connection: Connection, workspace_id: UUID, into: IO[bytes], tick: Callable[[int], None]
) -> Contents:
    """Write a workspace row by row; `tick` is told of every so many rows."""
    names = {row.id: row.name for row in workspaces(connection)}
    header = Header(
        format=FORMAT,
        nexus=VERSION,
        schema=revisions()[-1],
        workspace_id=workspace_id,
        workspace=names[workspace_id],
        left_out=sorted(LEFT_OUT),
    )
    into.write(msgspec.json.encode(header) + b"\n")
    contents = Contents(workspace=header.workspace)
    for table in tables():
        query = _rows_of(table, workspace_id)
        found = connection.execution_options(stream_results=True, yield_per=BATCH).execute(query)
        name = str(table.name)
        for batch in found.mappings().partitions():
            for row in batch:
                line = {"table": name} | _shown(table, dict(row))
                into.write(msgspec.json.encode(line) + b"\n")
            contents.rows[name] += len(batch)
            tick(len(batch))
    into.write(msgspec.json.encode(End(rows=dict(contents.rows))) + b"\n")
    return contents


def count_rows(connection: Connection, workspace_id: UUID) -> int:
    counts = (
        select(func.count()).select_from(_rows_of(table, workspace_id).subquery())
        for table in tables()
    )
    return sum(connection.execute(query).scalar_one() for query in counts)


def is_packed(file: Path) -> bool:
    with file.open("rb") as start:
        return start.read(2) == b"\x1f\x8b"


@contextmanager
def opened(file: Path) -> Generator[IO[bytes]]:
    """An archive's lines, packed with gzip or not."""
    if is_packed(file):
        with gzip.open(file, "rb") as unpacked:
            yield unpacked  # pyright: ignore[reportReturnType] - a file all the same
    else:
        with file.open("rb") as plain:
            yield plain


def restore_archive(
    connection: Connection, lines: Iterable[bytes], tick: Callable[[int], None]
) -> Contents:
    """Write the rows of an archive. Raises ArchiveRefused; nothing is to be committed then."""
    restoring = _Restoring(connection, tick)
    try:
        return restoring.run(iter(lines))
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise ArchiveRefused(
            f"The archive is cut off or damaged: it cannot be unpacked ({error}). {NOTHING}"
        ) from error
    except (IntegrityError, DataError, StatementError, OverflowError) as error:
        if isinstance(error, OperationalError):
            raise
        why = " ".join(str(getattr(error, "orig", None) or error).split())[:300]
        raise ArchiveRefused(
            f"The rows of {restoring.place} do not fit: {why}. {NOTHING}"
        ) from error


class _Restoring:
    def __init__(self, connection: Connection, tick: Callable[[int], None]) -> None:
        self._connection = connection
        self._tick = tick
        self._tables = {table.name: table for table in tables()}
        self._decoder = _decoder(self._tables.values())
        self._users: dict[UUID, UUID] = {}
        self._parents: list[dict[str, Any]] = []
        self._batch: list[dict[str, Any]] = []
        self._of: Table | None = None

    @property
    def place(self) -> str:
        """What is being written, for messages."""
        return f"'{self._of.name}'" if self._of is not None else "the archive"

    def run(self, lines: Iterator[bytes]) -> Contents:
        header = self._read(next(lines, b""), 1)
        if not isinstance(header, Header):
            raise ArchiveRefused("This is no archive of Nexus: its first line does not say so.")
        self._check(header)
        contents = Contents(workspace=header.workspace)
        for number, line in enumerate(lines, start=2):
            row = self._read(line, number)
            if isinstance(row, End):
                self._flush()
                self._finish(row, contents, rest=next(lines, b""))
                return contents
            if isinstance(row, Header):
                raise ArchiveRefused(f"Line {number} begins another archive. Give them one by one.")
            name = row.__struct_config__.tag
            contents.rows[name] += 1
            self._take(self._tables[name], msgspec.structs.asdict(row), header, contents)
            self._tick(len(line))
        raise ArchiveRefused(f"The archive is cut off: its last line is missing. {NOTHING}")

    def _check(self, header: Header) -> None:
        if header.format != FORMAT or header.schema not in revisions():
            raise ArchiveRefused(
                f"This archive was written by Nexus {header.nexus} with the schema "
                f"{header.schema}, which this program ({VERSION}) does not know. Install the newer "
                "one."
            )
        if any(row.id == header.workspace_id for row in workspaces(self._connection)):
            raise ArchiveRefused(
                f"The workspace {header.workspace!r} is on this server already. An archive is "
                "restored where it is not."
            )

    def _read(self, line: bytes, number: int) -> Any:
        try:
            return self._decoder.decode(line.removeprefix(BOM) if number == 1 else line)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise ArchiveRefused(
                f"Line {number} of the archive cannot be read ({error}). Nothing was written."
            ) from error

    def _take(self, table: Table, row: dict[str, Any], header: Header, contents: Contents) -> None:
        owner = row.get("workspace_id", row["id"] if table.name == "workspaces" else None)
        if owner not in {None, header.workspace_id}:
            raise ArchiveRefused(f"A row of {table.name} belongs to another workspace.")
        if self._of is not table or len(self._batch) >= BATCH:
            self._flush()
            self._of = table
        match table.name:
            case "users":
                if not self._is_new_user(row):
                    return
                contents.without_password.append(row["email"])
            case "user_identities":
                if row["user_id"] in self._users or self._has_identity(row):
                    return  # who is here already signs in as before, and in no other way
            case "actors" if row["user_id"]:
                row["user_id"] = self._users.get(row["user_id"], row["user_id"])
            case "tasks" if row["parent_id"]:
                self._parents.append({"of": row["id"], "parent": row["parent_id"]})
                row["parent_id"] = None
            case "webhooks":
                row["secret"] = new_secret()
                row["disabled_at"] = row["disabled_at"] or row["created_at"]
                row["disabled_why"] = row["disabled_why"] or SWITCHED_OFF
            case _:
                pass
        self._batch.append(row)

    def _is_new_user(self, row: Mapping[str, Any]) -> bool:
        """Whoever has the e-mail address here is the same person."""
        users = self._tables["users"]
        known = self._connection.execute(
            select(users.c.id).where(
                (users.c.id == row["id"]) | (users.c.email_key == row["email_key"])
            )
        ).first()
        if known:
            self._users[row["id"]] = known.id
        return known is None

    def _has_identity(self, row: Mapping[str, Any]) -> bool:
        own = self._tables["user_identities"]
        here = (own.c.provider == row["provider"]) & (
            (own.c.subject == row["subject"]) | (own.c.user_id == row["user_id"])
        )
        return self._connection.execute(select(own.c.user_id).where(here)).first() is not None

    def _flush(self) -> None:
        if self._of is not None and self._batch:
            self._connection.execute(insert(self._of), self._batch)
        self._batch = []

    def _finish(self, end: End, contents: Contents, *, rest: bytes) -> None:
        if rest.strip():
            raise ArchiveRefused(f"There is something behind the archive's last line. {NOTHING}")
        if end.rows != dict(contents.rows):
            raise ArchiveRefused(
                f"The archive says that it has {sum(end.rows.values())} rows and has "
                f"{contents.rows.total()}, or others. {NOTHING}"
            )
        tasks = self._tables["tasks"]
        kind = tasks.c.id.type
        place = update(tasks).where(tasks.c.id == bindparam("of", type_=kind))
        place = place.values(parent_id=bindparam("parent", type_=kind))
        for start in range(0, len(self._parents), BATCH):
            self._connection.execute(place, self._parents[start : start + BATCH])


def _prepare_sqlite(engine: Engine, begin: str) -> None:
    def prepare(connection: Any, _: object) -> None:
        connection.isolation_level = None
        connection.execute("PRAGMA busy_timeout=30000")
        connection.execute("PRAGMA foreign_keys=ON")

    def start(connection: Connection) -> None:
        connection.exec_driver_sql(begin)

    event.listen(engine, "connect", prepare)
    event.listen(engine, "begin", start)


def _rows_of(table: Table, workspace_id: UUID) -> Select[Any]:
    """A workspace's rows of a table, always in the same order."""
    actors = Base.metadata.tables["actors"]
    query = select(*[column for column in table.c if (table.name, column.name) not in GENERATED])
    if table.name == "workspaces":
        query = query.where(table.c.id == workspace_id)
    elif "workspace_id" in table.c:
        query = query.where(table.c.workspace_id == workspace_id)
    else:
        mine = select(actors.c.user_id).where(actors.c.workspace_id == workspace_id)
        own = table.c.id if table.name == "users" else table.c.user_id
        query = query.where(own.in_(mine))
    order = [c for c in table.primary_key.columns if (table.name, c.name) not in GENERATED]
    return query.order_by(*(order or [table.c.task_id]))


def _shown(table: Table, row: dict[str, Any]) -> dict[str, Any]:
    return {
        str(name): BLANKED[table.name, name](row) if (table.name, name) in BLANKED else value
        for name, value in row.items()
    }


def _decoder(known: Iterable[Table]) -> Any:
    """Reads a line as a row of its table, with the types of its columns, and refuses others."""
    kinds: list[Any] = [Header, End]
    for table in known:
        stored = [one for one in table.c if (table.name, one.name) not in GENERATED]
        kinds.append(
            msgspec.defstruct(
                str(table.name),
                [_field(column) for column in stored],
                tag_field="table",
                tag=str(table.name),
                kw_only=True,
                forbid_unknown_fields=True,
            )
        )
    return msgspec.json.Decoder(Union[tuple(kinds)])  # noqa: UP007 - made of what is found


def _field(column: Column[Any]) -> Any:
    kind: Any = datetime if isinstance(column.type, Instant) else column.type.python_type
    kind = Any if kind in {dict, list} else kind
    name = str(column.name)
    return (name, kind | None, None) if column.nullable else (name, kind)
