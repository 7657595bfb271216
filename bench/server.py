"""The server that is measured: Nexus as `nexus serve` runs it, with routes to compare it with.

`/bench/echo` is the least that this web server can do; `/bench/minimal/<operation>/<n>` runs the
SQL of the operation's n-th call through the bare driver and answers with the rows.
"""

import asyncio
import cProfile
import gc
import signal
import time
from argparse import ArgumentParser
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec
from granian.constants import Interfaces
from granian.server.embed import Server
from litestar import Request, Response, get, post, route
from pydantic import SecretStr

from bench.calls import Plan
from bench.capture import Capture
from bench.replay import Driver, open_driver
from bench.scripts import Script
from nexus.entrypoints.http import Nexus
from nexus.entrypoints.processes import open_database
from nexus.platform.logging import configure
from nexus.platform.settings import DatabaseSettings, HttpSettings, Settings

_OUTSIDE: dict[str, Any] = {"no_database": True}


def main() -> None:
    parser = ArgumentParser("python -m bench.server")
    parser.add_argument("--database", required=True)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--plan", type=Path, required=True)
    parser.add_argument("--minimal", nargs="*", default=[], help="operations to capture")
    given = parser.parse_args()
    settings = Settings(
        database=DatabaseSettings(url=SecretStr(given.database)),
        http=HttpSettings(port=given.port, requests_per_minute=10**9),
    )
    configure("warning", "json")
    plan = msgspec.json.decode(given.plan.read_bytes(), type=Plan)
    asyncio.run(_serve(settings, plan, given.minimal))


async def _serve(settings: Settings, plan: Plan, minimal: Sequence[str]) -> None:
    database = open_database(settings)
    nexus = Nexus(database, settings)
    driver = await open_driver(database)
    capture = Capture(nexus, database, driver, plan)
    scripts = {operation: await capture.scripts(operation) for operation in minimal}
    for handler in (echo, _minimal_route(driver, scripts), _profile_route()):
        nexus.litestar.register(handler)

    server = Server(
        nexus,
        address=settings.http.host,
        port=settings.http.port,
        interface=Interfaces.ASGI,
        websockets=False,
        log_enabled=False,
    )
    loop = asyncio.get_running_loop()
    for stop in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(stop, server.stop)
    await server.serve()
    await driver.close()


@get("/bench/echo", opt=_OUTSIDE)
async def echo() -> dict[str, str]:
    return {"status": "ok"}


def _minimal_route(driver: Driver, scripts: Mapping[str, Sequence[Script]]) -> Any:
    @route(
        "/bench/minimal/{operation:str}/{place:int}",
        http_method=["GET", "POST", "PATCH"],
        opt=_OUTSIDE,
        status_code=200,
    )
    async def minimal(
        request: Request[Any, Any, Any], operation: str, place: int
    ) -> Response[bytes]:
        await request.body()
        rows = await driver.run(scripts[operation][place])
        return Response(msgspec.json.encode(rows), media_type="application/json")

    return minimal


def _profile_route() -> Any:
    profile, pauses = cProfile.Profile(), _Pauses()

    @post("/bench/profile", opt=_OUTSIDE, status_code=200)
    async def steer(data: dict[str, str]) -> dict[str, float]:
        """Begin without `into`; end and write with it. Says how long the collector took."""
        if "into" in data:
            profile.disable()
            profile.dump_stats(data["into"])
            gc.callbacks.remove(pauses)
        else:
            gc.callbacks.append(pauses)
            profile.enable()
        return {"collections": pauses.count, "collecting_s": pauses.seconds}

    return steer


class _Pauses:
    """Counts the runs of the garbage collector, which a profile books on whoever is interrupted."""

    def __init__(self) -> None:
        self.count, self.seconds, self._began = 0, 0.0, 0.0

    def __call__(self, phase: str, _: dict[str, int]) -> None:
        if phase == "start":
            self._began = time.perf_counter()
        else:
            self.count += 1
            self.seconds += time.perf_counter() - self._began


if __name__ == "__main__":
    main()
