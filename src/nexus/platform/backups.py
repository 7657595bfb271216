"""Backups of a whole database, taken while it is being used, and going back to one.

SQLite copies itself; of PostgreSQL its own pg_dump and pg_restore do it, which know what every
version of it holds.
"""

import fcntl
import os
import re
import shutil
import sqlite3
import subprocess
from collections.abc import Generator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import psycopg
from psycopg.conninfo import make_conninfo

from nexus.platform.clock import now
from nexus.platform.columns import Base
from nexus.platform.database_url import DatabaseUrl
from nexus.platform.files import written_whole
from nexus.platform.ids import new_id
from nexus.platform.jobs.store import SCHEMA
from nexus.platform.schema import revisions

SUFFIXES = {True: ".db", False: ".dump"}
_NAME = re.compile(r"nexus-(\d{8}T\d{6}Z)\.(?:db|dump)")
_FORM = "%Y%m%dT%H%M%SZ"
_SQLITE_MARK = b"SQLite format 3\x00"
_POSTGRES_MARK = b"PGDMP"


class BackupFailed(Exception):
    """A backup cannot be taken or restored; the message says why and what to do."""


@dataclass(frozen=True, kw_only=True)
class Backup:
    path: Path
    taken_at: datetime
    size: int


@dataclass(frozen=True, kw_only=True)
class BackupPlan:
    """When a server backs itself up, and where to. Without an `hour` (in UTC) it does not."""

    url: DatabaseUrl
    folder: Path
    hour: int | None
    keep: int
    programs: Path | None

    def is_due(self, at: datetime) -> bool:
        """Whether no backup was begun since the hour came last."""
        if self.hour is None:
            return False
        wanted = at.astimezone(UTC).replace(hour=self.hour, minute=0, second=0, microsecond=0)
        last = wanted if wanted <= at else wanted - timedelta(days=1)
        newest = next(iter(list_backups(self.folder)), None)
        return newest is None or newest.taken_at < last

    def carry_out(self) -> Backup:
        """Take one and let go of the oldest. Raises BackupFailed."""
        backup = take_backup(self.url, self.folder, self.programs)
        remove_older(self.folder, self.keep)
        return backup

    def carry_out_if_due(self) -> Backup | None:
        """The same if no other process has just done it. Raises BackupFailed."""
        with _alone_in(self.folder):
            return self.carry_out() if self.is_due(now()) else None


@contextmanager
def _alone_in(folder: Path) -> Generator[None]:
    """Wait until no other process or thread is in here; a killed one is out."""
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        opened = os.open(folder, os.O_RDONLY)
    except OSError as error:
        raise BackupFailed(f"The folder for backups cannot be used: {error}.") from error
    try:
        fcntl.flock(opened, fcntl.LOCK_EX)
        yield
    finally:
        os.close(opened)


def take_backup(url: DatabaseUrl, folder: Path, programs: Path | None = None) -> Backup:
    """Write a backup into a folder, under the time of its beginning. Raises BackupFailed.

    `programs` is where pg_dump is, if it is not to be searched for.
    """
    at = now().replace(microsecond=0)
    while (path := folder / _name(at, url)).exists():  # another one of this second
        at += timedelta(seconds=1)
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        write_backup(url, path, programs)
    except OSError as error:
        raise BackupFailed(f"The backup cannot be written: {error}.") from error
    return Backup(path=path, taken_at=at, size=path.stat().st_size)


def write_backup(url: DatabaseUrl, path: Path, programs: Path | None = None) -> None:
    """The same under a name of one's own. Raises BackupFailed and OSError."""
    with written_whole(path) as file:
        if url.is_sqlite:
            _copy_sqlite(url.file, Path(file.name))
        else:
            dump = _program("pg_dump", url, programs)
            with _connected(url) as connection:
                schemas = [f"--schema={one}" for one in (_own_schema(connection), SCHEMA)]
            options = ["--format=custom", "--no-owner", "--no-privileges", f"--file={file.name}"]
            _run([dump, *options, *schemas], url)


def list_backups(folder: Path) -> Sequence[Backup]:
    """Those in a folder, the newest first; files of other names are not touched or counted."""
    found = [
        Backup(path=path, taken_at=taken_at, size=path.stat().st_size)
        for path in folder.glob("nexus-*")
        if path.is_file() and (taken_at := _taken_at(path.name))
    ]
    return sorted(found, key=lambda one: one.taken_at, reverse=True)


def _name(at: datetime, url: DatabaseUrl) -> str:
    return f"nexus-{at.astimezone(UTC).strftime(_FORM)}{SUFFIXES[url.is_sqlite]}"


def _taken_at(name: str) -> datetime | None:
    found = _NAME.fullmatch(name)
    try:
        return datetime.strptime(found[1], _FORM).replace(tzinfo=UTC) if found else None
    except ValueError:
        return None


def remove_older(folder: Path, keep: int) -> Sequence[Backup]:
    """Let go of all but the newest; what went."""
    gone = list_backups(folder)[keep:]
    for one in gone:
        one.path.unlink(missing_ok=True)
    return gone


