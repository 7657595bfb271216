"""What every long-running process of Nexus begins and ends with."""

import asyncio
import ctypes
import gc
import os
import signal
import sys
from collections.abc import AsyncGenerator, Callable, Generator
from concurrent.futures import ProcessPoolExecutor
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager, suppress
from multiprocessing import get_context
from typing import TYPE_CHECKING, NoReturn

from nexus.clients.language_models import LanguageModel
from nexus.clients.webhooks import WebhookClient
from nexus.entrypoints.manifest import JOBS, QUEUES
from nexus.features.proposals.jobs import Models
from nexus.features.webhooks.watching import watch
from nexus.platform import reporting, tracing
from nexus.platform.backups import BackupPlan
from nexus.platform.database import DATABASE_FAILURES, Database
from nexus.platform.database_url import DatabaseUrl, understand_url
from nexus.platform.jobs import engine
from nexus.platform.jobs.store import JobStore
from nexus.platform.logging import configure
from nexus.platform.relaying import Relay
from nexus.platform.schema import NO_TABLES, schema_problem
from nexus.platform.settings import Settings

if TYPE_CHECKING:
    from nexus.platform.redis import SharedMemory


class CannotServe(Exception):
    """The process cannot start; the message says why and what to do."""


@contextmanager
def observed(settings: Settings) -> Generator[None]:
    """Logs, traces and error reports, as the settings say. Raises CannotServe."""
    configure(settings.log.level, settings.log.form)
    try:
        if settings.tracing.endpoint:
            tracing.start(settings.tracing.endpoint, settings.tracing.sample)
        if settings.sentry.dsn:
            reporting.start(settings.sentry.dsn.get_secret_value())
    except (tracing.TracingNotInstalled, reporting.SentryNotInstalled) as error:
        raise CannotServe(str(error)) from error
    try:
        yield
    finally:
        tracing.stop()
        if settings.sentry.dsn:
            reporting.stop()


@asynccontextmanager
async def opened(settings: Settings, *, migrating: bool) -> AsyncGenerator[Database]:
    """The database, once its schema fits. Raises CannotServe."""
    database = open_database(settings)
    url = database.url
    if migrating or (url.is_sqlite and not url.file.exists()):
        # In a process of its own, whose memory is gone with it.
        with ProcessPoolExecutor(1, get_context("spawn")) as process:
            await asyncio.wrap_future(process.submit(migrate_settings, settings))
    try:
        await _check_schema(database)
        yield database
    finally:
        await database.close()


async def fitting(settings: Settings, *, migrating: bool) -> None:
    """Make sure that the schema fits, for a command. `migrating`: an empty database is filled.

    Raises CannotServe.
    """
    database = open_database(settings)
    url = database.url
    is_missing = url.is_sqlite and not url.file.exists()
    try:
        if is_missing and not migrating:
            raise CannotServe(f"There is no database {url.file}.")
        is_empty = is_missing or await schema_problem(database) == NO_TABLES
        if migrating and is_empty:
            await asyncio.to_thread(migrate_settings, settings)
        await _check_schema(database)
    except DATABASE_FAILURES as error:
        raise CannotServe(unusable(error)) from error
    finally:
        await database.close()


async def holds_something(settings: Settings) -> bool:
    """Whether there is a database with tables, whatever their age. Raises CannotServe."""
    database = open_database(settings)
    url = database.url
    try:
        if url.is_sqlite:  # a damaged one too
            return url.file.exists() and url.file.stat().st_size > 0
        return await schema_problem(database) != NO_TABLES
    except DATABASE_FAILURES as error:
        raise CannotServe(unusable(error)) from error
    finally:
        await database.close()


async def _check_schema(database: Database) -> None:
    try:
        problem = await schema_problem(database)
    except DATABASE_FAILURES as error:
        raise CannotServe(unusable(error)) from error
    if problem:
        raise CannotServe(f"Nexus cannot run on this database: {problem}.")


def open_database(settings: Settings) -> Database:
    url = understand_url(
        settings.database.url.get_secret_value(), is_pooler=settings.database.pooler
    )
    return Database(url, pool_size=settings.database.pool_size, jobs=JobStore(url))


