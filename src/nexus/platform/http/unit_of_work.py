"""One request is one transaction of one workspace: it commits before its answer is sent."""

import asyncio
import random
from contextlib import AsyncExitStack
from typing import Any

from litestar import Request, Response
from litestar.middleware import ASGIMiddleware
from litestar.types import ASGIApp, HTTPScope, Message, Receive, Scope, Send
from litestar.utils.scope.state import CONNECTION_STATE_KEY, ScopeState

from nexus.platform.actor import Caller
from nexus.platform.database import Database, is_retryable
from nexus.platform.http import body as bodies
from nexus.platform.http.idempotency import (
    IdempotencyClaim,
    StoredAnswer,
    fingerprint,
    usable_key,
)
from nexus.platform.logging import logger

log = logger(__name__)

ATTEMPTS = 5
SAFE_METHODS = {"GET", "HEAD", "OPTIONS"}


class _RolledBack(Exception):
    """The answer is a refusal: leave the transaction without committing."""


class UnitOfWork(ASGIMiddleware):
    """Gives the request its transaction, and commits it before the first byte of the answer.

    Reads get statements without a transaction. Writes are buffered, run, committed and then
    sent; an answer of 400 or above rolls back; a serialization failure or deadlock runs the whole
    request again on fresh data.
    """

    def __init__(self, database: Database, max_body_bytes: int, max_upload_bytes: int) -> None:
        self._database = database
        self._max_body_bytes = max_body_bytes
        self._max_upload_bytes = max_upload_bytes

    async def handle(self, scope: Scope, receive: Receive, send: Send, next_app: ASGIApp) -> None:
        if scope["type"] != "http" or scope["route_handler"].opt.get("no_database"):
            await next_app(scope, receive, send)
        elif scope["method"] in SAFE_METHODS:
            await self._read(scope, receive, send, next_app)
        else:
            await self._write(scope, receive, send, next_app)

    async def _read(
        self, scope: HTTPScope, receive: Receive, send: Send, next_app: ASGIApp
    ) -> None:
        workspace_id, viewer = _looker(scope)
        async with AsyncExitStack() as stack:
            reading = self._database.reading(workspace_id, viewer=viewer)
            scope["state"]["tx"] = await stack.enter_async_context(reading)

            async def send_and_let_go(message: Message) -> None:
                await stack.aclose()  # a slow client holds no connection
                await send(message)

            await next_app(scope, receive, send_and_let_go)

    async def _write(
        self, scope: HTTPScope, receive: Receive, send: Send, next_app: ASGIApp
    ) -> None:
        headers = dict(scope["headers"])
        declared = headers.get(b"content-length")
        if scope["route_handler"].opt.get("upload"):
            async with bodies.spooled_body(receive, declared, self._max_upload_bytes) as upload:
                scope["state"]["upload"] = upload
                await self._attempts(scope, upload.digest, b"", receive, send, next_app)
            return
        body = await bodies.read_body(receive, declared, self._max_body_bytes)
        if body:
            bodies.check_json(body, headers.get(b"content-type", b"").decode("latin-1"))
            if decoder := scope["route_handler"].opt.get(bodies.BODY_DECODER):
                bodies.check_shape(body, decoder)
        await self._attempts(scope, body, body, receive, send, next_app)

    async def _attempts(
        self,
        scope: HTTPScope,
        seen: bytes,
        body: bytes,
        receive: Receive,
        send: Send,
        next_app: ASGIApp,
    ) -> None:
        """Run the request until it commits. `seen` is what tells its body from another one.

        A handler that waits for something sets `again` in the state when there was nothing after
        all: what it did is undone, and it runs anew, for as long as it wants to. What it has to
        remember meanwhile it puts into `carried`.
        """
        answer: list[Message] = []
        attempt = 1
        scope["state"]["carried"] = {}
        while True:
            state = {**scope["state"], CONNECTION_STATE_KEY: _fresh_cache(scope)}
            again: HTTPScope = {**scope, "state": state}
            try:
                replay = bodies.replayed(body, receive)
                answer = await self._attempt(again, seen, replay, next_app)
            except Exception as error:
                if not is_retryable(error) or attempt == ATTEMPTS:
                    raise
                state["retry"] = True
                answer = []
            if state.get("again"):
                continue
            if not state.get("retry") or attempt == ATTEMPTS:
                break
            attempt += 1
            log.info("request.retried", path=scope["path"], attempt=attempt)
            await asyncio.sleep(random.uniform(0, 0.02 * 2**attempt))  # noqa: S311 - jitter
        for message in answer:
            await send(message)

    async def _attempt(
        self, scope: HTTPScope, seen: bytes, receive: Receive, next_app: ASGIApp
    ) -> list[Message]:
        workspace_id, viewer = _looker(scope)
        claim = _claim(scope, seen)
        answer: list[Message] = []

        async def keep(message: Message) -> None:
            answer.append(message)

        try:
            async with (
                self._database.reading(workspace_id, viewer=viewer) as reading,
                self._database.transaction(
                    workspace_id, viewer=viewer, request_id=scope["state"].get("request_id")
                ) as tx,
            ):
                scope["state"] |= {"tx": tx, "reading": reading}
                if claim:
                    tx.on_open.append(claim.take)
                await next_app(scope, receive, keep)
                _check_kept(scope, answer)
                if claim:
                    secret = bool(scope["route_handler"].opt.get("answers_secret"))
                    await claim.store(tx, answer, is_secret=secret)
        except _RolledBack:
            if stored := scope["state"].get("stored_answer"):
                return _replay(stored)
        return answer