def restore_backup(url: DatabaseUrl, path: Path, programs: Path | None = None) -> None:
    """Put a backup in the place of what the database holds. Raises BackupFailed; nothing has
    changed then. No process may have the database open."""
    check_kind(url, path)
    if url.is_sqlite:
        _restore_sqlite(url.file, path)
    else:
        _restore_postgres(url, path, programs)


def set_aside(url: DatabaseUrl, folder: Path, programs: Path | None = None) -> Path:
    """Keep what a database holds before it is replaced, also where it is damaged.

    Raises BackupFailed.
    """
    try:
        return take_backup(url, folder, programs).path
    except BackupFailed:
        if not url.is_sqlite:
            raise
        path = folder / f"nexus-damaged-{new_id()}.db"
        for suffix in ("", "-wal"):
            found = Path(f"{url.file}{suffix}")
            if found.exists():
                with written_whole(Path(f"{path}{suffix}")) as copy, found.open("rb") as damaged:
                    shutil.copyfileobj(damaged, copy, 1 << 20)
        return path


def check_kind(url: DatabaseUrl, path: Path) -> None:
    """Raises BackupFailed for what is no backup of this kind of database."""
    with path.open("rb") as file:
        mark = file.read(16)
    wanted = _SQLITE_MARK if url.is_sqlite else _POSTGRES_MARK
    if not mark.startswith(wanted):
        kind = "SQLite" if url.is_sqlite else "PostgreSQL"
        raise BackupFailed(
            f"{path} is no backup of {kind}. To change the kind of database, write an archive of "
            "each workspace ('nexus export --format archive') and import that."
        )


def _copy_sqlite(source: Path, to: Path) -> None:
    """All pages as they are at one moment; writers go on meanwhile."""
    try:
        with (
            closing(sqlite3.connect(_uri(source, "mode=ro"), uri=True, timeout=30)) as reading,
            closing(sqlite3.connect(to)) as copy,
        ):
            reading.backup(copy)
            _check_sqlite(copy, to)
    except sqlite3.Error as error:
        raise BackupFailed(f"The database {source} cannot be copied: {error}.") from error


def _uri(file: Path, options: str) -> str:
    return f"{file.absolute().as_uri()}?{options}"


def _check_sqlite(connection: sqlite3.Connection, path: Path) -> None:
    try:
        (found,) = connection.execute("PRAGMA quick_check").fetchone()
        revision = connection.execute("SELECT version_num FROM alembic_version").fetchone()
    except sqlite3.Error as error:
        raise BackupFailed(f"{path} is no database of Nexus: {error}.") from error
    if found != "ok":
        raise BackupFailed(f"The database in {path} is damaged: {found}.")
    _check_revision(revision[0] if revision else None, path)


def _check_whole(file: Path) -> None:
    """SQLite fills a page that is cut off with zeros; its header says how many there are."""
    with file.open("rb") as start:
        header = start.read(32)
    page_size = int.from_bytes(header[16:18], "big")
    page_size = 65_536 if page_size == 1 else page_size
    if file.stat().st_size < page_size * int.from_bytes(header[28:32], "big"):
        raise BackupFailed(f"{file} is cut off: it is shorter than it says itself.")


def _check_revision(revision: str | None, path: Path) -> None:
    if revision not in revisions():
        raise BackupFailed(
            f"{path} has the schema {revision}, which this program does not know: another program "
            "made it, or a newer Nexus. Install that one."
        )


def _restore_sqlite(file: Path, backup: Path) -> None:
    _check_whole(backup)
    with closing(sqlite3.connect(_uri(backup, "mode=ro&immutable=1"), uri=True)) as connection:
        _check_sqlite(connection, backup)
    file.parent.mkdir(parents=True, exist_ok=True)
    if file.exists():
        _let_go(file)
    with written_whole(file) as new, backup.open("rb") as old:
        shutil.copyfileobj(old, new, 1 << 20)


def _let_go(file: Path) -> None:
    """Make sure that nobody has the database open: only then can it leave WAL mode."""
    with closing(sqlite3.connect(file, timeout=1)) as connection:
        try:
            (mode,) = connection.execute("PRAGMA journal_mode=DELETE").fetchone()
        except sqlite3.DatabaseError as error:
            if "locked" not in str(error):
                return  # it is damaged, which is why it is replaced
            mode = "wal"
    if mode != "delete":
        raise BackupFailed(f"Another process has {file} open. Stop the server and its workers.")


