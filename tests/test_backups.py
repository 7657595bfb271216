"""`nexus backup` and `nexus restore` of a whole server: going back, and what is refused."""

import json
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import psycopg
import pytest
from sqlalchemy import insert, select, text

from nexus.entrypoints import archives
from nexus.features.identity.tables import UserRow
from nexus.platform.backups import list_backups
from nexus.platform.clock import now
from nexus.platform.database_url import understand_url
from nexus.platform.migrating import migrate
from nexus.platform.schema import revisions
from tests.archiving import Done, Places, nexus, places, tables_in
from tests.conftest import DATABASES
from tests.server import NEXUS, Machine

ON_SQLITE = pytest.mark.parametrize("url", ["sqlite"], indirect=True)
ON_POSTGRES = pytest.mark.parametrize("url", ["postgresql"], indirect=True)
PASSED_ON = '#!/bin/sh\nprintf "%s\\n" "$0" "$@" >>{folder}/words\nexec {program} "$@"\n'
SLOW = """#!/bin/sh
[ "$1" = --version ] && exec {program} --version
for word in "$@"; do case "$word" in --file=*) echo half >"${{word#--file=}}";; esac; done
touch {folder}/begun
sleep 60
"""


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Iterator[Places]:
    with places(tmp_path_factory.mktemp("places"), f"nexus_backups_{worker_id}") as here:
        yield here


@pytest.fixture(params=DATABASES)
def url(request: pytest.FixtureRequest, here: Places) -> str:
    """A database with its tables, which no server has open."""
    return here.new(request.param)


def add(url: str, *names: str) -> None:
    """Somebody who can be missed."""
    rows = [
        {"id": uuid4(), "email": name, "email_key": name, "name": name, "created_at": now()}
        for name in names
    ]
    with archives.connected(understand_url(url), for_writing=True) as connection:
        connection.execute(insert(UserRow), rows)


def names_in(url: str) -> set[str]:
    with archives.connected(understand_url(url)) as connection:
        return set(connection.execute(select(UserRow.name)).scalars())


def revision_of(url: str) -> str | None:
    with archives.connected(understand_url(url)) as connection:
        return connection.execute(text("SELECT version_num FROM alembic_version")).scalar()


def backed_up(url: str, to: Path, **environment: str) -> Path:
    done = nexus("backup", to, "--database", url, **environment)
    assert done.code == 0, done.err
    return to


def restored(url: str, file: Path, *flags: str, **environment: str) -> Done:
    """What is there now goes into the folder of the file."""
    folder = {"NEXUS_BACKUP__FOLDER": str(file.parent / "before")}
    return nexus("restore", file, "--yes", "--database", url, *flags, **folder, **environment)


def test_going_back_undoes_what_came_since_and_can_be_undone(url: str, tmp_path: Path) -> None:
    add(url, "before")
    file = backed_up(url, tmp_path / "one.backup")
    add(url, "since")
    unasked = nexus("restore", file, "--database", url)
    names = names_in(url)

    done = restored(url, file)

    back = names_in(url)
    (kept,) = list_backups(tmp_path / "before")
    undone = restored(url, kept.path, "--discard")
    assert (unasked.code, names) == (1, {"before", "since"})
    assert (done.code, undone.code) == (0, 0), done.err + undone.err
    assert (back, names_in(url)) == ({"before"}, {"before", "since"})
    assert str(kept.path) in done.out.replace("\n", "")
    assert len(list_backups(tmp_path / "before")) == 1
    assert [one.stat().st_mode & 0o777 for one in (file, kept.path)] == [0o600, 0o600]


def test_a_backup_is_restored_where_there_is_nothing_yet(
    url: str, here: Places, tmp_path: Path
) -> None:
    add(url, "before")
    file = backed_up(url, tmp_path / "one.backup")
    kind = "sqlite" if url.startswith("sqlite") else "postgresql"
    empty = f"sqlite:///{tmp_path}/new/nexus.db" if kind == "sqlite" else here.nothing()

    done = restored(empty, file)

    assert done.code == 0, done.err
    assert names_in(empty) == {"before"}
    assert tables_in(empty) == tables_in(url)
    assert list_backups(tmp_path / "before") == []


def test_an_older_backup_is_brought_up_to_date(url: str, here: Places, tmp_path: Path) -> None:
    add(url, "old")
    migrate(understand_url(url), revisions()[1])
    file = backed_up(url, tmp_path / "old.backup")
    target = here.new("sqlite" if url.startswith("sqlite") else "postgresql")

    done = restored(target, file)

    assert done.code == 0, done.err
    assert (revision_of(url), revision_of(target)) == (revisions()[1], revisions()[-1])
    assert names_in(target) == {"old"}
    assert "webhooks" in tables_in(target) - tables_in(url)