def on_stored_answer(request: Request[Any, Any, Any], stored: StoredAnswer) -> Response[None]:
    """Litestar turns exceptions into answers before a middleware sees them: hand it over."""
    request.scope["state"]["stored_answer"] = stored
    return Response(None, status_code=204)


def _check_kept(scope: HTTPScope, answer: list[Message]) -> None:
    """Raises _RolledBack unless the answer is one to commit for."""
    state = scope["state"]
    is_to_be_run_anew = state.get("retry") or state.get("again")
    if state.get("stored_answer") or is_to_be_run_anew or _status(answer) >= 400:
        raise _RolledBack


def _fresh_cache(scope: HTTPScope) -> ScopeState:
    """Litestar keeps the parsed body in the state, and a retry must parse its own."""
    fresh = ScopeState()
    fresh.exception_handlers = ScopeState.from_scope(scope).exception_handlers  # pyright: ignore[reportUnknownMemberType]
    return fresh


def _replay(stored: StoredAnswer) -> list[Message]:
    headers = [*stored.headers, (b"idempotent-replayed", b"true")]
    return [
        {"type": "http.response.start", "status": stored.status, "headers": headers},
        {"type": "http.response.body", "body": stored.body, "more_body": False},
    ]


def _status(answer: list[Message]) -> int:
    return next(m["status"] for m in answer if m["type"] == "http.response.start")


def _looker(scope: HTTPScope) -> tuple[Any, Any]:
    caller: Caller | None = scope["state"].get("caller")
    if caller is None or caller.actor is None:
        return None, None
    return caller.actor.workspace_id, caller.actor.id


def _claim(scope: HTTPScope, body: bytes) -> IdempotencyClaim | None:
    """A key belongs to a credential, so without one there is nothing to claim."""
    raw = dict(scope["headers"]).get(b"idempotency-key")
    caller: Caller | None = scope["state"].get("caller")
    if raw is None or caller is None:
        return None
    # Of a body with a password in it, not even a digest is kept.
    seen = b"" if scope["route_handler"].opt.get("body_is_secret") else body
    workspace = str(caller.actor.workspace_id) if caller.actor else ""  # a session has several
    asked = fingerprint(scope["method"], scope["path"], scope["query_string"], seen, workspace)
    return IdempotencyClaim(caller.credential_id, usable_key(raw), asked)