def _restore_postgres(url: DatabaseUrl, path: Path, programs: Path | None) -> None:
    """In one transaction: tables of Nexus make way, and what the dump holds takes their place.

    pg_restore has read all of the dump by then. What else is in the database stays.
    """
    program, psql = (_program(name, url, programs) for name in ("pg_restore", "psql"))
    with TemporaryDirectory(dir=path.parent, prefix=".restore-") as folder:
        script, clearing, contents = (Path(folder) / name for name in ("data", "clear", "list"))
        _run([program, "--list", f"--file={contents}", str(path)], url)
        entries = contents.read_text().splitlines()
        contents.write_text("\n".join(one for one in entries if " SCHEMA - " not in one))
        options = ["--clean", "--if-exists", "--no-owner", "--no-privileges"]
        chosen = [f"--use-list={contents}", f"--file={script}"]
        _run([program, *options, *chosen, str(path)], url)
        _check_revision(_revision_in(script), path)
        with _connected(url) as connection:
            _check_alone(connection)
            clearing.write_text(_clearing(_own_schema(connection)))
        quiet = ["--no-psqlrc", "--quiet", "--output=/dev/null", "--set=ON_ERROR_STOP=1"]
        files = [f"--file={one}" for one in (clearing, script)]
        _run([psql, *quiet, "--single-transaction", *files], url)


def _own_schema(connection: psycopg.Connection) -> str:
    """Where the tables are, quoted."""
    found = connection.execute("SELECT quote_ident(current_schema())").fetchone()
    return str(found[0]) if found else "public"


def _clearing(schema: str) -> str:
    """Newer tables than those of the dump, which would hold on to them, go as well."""
    names = [*Base.metadata.tables, "alembic_version"]
    drops = [f'DROP TABLE IF EXISTS {schema}."{name}" CASCADE;' for name in names]
    engine = [f"DROP SCHEMA IF EXISTS {SCHEMA} CASCADE;", f"CREATE SCHEMA {SCHEMA};"]
    return "\n".join([*drops, *engine])


def _revision_in(script: Path) -> str | None:
    """The schema's version that a dump holds."""
    with script.open(errors="replace") as lines:
        for line in lines:
            if line.startswith("COPY ") and "alembic_version" in line:
                return next(lines, "").strip()
    return None


def _check_alone(connection: psycopg.Connection) -> None:
    others = connection.execute(
        "SELECT count(*) FROM pg_stat_activity "
        "WHERE datname = current_database() AND pid <> pg_backend_pid() "
        "AND backend_type = 'client backend'"
    ).fetchone()
    if others and others[0]:
        raise BackupFailed(
            f"{others[0]} other connections use this database. Stop the server and its workers."
        )


@contextmanager
def _connected(url: DatabaseUrl) -> Generator[psycopg.Connection]:
    try:
        with psycopg.connect(make_conninfo(**_parameters(url))) as connection:
            yield connection
    except psycopg.Error as error:
        raise BackupFailed(f"The database cannot be reached or used: {error}") from error


def _parameters(url: DatabaseUrl) -> dict[str, str]:
    of = url.synchronous
    given = {
        "host": of.host, "port": of.port, "user": of.username, "password": of.password,
        "dbname": of.database, **of.query,
    }  # fmt: skip
    return {name: str(value) for name, value in given.items() if value is not None}


def _program(name: str, url: DatabaseUrl, folder: Path | None) -> str:
    """One that is at least as new as the server, as both programs want it."""
    with _connected(url) as connection:
        needed = connection.info.server_version // 10_000
    folders = [folder] if folder else sorted(Path("/usr/lib/postgresql").glob("*/bin"))
    places = [str(one / name) for one in folders if one]
    if not folder and (found := shutil.which(name)):
        places.append(found)
    fits = [(version, place) for place in places if (version := _version(place)) >= needed]
    if not fits:
        raise BackupFailed(
            f"{name} of PostgreSQL {needed} or newer is needed and was not found. Install "
            f"postgresql-client-{needed}, or name its folder in NEXUS_BACKUP__PROGRAMS."
        )
    return min(fits)[1]


def _version(program: str) -> int:
    """The major version of a program; 0 where there is none."""
    try:
        said = subprocess.run([program, "--version"], capture_output=True, text=True, check=True)  # noqa: S603 - of the operator's choice
    except (OSError, subprocess.CalledProcessError):
        return 0
    found = re.search(r"(\d+)", said.stdout)
    return int(found[1]) if found else 0


_VARIABLES = {
    "host": "PGHOST", "port": "PGPORT", "user": "PGUSER", "password": "PGPASSWORD",
    "dbname": "PGDATABASE", "sslmode": "PGSSLMODE", "sslrootcert": "PGSSLROOTCERT",
    "options": "PGOPTIONS",
}  # fmt: skip


def _run(command: list[str], url: DatabaseUrl) -> None:
    """The password goes by the environment: others can read the words of a command."""
    parameters = _parameters(url)
    own = {_VARIABLES[name]: v for name, v in parameters.items() if name in _VARIABLES}
    done = subprocess.run(  # noqa: S603 - a program that was looked up, and no shell
        command, env={**os.environ, **own}, capture_output=True, text=True, check=False
    )
    if done.returncode:
        said = " ".join(done.stderr.split())[-500:]
        raise BackupFailed(f"{Path(command[0]).name} failed: {said}")
