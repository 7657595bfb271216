"""The outermost wrapper: what every answer gets, 404 and 405 and a crash too."""

import re
from collections.abc import Awaitable, Callable
from http import HTTPStatus
from typing import Any

import msgspec
from uuid_utils.compat import uuid4

from nexus.platform.http.problem import BROKEN, PROBLEM_MEDIA_TYPE, REFUSED_BEFORE_US, Problem
from nexus.platform.logging import logger

log = logger(__name__)

AsgiApp = Callable[[Any, Any, Any], Awaitable[None]]

_USABLE_REQUEST_ID = re.compile(rb"^[A-Za-z0-9._-]{8,100}$")
_SECURITY_HEADERS = [
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"same-origin"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"permissions-policy", b"camera=(), geolocation=(), microphone=()"),
]
_DEFAULT_POLICY = (
    b"content-security-policy",
    b"default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
)
_DEFAULT_CACHING = (b"cache-control", b"no-store")
_HTTPS_ONLY = (b"strict-transport-security", b"max-age=31536000")


def outermost(app: AsgiApp) -> AsgiApp:
    """Give requests an id and answers their security headers, and turn a crash into a problem."""

    async def wrapped(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            await app(scope, receive, send)
            return
        request_id = _request_id(scope["headers"])
        scope["state"] = {**scope.get("state", {}), "request_id": request_id}
        started = False

        async def send_with_headers(message: Any) -> None:
            nonlocal started
            if message["type"] == "http.response.start":
                started = True
                message["headers"] = _completed(message["headers"], request_id, scope["scheme"])
            await send(message)

        if b"\x00" in scope["path"].encode("utf-8", "surrogateescape") or b"%00" in scope.get(
            "query_string", b""
        ):
            await _send_problem(send_with_headers, 400, *REFUSED_BEFORE_US[400], request_id)
            return
        try:
            await app(scope, receive, send_with_headers)
        except Exception:
            log.exception("request.crashed", path=scope["path"])
            if started:
                raise
            await _send_problem(send_with_headers, 500, *BROKEN, request_id)

    return wrapped


def _request_id(headers: list[tuple[bytes, bytes]]) -> str:
    given = next((value for name, value in headers if name == b"x-request-id"), b"")
    return given.decode() if _USABLE_REQUEST_ID.match(given) else uuid4().hex


def _completed(headers: Any, request_id: str, scheme: str) -> list[tuple[bytes, bytes]]:
    complete = [*headers, (b"x-request-id", request_id.encode()), *_SECURITY_HEADERS]
    present = {name.lower() for name, _ in headers}
    for name, value in (_DEFAULT_POLICY, _DEFAULT_CACHING):
        if name not in present:
            complete.append((name, value))
    if scheme == "https":
        complete.append(_HTTPS_ONLY)
    return complete


async def _send_problem(
    send: Callable[[Any], Awaitable[None]], status: int, code: str, detail: str, request_id: str
) -> None:
    problem = Problem(
        type=f"urn:nexus:error:{code}",
        title=HTTPStatus(status).phrase,
        status=status,
        detail=detail,
        code=code,
        details={},
        errors=[],
        request_id=request_id,
    )
    await send(
        {
            "type": "http.response.start",
            "status": status,
            "headers": [(b"content-type", PROBLEM_MEDIA_TYPE.encode())],
        }
    )
    await send({"type": "http.response.body", "body": msgspec.json.encode(problem)})
