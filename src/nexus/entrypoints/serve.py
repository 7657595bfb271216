"""The process behind `nexus serve`: the web server, which owns its signals."""

import asyncio
import shutil
import socket
import sys
from contextlib import AsyncExitStack
from pathlib import Path

from granian.constants import Interfaces
from granian.server.embed import Server

from nexus.entrypoints.first_start import FirstStart, prepare
from nexus.entrypoints.http import Nexus
from nexus.entrypoints.processes import (
    CannotServe,
    give_memory_back,
    leave,
    observed,
    on_signal,
    opened,
    shared_memory,
    told_of_commits,
    working,
)
from nexus.platform.database import Database
from nexus.platform.logging import logger
from nexus.platform.profiles import Profile, Profiles, ProfilesUnreadable
from nexus.platform.settings import Settings

log = logger(__name__)

BACKLOG, CONNECTIONS = 1024, 16_384
"""Connections that wait to be taken, and that are open; Granian's own 128 is one stream each."""
ENDS_WITHIN_S = 3.0
"""How long requests have to end when the process is told to, before its jobs are."""


def serve(settings: Settings, *, migrating: bool, with_worker: bool) -> None:
    """Serve until SIGINT or SIGTERM. Raises CannotServe before a request is taken."""
    asyncio.run(_serve(settings, migrating=migrating, with_worker=with_worker))


async def _serve(settings: Settings, *, migrating: bool, with_worker: bool) -> None:
    with observed(settings):
        _check_port(settings.http.host, settings.http.port)
        async with opened(settings, migrating=migrating) as database:
            first = await prepare(database)
            if first:
                _welcome(first, settings)
            async with (
                told_of_commits(database, settings),
                shared_memory(settings) as shared,
                AsyncExitStack() as stack,
            ):
                if with_worker:
                    await stack.enter_async_context(working(database, settings))
                await _answer(Nexus(database, settings, shared), database, settings)
    leave()


async def _answer(nexus: Nexus, database: Database, settings: Settings) -> None:
    """Take requests until a signal comes, and then until those that are being answered end.

    Not for ever: the web server also waits for clients that do not take what they asked for.
    """
    server = Server(
        nexus,
        address=settings.http.host,
        port=settings.http.port,
        interface=Interfaces.ASGI,
        websockets=False,
        log_enabled=False,
        backlog=BACKLOG,
        backpressure=CONNECTIONS,
    )
    is_late = asyncio.Event()

    def stop() -> None:
        nexus.streams.stop()  # the server waits for open answers, and a stream would never end
        nexus.waiting_room.stop()
        server.stop()
        asyncio.get_running_loop().call_later(ENDS_WITHIN_S, is_late.set)

    on_signal(stop)
    give_memory_back()
    log.info("server.started", url=_url(settings), database=database.dialect)
    serving = asyncio.create_task(server.serve())
    waiting = asyncio.create_task(is_late.wait())
    await asyncio.wait({serving, waiting}, return_when=asyncio.FIRST_COMPLETED)
    waiting.cancel()
    if serving.done():
        serving.result()
    log.info("server.stopped", in_time=serving.done())


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
