"""The process behind `nexus serve`: the web server, which owns its signals."""

import asyncio
import shutil
import signal
import socket
import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

from granian.constants import Interfaces
from granian.server.embed import Server

from nexus.entrypoints.first_start import FirstStart, prepare
from nexus.entrypoints.http import Nexus
from nexus.platform.database import DATABASE_FAILURES, Database, understand_url
from nexus.platform.logging import configure, logger
from nexus.platform.migrating import migrate, schema_problem
from nexus.platform.profiles import Profile, Profiles, ProfilesUnreadable
from nexus.platform.settings import Settings

log = logger(__name__)


class CannotServe(Exception):
    """The server cannot start; the message says why and what to do."""


def serve(settings: Settings, *, migrating: bool) -> None:
    """Serve until SIGINT or SIGTERM. Raises CannotServe before a request is taken."""
    configure(settings.log.level, settings.log.form)
    asyncio.run(_serve(settings, migrating=migrating))


def open_database(settings: Settings) -> Database:
    url = understand_url(
        settings.database.url.get_secret_value(), is_pooler=settings.database.pooler
    )
    return Database(url, pool_size=settings.database.pool_size)


def migrate_settings(settings: Settings, revision: str = "head") -> None:
    """Migrate over the direct URL where there is one: migrations need no pooler.

    Raises CannotServe where the database is not to be reached or used.
    """
    direct = settings.database.direct_url or settings.database.url
    try:
        migrate(understand_url(direct.get_secret_value()), revision)
    except DATABASE_FAILURES as error:
        raise CannotServe(_unusable(error)) from error


async def _serve(settings: Settings, *, migrating: bool) -> None:
    http = settings.http
    _check_port(http.host, http.port)
    database = open_database(settings)
    is_new_file = database.url.is_sqlite and not database.url.file.exists()
    if migrating or is_new_file:
        await asyncio.to_thread(migrate_settings, settings)
    try:
        problem = await schema_problem(database)
    except DATABASE_FAILURES as error:
        raise CannotServe(_unusable(error)) from error
    if problem:
        raise CannotServe(f"Nexus cannot run on this database: {problem}.")
    first = await prepare(database)
    if first:
        _welcome(first, settings)

    nexus = Nexus(database, settings)
    server = Server(
        nexus,
        address=http.host,
        port=http.port,
        interface=Interfaces.ASGI,
        websockets=False,
        log_enabled=False,
    )
    loop = asyncio.get_running_loop()

    def stop() -> None:
        nexus.streams.stop()  # the server waits for open answers, and a stream would never end
        server.stop()

    for told in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(told, stop)
    log.info("server.started", url=_url(settings), database=database.dialect)
    async with _told_of_commits(database, settings):
        await server.serve()
    log.info("server.stopped")


@asynccontextmanager
async def _told_of_commits(database: Database, settings: Settings) -> AsyncGenerator[None]:
    """Wake-ups to and from the other server processes, where there can be any."""
    if database.url.is_sqlite or (database.url.is_pooler and not settings.database.direct_url):
        yield
        return
    from nexus.platform.listening import PostgresRelay  # noqa: PLC0415 - not for SQLite

    direct = settings.database.direct_url or settings.database.url
    relay = PostgresRelay(understand_url(direct.get_secret_value()), database.wakeups)
    running = asyncio.create_task(relay.run_forever())
    try:
        yield
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


def _unusable(error: Exception) -> str:
    """In the driver's own words, which name the host or file and never the password."""
    cause = getattr(error, "orig", None) or error
    return f"The database cannot be reached or used: {str(cause).strip()}"


def _check_port(host: str, port: int) -> None:
    """Granian binds in a thread of its own, whose failure comes too late for a good sentence."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise CannotServe(
                f"Port {port} on {host} is not to be had ({error.strerror}). "
                "Is Nexus running already? Choose another one with --port or PORT."
            ) from error


def _url(settings: Settings) -> str:
    http = settings.http
    host = "127.0.0.1" if http.host in {"0.0.0.0", "::"} else http.host  # noqa: S104 - compared, not bound
    return http.public_url or f"http://{host}:{http.port}"


def _welcome(first: FirstStart, settings: Settings) -> None:
    """Shown once, on standard output and not in the log, where secrets do not belong."""
    url = _url(settings)
    lines = [
        "",
        "Welcome to Nexus. This is shown once; write it down:",
        "",
        f"  Sign in at  {url}",
        f"  E-mail      {first.email}",
        f"  Password    {first.password}",
        f"  API key     {first.key}",
        "",
        _written_profile(url, first.key, settings),
        "",
    ]
    sys.stdout.write("\n".join(lines) + "\n")
    sys.stdout.flush()


def _written_profile(url: str, key: str, settings: Settings) -> str:
    """Keep the key for this machine's commands, beside the profiles of other servers."""
    try:
        profiles = Profiles.load(settings.profile_path)
        other = profiles.find("default")
        name = "default" if other is None or other.url == url else f"local-{settings.http.port}"
        path = profiles.with_profile(Profile(name=name, url=url, key=key)).save()
    except (OSError, ProfilesUnreadable) as error:
        return f"No profile for commands could be written ({error}). Use 'nexus login --key'."
    command = "nexus" if shutil.which("nexus") else Path(sys.executable).parent / "nexus"
    return (
        f"The key stands in {path}, so 'nexus' commands work on this machine now.\n"
        f"Try: {command} next"
    )