def test_a_backup_in_the_folder_of_the_settings_lets_go_of_the_oldest(
    url: str, tmp_path: Path
) -> None:
    folder = tmp_path / "backups"
    environment = {"NEXUS_BACKUP__FOLDER": str(folder), "NEXUS_BACKUP__KEEP": "2"}
    folder.mkdir()
    (folder / "nexus-20200101T000000Z.db").write_text("of long ago")
    (folder / "mine.db").write_text("mine")

    taken = [nexus("backup", "--json", "--database", url, **environment) for _ in range(3)]

    paths = [Path(json.loads(done.out)["path"]) for done in taken]
    assert [one.path for one in list_backups(folder)] == paths[:0:-1]
    assert (folder / "mine.db").read_text() == "mine"
    assert [json.loads(done.out)["size"] for done in taken[1:]] == [
        path.stat().st_size for path in paths[1:]
    ]


def test_what_is_no_whole_backup_of_nexus_changes_nothing(
    url: str, here: Places, tmp_path: Path
) -> None:
    add(url, *(f"{number}-{uuid4().hex * 20}" for number in range(300)))
    before = names_in(url)
    good = backed_up(url, tmp_path / "good.backup").read_bytes()
    backed_up(here.new("postgresql" if url.startswith("sqlite") else "sqlite"), tmp_path / "other")
    contents = {
        "cut off": good[: len(good) // 2],
        "cut off at its end": good[:-100],
        "zeros": good[:4096] + bytes(8192) + good[12288:],
        "zeros at its end": good[:-9000] + bytes(4500) + good[-4500:],
        "text": good[:5] + b" and more",
        "nothing": b"",
        "another kind": (tmp_path / "other").read_bytes(),
        "newer": _of_another_program(url, here, tmp_path / "newer"),
    }
    refused: dict[str, bool] = {}

    for name, content in contents.items():
        (tmp_path / "bad.backup").write_bytes(content)
        done = restored(url, tmp_path / "bad.backup", "--discard")
        refused[name] = done.code == 7 and names_in(url) == before

    assert refused == dict.fromkeys(contents, True)
    assert revision_of(url) == revisions()[-1]
    left = {path.name for path in tmp_path.iterdir()}
    assert left == {"good.backup", "bad.backup", "other", "newer"}


def _of_another_program(url: str, here: Places, file: Path) -> bytes:
    """What a newer Nexus would have backed up, or somebody else who uses Alembic."""
    other = here.new("sqlite" if url.startswith("sqlite") else "postgresql")
    with archives.connected(understand_url(other), for_writing=True) as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '999912312359'"))
    if url.startswith("sqlite"):
        shutil.copyfile(other.removeprefix("sqlite:///"), file)
    else:
        subprocess.run(["pg_dump", "--format=custom", f"--file={file}", other], check=True)
    return file.read_bytes()


def test_what_cannot_be_done_is_a_sentence(url: str, tmp_path: Path) -> None:
    nowhere = f"sqlite:///{tmp_path}/none.db"
    away = "postgresql://nexus:a-password@127.0.0.1:1/nexus"

    unwritable = nexus("backup", tmp_path / "no" / "folder.db", "--database", url)
    unreadable = [nexus("backup", tmp_path / "x", "--database", one) for one in (nowhere, away)]
    unwanted = nexus("backup", "--database", url, NEXUS_BACKUP__KEEP="0")

    assert (unwritable.code, unreadable[0].code) == (7, 7)
    assert "cannot be read or written" in unwritable.err
    assert "none.db" in unreadable[0].err
    assert (unreadable[1].code, "a-password" in unreadable[1].err) == (7, False)
    assert (unwanted.code, "backup.keep" in unwanted.err) == (6, True)
    assert list(tmp_path.iterdir()) == []


def test_a_database_that_is_in_use_is_not_replaced(url: str, tmp_path: Path) -> None:
    file = backed_up(url, tmp_path / "one.backup")
    add(url, "since")

    with archives.connected(understand_url(url)) as connection:
        connection.execute(select(UserRow.name))
        done = restored(url, file, "--discard")

    assert (done.code, "Stop the server" in done.err) == (7, True)
    assert names_in(url) == {"since"}


def test_a_backup_that_is_killed_leaves_none_behind(url: str, tmp_path: Path) -> None:
    folder, programs = tmp_path / "backups", tmp_path / "programs"
    environment = {"NEXUS_BACKUP__FOLDER": str(folder)}
    if url.startswith("sqlite"):
        with archives.connected(understand_url(url), for_writing=True) as connection:
            connection.execute(text("CREATE TABLE ballast AS SELECT zeroblob(100000000) AS it"))
    else:
        environment |= standing_in(programs, SLOW, "pg_dump")
    command = [NEXUS, "backup", "--database", url]

    with subprocess.Popen(
        command, env=Machine(folder=tmp_path).environment | environment, start_new_session=True
    ) as process:
        _until_it_writes(folder, process)
        os.killpg(process.pid, signal.SIGKILL)

    assert process.returncode == -9
    assert [path.name for path in folder.iterdir() if not path.name.startswith(".")] == []
    again = nexus("backup", "--database", url, NEXUS_BACKUP__FOLDER=str(folder))
    assert (again.code, len(list_backups(folder))) == (0, 1)


def _until_it_writes(folder: Path, process: subprocess.Popen[bytes]) -> None:
    until = time.monotonic() + 60
    while time.monotonic() < until:
        assert process.poll() is None
        if folder.exists() and any(path.stat().st_size for path in folder.iterdir()):
            return
        time.sleep(0.002)
    raise AssertionError("It never wrote anything.")


def standing_in(folder: Path, script: str, *names: str) -> dict[str, str]:
    """Programs of one's own that know where the real ones are; the setting that names them."""
    folder.mkdir()
    for name in names:
        program = shutil.which(name)
        (folder / name).write_text(script.format(folder=folder, program=program))
        (folder / name).chmod(0o755)
    return {"NEXUS_BACKUP__PROGRAMS": str(folder)}


@ON_SQLITE
def test_a_damaged_database_is_replaced_and_kept(url: str, tmp_path: Path) -> None:
    add(url, "before")
    file = backed_up(url, tmp_path / "one.backup")
    database = Path(url.removeprefix("sqlite:///"))
    content = database.read_bytes()
    damaged = b"\xff" * 20_000 + content[20_000:]
    database.write_bytes(damaged)

    failed = nexus("backup", tmp_path / "two.backup", "--database", url)
    done = restored(url, file)

    (kept,) = (tmp_path / "before").glob("*.db")
    assert failed.code == 7
    assert not (tmp_path / "two.backup").exists()
    assert (done.code, names_in(url)) == (0, {"before"}), done.err
    assert kept.read_bytes() == damaged
    assert str(kept) in done.out.replace("\n", "")
    assert kept.stat().st_mode & 0o777 == 0o600


@ON_POSTGRES
def test_what_else_is_in_a_database_stays_as_it_is(url: str, tmp_path: Path) -> None:
    add(url, "before")
    others = "CREATE SCHEMA other; CREATE TABLE other.theirs AS SELECT 1 AS it;"
    others += "CREATE TYPE mood AS ENUM ('fine'); CREATE TABLE moods AS SELECT 'fine'::mood AS it;"
    with psycopg.connect(url) as connection:
        connection.execute(others)  # pyright: ignore[reportArgumentType] - several at once
    file = backed_up(url, tmp_path / "one.backup")
    with psycopg.connect(url) as connection:
        connection.execute("INSERT INTO other.theirs VALUES (2)")
    add(url, "since")

    done = restored(url, file, "--discard")

    assert done.code == 0, done.err
    assert names_in(url) == {"before"}
    with psycopg.connect(url) as connection:
        theirs = connection.execute("SELECT count(*) FROM other.theirs").fetchone()
        moods = connection.execute("SELECT count(*) FROM moods").fetchone()
    assert (theirs, moods) == ((2,), (1,))


@ON_POSTGRES
def test_a_schema_of_its_own_is_restored_there(url: str, here: Places, tmp_path: Path) -> None:
    with psycopg.connect(here.nothing()) as connection:
        connection.execute("CREATE SCHEMA mine")
        own = f"{url.rpartition('/')[0]}/{connection.info.dbname}?options=-csearch_path%3Dmine"
    migrate(understand_url(own))
    add(own, "before")
    file = backed_up(own, tmp_path / "one.backup")
    add(own, "since")

    done = restored(own, file)

    assert done.code == 0, done.err
    assert (names_in(own), revision_of(own)) == ({"before"}, revisions()[-1])


@ON_POSTGRES
def test_the_password_is_in_no_command_and_no_message(url: str, tmp_path: Path) -> None:
    secret = url.replace("://postgres@", "://postgres:a-password@")
    programs = standing_in(tmp_path / "programs", PASSED_ON, "pg_dump", "pg_restore", "psql")
    file = backed_up(secret, tmp_path / "one.backup", **programs)
    done = restored(secret, file, **programs)

    failed = nexus("backup", tmp_path / "x", "--database", f"{secret}_not_there", **programs)

    words = (tmp_path / "programs" / "words").read_text()
    assert (secret != url, done.code, failed.code) == (True, 0, 7)
    assert words.count("pg_dump") >= 2
    assert "pg_restore" in words
    assert "a-password" not in words + done.out + done.err + failed.out + failed.err


@ON_POSTGRES
@pytest.mark.parametrize("script", [None, '#!/bin/sh\necho "pg_dump (PostgreSQL) 9.6.1"\n'])
def test_programs_that_are_missing_or_too_old_are_named(
    url: str, tmp_path: Path, script: str | None
) -> None:
    file = backed_up(url, tmp_path / "one.backup")
    names = ["pg_dump", "pg_restore", "psql"] if script else []
    programs = standing_in(tmp_path / "programs", script or "", *names)
    add(url, "here")

    failed = nexus("backup", tmp_path / "two.backup", "--database", url, **programs)
    unrestored = restored(url, file, "--discard", **programs)

    assert (failed.code, unrestored.code) == (7, 7)
    assert "pg_dump of PostgreSQL" in failed.err
    assert "NEXUS_BACKUP__PROGRAMS" in failed.err
    assert "pg_restore of PostgreSQL" in unrestored.err
    assert (names_in(url), (tmp_path / "two.backup").exists()) == ({"here"}, False)
