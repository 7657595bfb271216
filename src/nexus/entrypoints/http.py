"""The web process: create_app puts database, settings and controllers together."""

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from functools import cached_property
from importlib.metadata import version as installed_version
from typing import TYPE_CHECKING, Any

import msgspec
from litestar import Litestar, Request, Router
from litestar.config.cors import CORSConfig
from litestar.datastructures import State
from litestar.di import Provide

from nexus.entrypoints.credentials import Credentials
from nexus.entrypoints.manifest import CONTROLLERS
from nexus.entrypoints.processes import backup_plan
from nexus.entrypoints.readiness import ReadinessCheck
from nexus.features.events.streaming import EventStreams, StillThere
from nexus.features.runs.waiting_room import WaitingRoom
from nexus.platform import metrics
from nexus.platform.actor import Actor, Permission
from nexus.platform.database import DATABASE_FAILURES, Database
from nexus.platform.database_url import understand_url
from nexus.platform.errors import NotFound
from nexus.platform.http.answers import (
    StillKnown,
    learn_inputs,
    provide_actor,
    provide_caller,
    provide_reading,
    provide_tx,
    provide_upload,
    refuse_unknown_parameters,
)
from nexus.platform.http.authentication import (
    Authentication,
    CredentialRefused,
    check_may_measure,
)
from nexus.platform.http.idempotency import StoredAnswer
from nexus.platform.http.openapi import describe
from nexus.platform.http.outermost import AsgiApp, outermost
from nexus.platform.http.pages import Measured, PageController
from nexus.platform.http.problem import EXCEPTION_HANDLERS
from nexus.platform.http.unit_of_work import UnitOfWork, on_stored_answer
from nexus.platform.logging import logger
from nexus.platform.settings import Settings
from nexus.platform.throttle import Throttle

if TYPE_CHECKING:
    from nexus.platform.redis import SharedMemory

log = logger(__name__)

API = "/api/v1"
LAST_USE_EVERY_S = 10
VERSION = installed_version("nexus-backlog")


class Nexus:
    """The web application, its description and its streams; call it as ASGI."""

    def __init__(
        self, database: Database, settings: Settings, shared: "SharedMemory | None" = None
    ) -> None:
        self.streams = EventStreams(database)
        self.waiting_room = WaitingRoom(database)
        self.litestar = create_litestar(database, settings, self.streams, self.waiting_room, shared)
        self.litestar.state.describe = self._described
        self._asgi: AsgiApp = outermost(self.litestar)

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        await self._asgi(scope, receive, send)

    @cached_property
    def openapi(self) -> dict[str, Any]:
        """Made when it is asked for: it takes a while, and memory that most servers never need."""
        return describe(self.litestar, VERSION)

    @cached_property
    def _document(self) -> bytes:
        return msgspec.json.encode(self.openapi)

    async def _described(self) -> bytes:
        return await asyncio.to_thread(lambda: self._document)


def create_litestar(
    database: Database,
    settings: Settings,
    streams: EventStreams,
    waiting_room: WaitingRoom,
    shared: "SharedMemory | None",
) -> Litestar:
    credentials = Credentials(database, shared)
    readiness = ReadinessCheck(database, shared, backup_plan(settings))
    http = settings.http
    provided = _provided_to_controllers(settings, shared) | {
        "streams": _value(streams),
        "waiting_room": _value(waiting_room),
        "wakeups": _value(database.wakeups),
        "job_store": _value(database.jobs),
        "still_known": Provide(_still_known(credentials), sync_to_thread=False),
        "still_there": Provide(_still_there(credentials), sync_to_thread=False),
    }
    app = Litestar(
        [Router(API, route_handlers=CONTROLLERS, dependencies=provided), PageController],
        dependencies={
            "version": _value(VERSION),
            "check_ready": _value(readiness),
            "measured": _value(_measured(readiness, settings)),
            "openapi_document": Provide(_document),
        },
        middleware=[
            Authentication(
                credentials.identify,
                requests_per_minute=http.requests_per_minute,
                trusted_proxies=frozenset(http.trusted_proxies),
                shared=shared,
            ),
            UnitOfWork(database, http.max_body_bytes, http.max_import_bytes),
        ],
        before_request=refuse_unknown_parameters,
        exception_handlers={**EXCEPTION_HANDLERS, StoredAnswer: on_stored_answer},
        cors_config=_cors(http.cors_origins),
        openapi_config=None,
        lifespan=[lambda _: _running(credentials)],
        logging_config=None,
    )
    learn_inputs(app)
    return app