def migrate_settings(settings: Settings, revision: str = "head") -> None:
    """Migrate over the direct URL where there is one: migrations need no pooler.

    Raises CannotServe where the database is not to be reached or used.
    """
    from nexus.platform.migrating import migrate  # noqa: PLC0415 - not for servers

    try:
        migrate(direct_url(settings), revision)
    except DATABASE_FAILURES as error:
        raise CannotServe(unusable(error)) from error


def direct_url(settings: Settings) -> DatabaseUrl:
    direct = settings.database.direct_url
    if direct:
        return understand_url(direct.get_secret_value())
    return understand_url(
        settings.database.url.get_secret_value(), is_pooler=settings.database.pooler
    )


@asynccontextmanager
async def shared_memory(settings: Settings) -> AsyncGenerator["SharedMemory | None"]:
    """Redis, where the settings name one."""
    if settings.redis.url is None:
        yield None
        return
    from nexus.platform.redis import SharedMemory  # noqa: PLC0415 - where it is used alone

    shared = SharedMemory(settings.redis.url.get_secret_value())
    try:
        yield shared
    finally:
        await shared.close()


@asynccontextmanager
async def told_of_commits(database: Database, settings: Settings) -> AsyncGenerator[None]:
    """Wake-ups to and from the other processes, where there can be any."""
    relay = _relay(database, settings)
    if relay is None:
        yield
        return
    running = asyncio.create_task(relay.run_forever())
    try:
        yield
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


def _relay(database: Database, settings: Settings) -> Relay | None:
    if settings.redis.url:
        from nexus.platform.redis import RedisRelay  # noqa: PLC0415 - where it is used alone

        return RedisRelay(settings.redis.url.get_secret_value(), database.wakeups)
    url = direct_url(settings)
    if url.is_sqlite or url.is_pooler:
        return None
    from nexus.platform.listening import PostgresRelay  # noqa: PLC0415 - not for SQLite

    return PostgresRelay(url, database.wakeups)


@asynccontextmanager
async def working(database: Database, settings: Settings) -> AsyncGenerator[None]:
    """Carry out jobs in this process. Raises CannotServe where another one does, on SQLite."""
    client = WebhookClient(settings.webhooks.allowed_networks)
    model = language_model(settings)
    async with AsyncExitStack() as stack:
        stack.push_async_callback(client.close)
        if model:
            stack.push_async_callback(model.close)
        try:
            await stack.enter_async_context(
                engine.working(
                    database,
                    direct_url(settings),
                    JOBS,
                    queues=QUEUES,
                    given={
                        WebhookClient: client,
                        BackupPlan: backup_plan(settings),
                        Models: Models(default=model),
                    },
                    drain_s=settings.jobs.drain_s,
                )
            )
        except engine.AnotherWorker as error:
            raise CannotServe(str(error)) from error
        watching = asyncio.create_task(watch(database))
        try:
            yield
        finally:
            watching.cancel()
            await asyncio.gather(watching, return_exceptions=True)


def language_model(settings: Settings) -> LanguageModel | None:
    """What is asked to split tasks, if one is set up."""
    wanted = settings.language_model
    if wanted.url is None:
        return None
    key = wanted.key.get_secret_value() if wanted.key else None
    return LanguageModel(wanted.url, wanted.name, key, wanted.timeout_s)


def backup_plan(settings: Settings) -> BackupPlan:
    backup = settings.backup
    return BackupPlan(
        url=direct_url(settings),
        folder=backup.folder,
        hour=backup.hour,
        keep=backup.keep,
        programs=backup.programs,
    )


def give_memory_back() -> None:
    """Return to the system what starting has left over: 5 MB of an idle server.

    What is there now stays: looking through it again would stop a busy server for 0.2 s each time.
    """
    gc.collect()
    gc.freeze()
    with suppress(OSError, AttributeError):  # not every C library has it
        ctypes.CDLL(None).malloc_trim(0)


def leave() -> NoReturn:
    """End the process now that all is closed, whatever threads of libraries still wait for."""
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)


def on_signal(stop: Callable[[], None]) -> None:
    """Call `stop` when the process is asked to end."""
    loop = asyncio.get_running_loop()
    for told in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(told, stop)


def unusable(error: Exception) -> str:
    """In the driver's own words, which name the host or file and never the password."""
    cause = getattr(error, "orig", None) or error
    return f"The database cannot be reached or used: {str(cause).strip()}"
