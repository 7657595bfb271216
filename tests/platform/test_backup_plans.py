"""When a server backs itself up, what it keeps, and what it never touches."""

import sqlite3
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from nexus.platform.backups import (
    BackupFailed,
    BackupPlan,
    list_backups,
    remove_older,
    take_backup,
)
from nexus.platform.clock import now
from nexus.platform.database_url import DatabaseUrl, understand_url
from nexus.platform.migrating import migrate

DAY = "2026-11-21"
FOREIGN = [
    "nexus-20200101T000000Z.db.bak",
    "nexus-20200101T000000Z.db-wal",
    "nexus-20209999T999999Z.db",
    "nexus-20200101T000000.db",
    "nexus-notes.txt",
    "old-nexus-20200101T000000Z.db",
    ".nexus-20200101T000000Z.db.x7",
    "photo.jpg",
]


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> DatabaseUrl:
    url = understand_url(f"sqlite:///{tmp_path_factory.mktemp('planned')}/nexus.db")
    migrate(url)
    return url


def a_plan(url: DatabaseUrl, folder: Path, hour: int | None = 3, keep: int = 7) -> BackupPlan:
    return BackupPlan(url=url, folder=folder, hour=hour, keep=keep, programs=None)


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("hour", "newest", "asked", "is_due"),
    [
        (None, None, f"{DAY}T03:00", False),
        (3, None, f"{DAY}T02:59", True),
        (3, "20261120T030000Z", f"{DAY}T02:59", False),
        (3, "20261120T030000Z", f"{DAY}T03:00", True),
        (3, "20261120T235959Z", f"{DAY}T03:00", True),
        (3, "20261121T025959Z", f"{DAY}T03:00", True),
        (3, "20261121T030000Z", f"{DAY}T03:00", False),
        (3, "20261121T030000Z", f"{DAY}T23:59", False),
        (3, "20261119T120000Z", f"{DAY}T01:00", True),
        (0, "20261120T235959Z", f"{DAY}T00:00", True),
        (0, "20261121T000000Z", f"{DAY}T23:45", False),
        (23, "20261120T230001Z", f"{DAY}T22:59", False),
        (23, "20261120T225959Z", f"{DAY}T00:00", True),
        (3, "20270101T000000Z", f"{DAY}T03:00", False),
    ],
)
def test_a_backup_is_due_when_none_was_begun_since_the_hour_came(
    url: DatabaseUrl, tmp_path: Path, hour: int | None, newest: str | None, asked: str, is_due: bool
) -> None:
    if newest:
        (tmp_path / f"nexus-{newest}.db").touch()
    plan = a_plan(url, tmp_path, hour)

    due = plan.is_due(at(asked))

    assert due is is_due
    assert plan.is_due(at(asked).astimezone(None)) is is_due


def test_the_newest_of_several_counts_whatever_its_kind(url: DatabaseUrl, tmp_path: Path) -> None:
    for name in ("nexus-20261121T030100Z.dump", "nexus-20261119T030000Z.db", *FOREIGN):
        (tmp_path / name).touch()
    (tmp_path / "nexus-20991231T000000Z.db").mkdir()

    due = a_plan(url, tmp_path).is_due(at(f"{DAY}T04:00"))

    assert due is False


def test_only_the_newest_stay_and_what_is_no_backup_is_not_touched(
    url: DatabaseUrl, tmp_path: Path
) -> None:
    taken = [f"nexus-2026111{day}T030000Z.{end}" for day in range(4) for end in ("db", "dump")]
    for name in (*taken, *FOREIGN):
        (tmp_path / name).write_text("precious")
    (tmp_path / "nexus-20200101T000000Z.db").mkdir()

    backup = a_plan(url, tmp_path, keep=3).carry_out()

    kept = [one.path.name for one in list_backups(tmp_path)]
    assert kept == [backup.path.name, *sorted(taken[-2:], key=kept.index)]
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(
        [*kept, *FOREIGN, "nexus-20200101T000000Z.db"]
    )


def test_several_at_once_take_the_one_that_is_due(url: DatabaseUrl, tmp_path: Path) -> None:
    plan = a_plan(url, tmp_path / "backups", hour=now().hour)

    with ThreadPoolExecutor(4) as threads:
        taken = list(threads.map(lambda _: plan.carry_out_if_due(), range(4)))

    assert [one.path for one in taken if one] == [one.path for one in list_backups(plan.folder)]
    assert len(list_backups(plan.folder)) == 1


@pytest.mark.parametrize("keep", [1, 2, 1000])
def test_as_many_stay_as_are_to_be_kept(tmp_path: Path, keep: int) -> None:
    names = [f"nexus-20261121T0300{second:02}Z.db" for second in range(5)]
    for name in names:
        (tmp_path / name).touch()

    gone = remove_older(tmp_path, keep)

    assert [one.path.name for one in list_backups(tmp_path)] == names[::-1][:keep]
    assert [one.path.name for one in gone] == names[::-1][keep:]


def test_backups_of_one_moment_do_not_take_each_others_place(
    url: DatabaseUrl, tmp_path: Path
) -> None:
    before = now().replace(microsecond=0)

    taken = [take_backup(url, tmp_path / "new" / "folder") for _ in range(3)]

    assert len({one.path for one in taken}) == 3
    assert list_backups(taken[0].path.parent) == taken[::-1]
    assert all(before <= one.taken_at <= now() + timedelta(seconds=3) for one in taken)
    assert all(one.path.stat().st_mode & 0o777 == 0o600 for one in taken)
    assert taken[0].path.parent.stat().st_mode & 0o777 == 0o700
    assert [one.size for one in taken] == [one.path.stat().st_size for one in taken]


@pytest.mark.parametrize("name", ["a#b", "a?b", "a%20b", "a b", "ünï", "mode=rwc"])
def test_the_name_of_a_folder_can_be_anything(tmp_path: Path, name: str) -> None:
    folder = tmp_path / name
    folder.mkdir()
    file = folder / "nexus.db"
    with sqlite3.connect(file) as connection:
        connection.execute("CREATE TABLE alembic_version (version_num TEXT)")
        connection.execute("INSERT INTO alembic_version VALUES ('202611210001')")
    connection.close()
    around = _names_in(tmp_path)
    escaped = str(file).replace("%", "%25").replace("?", "%3F")

    backup = take_backup(understand_url(f"sqlite:///{escaped}"), tmp_path / "backups")

    assert backup.size > 0
    assert _names_in(tmp_path) == sorted([*around, "backups"])


def _names_in(folder: Path) -> Sequence[str]:
    return sorted(path.name for path in folder.iterdir())


def test_what_cannot_be_written_is_a_sentence(url: DatabaseUrl, tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    with pytest.raises(BackupFailed) as failed:
        a_plan(url, tmp_path / "file" / "backups").carry_out()

    assert "cannot be written" in str(failed.value)
