"""The outermost wrapper: what every answer gets, 404 and 405 and a crash too."""

import logging
import re
import time
from collections.abc import Awaitable, Callable
from http import HTTPStatus
from typing import Any

import msgspec
import structlog
from uuid_utils.compat import uuid4

from nexus.platform import metrics, tracing
from nexus.platform.http.problem import BROKEN, PROBLEM_MEDIA_TYPE, REFUSED_BEFORE_US, Problem
from nexus.platform.logging import logger

log = logger(__name__)
_lines = logging.getLogger(__name__)
_QUIET, _SAID = logging.DEBUG, logging.INFO
_READS = {"GET", "HEAD", "OPTIONS"}
_SERVER_FAULT = 500

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
        structlog.contextvars.clear_contextvars()
        structlog.contextvars.bind_contextvars(request_id=request_id)
        scope["state"] = {**scope.get("state", {}), "request_id": request_id}
        started = False
        status = 500
        began = time.perf_counter()

        async def send_with_headers(message: Any) -> None:
            nonlocal started, status
            if message["type"] == "http.response.start":
                started = True
                status = message["status"]
                message["headers"] = _completed(message["headers"], request_id, scope["scheme"])
            await send(message)

        if b"\x00" in scope["path"].encode("utf-8", "surrogateescape") or b"%00" in scope.get(
            "query_string", b""
        ):
            await _send_problem(send_with_headers, 400, *REFUSED_BEFORE_US[400], request_id)
            return
        with tracing.request_span(scope["method"], scope["headers"]) as span:
            try:
                await app(scope, receive, send_with_headers)
            except Exception:
                log.exception("request.crashed", path=scope["path"])
                if started:
                    raise
                await _send_problem(send_with_headers, 500, *BROKEN, request_id)
            finally:
                _tell(scope, status, time.perf_counter() - began, span)

    return wrapped


def _tell(scope: Any, status: int, took_s: float, span: Any) -> None:
    """Of a request that was answered: metrics, its span, and a line (of reads for debugging)."""
    route = scope.get("route_handler")
    operation = getattr(route, "operation_id", None)
    name = operation if isinstance(operation, str) else "none"
    metrics.REQUESTS.labels(name, status).inc()
    if route is None or not route.opt.get("streams"):
        metrics.REQUEST_SECONDS.labels(name).observe(took_s)
    if span is not None:
        span.update_name(f"{scope['method']} {name}")
        span.set_attribute("http.request.method", scope["method"])
        span.set_attribute("url.path", scope["path"])
        span.set_attribute("http.response.status_code", status)
    level = _QUIET if scope["method"] in _READS and status < _SERVER_FAULT else _SAID
    if _lines.isEnabledFor(level):
        took_ms = round(took_s * 1000, 1)
        log.log(
            level,
            "request.answered",
            method=scope["method"],
            path=scope["path"],
            status=status,
            took_ms=took_ms,
            **tracing.ids(),
        )


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