def _provided_to_controllers(
    settings: Settings, shared: "SharedMemory | None"
) -> dict[str, Provide]:
    """What a controller may ask for by name: the request's parts, and values of settings."""
    http, identity = settings.http, settings.identity
    public_url = (http.public_url or f"http://{http.host}:{http.port}").rstrip("/")
    return {
        "tx": Provide(provide_tx, sync_to_thread=False),
        "reading": Provide(provide_reading, sync_to_thread=False),
        "upload": Provide(provide_upload, sync_to_thread=False),
        "actor": Provide(provide_actor, sync_to_thread=False),
        "caller": Provide(provide_caller, sync_to_thread=False),
        "sign_in_throttle": _value(Throttle(identity.sign_in_attempts, shared)),
        "session_lifetime": _value(timedelta(days=identity.session_days)),
        "invitation_lifetime": _value(timedelta(days=identity.invitation_days)),
        "workspace_creation_open": _value(identity.anyone_creates_workspaces),
        "allowed_origins": _value(frozenset(http.cors_origins)),
        "cookies_secure": _value(public_url.startswith("https:")),
        "public_url": _value(public_url),
        "asks_model": _value(settings.language_model.url is not None),
    }


@asynccontextmanager
async def _running(credentials: Credentials) -> AsyncGenerator[None]:
    """What goes on beside the requests while the server runs: see the jobs for all the rest."""
    writing = asyncio.create_task(_write_last_use_forever(credentials))
    yield
    writing.cancel()
    await asyncio.gather(writing, return_exceptions=True)
    await _write_last_use(credentials)


def _value(value: Any) -> Provide:
    def provide() -> Any:
        return value

    return Provide(provide, use_cache=True, sync_to_thread=False)


def _measured(readiness: ReadinessCheck, settings: Settings) -> Measured:
    token = settings.metrics.token
    proxies = frozenset(settings.http.trusted_proxies)

    async def measured(scope: Any) -> bytes:
        check_may_measure(scope, proxies, token.get_secret_value() if token else None)
        await readiness.measure()
        return metrics.exposition()

    return measured


async def _document(state: State) -> bytes:
    return await state.describe()


def _still_known(credentials: Credentials) -> Callable[[Request[Any, Any, Any]], StillKnown]:
    """For what takes long: who a request's credential belongs to now, None if it is not good."""

    def provide(request: Request[Any, Any, Any]) -> StillKnown:
        async def look() -> Actor | None:
            try:
                caller = await credentials.identify_again(request.scope["state"]["presented"])
            except (CredentialRefused, NotFound):
                return None
            return caller.actor if caller else None

        return look

    return provide


def _still_there(credentials: Credentials) -> Callable[[Request[Any, Any, Any]], StillThere]:
    """The same for streams: None as well where the credential may not read events."""
    known = _still_known(credentials)

    def provide(request: Request[Any, Any, Any]) -> StillThere:
        who = known(request)

        async def look() -> Actor | None:
            actor = await who()
            return actor if actor and actor.may(Permission("events:read")) else None

        return look

    return provide


def _cors(origins: tuple[str, ...]) -> CORSConfig | None:
    if not origins:
        return None
    return CORSConfig(
        allow_origins=list(origins),
        allow_credentials=True,
        allow_headers=[
            "Authorization",
            "Content-Type",
            "Idempotency-Key",
            "Last-Event-ID",
            "If-Match",
            "X-CSRF-Token",
            "X-Nexus-Workspace",
        ],
        expose_headers=["ETag", "Link", "RateLimit", "Retry-After", "X-Request-Id"],
    )


async def _write_last_use_forever(credentials: Credentials) -> None:
    while True:
        await asyncio.sleep(LAST_USE_EVERY_S)
        await _write_last_use(credentials)


async def _write_last_use(credentials: Credentials) -> None:
    try:
        await credentials.write_last_use()
    except DATABASE_FAILURES:
        log.warning("last_use.not_written", exc_info=True)


def create_app_for_description() -> Nexus:
    """The application on no database, for those who only read what it serves."""
    return Nexus(Database(understand_url("sqlite:///nowhere.db")), Settings())
