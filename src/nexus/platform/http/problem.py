"""Every error as RFC 9457 problem+json, from one table of kinds."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

import msgspec
from litestar import MediaType, Request, Response
from litestar.exceptions import HTTPException
from sqlalchemy.exc import DBAPIError

from nexus.platform import errors
from nexus.platform.database import is_retryable
from nexus.platform.logging import logger

log = logger(__name__)

STATUS: dict[type[errors.AppError], int] = {
    errors.NotAuthenticated: 401,
    errors.NotAllowed: 403,
    errors.NotFound: 404,
    errors.Conflict: 409,
    errors.Stale: 412,
    errors.Invalid: 422,
    errors.RateLimited: 429,
    errors.Unavailable: 503,
}

REFUSED_BEFORE_US = {
    400: ("request.malformed", "The request cannot be read."),
    404: ("route.not_found", "There is nothing at this address. GET /openapi.json lists all."),
    405: ("method.not_allowed", "This address does not take this method."),
    413: ("body.too_large", "The body is larger than this server takes."),
    415: ("body.not_json", "Send the body as 'Content-Type: application/json'."),
}
"""What the framework refuses before a feature sees it: `status -> (code, sentence)`."""

BUSY = ("database.busy", "The database is busy with competing changes. Repeat the request.")
BROKEN = ("internal", "Something went wrong on our side. The request id is in the log.")


class FieldProblem(msgspec.Struct, frozen=True):
    field: str
    message: str


class Problem(msgspec.Struct, frozen=True):
    """What every refusal looks like. `code` is for programs, `detail` for people."""

    type: str
    title: str
    status: int
    detail: str
    code: str
    details: dict[str, Any]
    errors: list[FieldProblem]
    request_id: str | None


class Refusal(HTTPException):
    """A refusal by the web face itself; `REFUSED_BEFORE_US` names the code."""

    def __init__(self, status: int, detail: str | None = None) -> None:
        super().__init__(status_code=status, detail=detail or REFUSED_BEFORE_US[status][1])


def problem_response(
    request: Request[Any, Any, Any],
    status: int,
    code: str,
    detail: str,
    *,
    details: dict[str, Any] | None = None,
    fields: list[FieldProblem] | None = None,
    headers: dict[str, str] | None = None,
) -> Response[Problem]:
    return Response(
        Problem(
            type=f"urn:nexus:error:{code}",
            title=HTTPStatus(status).phrase,
            status=status,
            detail=detail,
            code=code,
            details=details or {},
            errors=fields or [],
            request_id=request.scope["state"].get("request_id"),
        ),
        status_code=status,
        media_type="application/problem+json",
        headers=headers,
    )


def on_app_error(request: Request[Any, Any, Any], error: errors.AppError) -> Response[Problem]:
    status = next(STATUS[kind] for kind in type(error).__mro__ if kind in STATUS)
    headers: dict[str, str] = {}
    if status == 401:
        headers["WWW-Authenticate"] = 'Bearer realm="nexus"'
    if retry_after := error.details.get("retry_after"):
        headers |= {"Retry-After": str(retry_after)} | request.scope["state"].get("rate_limit", {})
    field = error.details.get("field")
    return problem_response(
        request,
        status,
        error.code,
        str(error),
        details={k: v for k, v in error.details.items() if k not in {"reason", "field"}},
        fields=[FieldProblem(field, str(error))] if field else None,
        headers=headers,
    )


def on_http_exception(request: Request[Any, Any, Any], error: HTTPException) -> Response[Problem]:
    status = error.status_code
    if status not in REFUSED_BEFORE_US:
        return on_bug(request, error)
    code, sentence = REFUSED_BEFORE_US[status]
    scope: Any = request.scope
    route = scope.get("route_handler")
    fields = _field_problems(error, route.opt.get(PARAMETER_NAMES, {}) if route else {})
    if isinstance(error, Refusal):
        sentence = error.detail
    elif status == 400:
        code = "request.invalid"
        sentence = " ".join(f"{f.field}: {f.message}." for f in fields) or f"{error.detail}."
    return problem_response(
        request, status, code, sentence, fields=fields, headers=dict(error.headers or {})
    )


def on_recursion(request: Request[Any, Any, Any], _: RecursionError) -> Response[Problem]:
    return problem_response(request, 400, "request.malformed", "The body is nested too deeply.")


def on_database_error(request: Request[Any, Any, Any], error: DBAPIError) -> Response[Problem]:
    if not is_retryable(error):
        return on_bug(request, error)
    request.scope["state"]["retry"] = True  # the unit of work tries again and drops this answer
    return problem_response(request, 503, *BUSY, headers={"Retry-After": "1"})


def on_bug(request: Request[Any, Any, Any], error: Exception) -> Response[Problem]:
    log.error("request.failed", path=request.scope["path"], exc_info=error)
    return problem_response(request, 500, *BROKEN)


def _field_problems(error: HTTPException, parameters: Mapping[str, str]) -> list[FieldProblem]:
    """Litestar and msgspec name the field in `extra`, or in the sentence as a JSON path.

    `parameters` are the names in the query of what handlers call otherwise.
    """
    found: list[FieldProblem] = []
    extra: list[Any] = error.extra if isinstance(error.extra, list) else []
    for one in extra:
        message = str(one.get("message", error.detail))
        text, _, path = message.partition(" - at `$")
        name = path.rstrip("`").lstrip(".") or str(one.get("key", "")) or "body"
        found.append(FieldProblem(parameters.get(name, name), text.rstrip(".")))
    return found


EXCEPTION_HANDLERS: dict[Any, Any] = {
    errors.AppError: on_app_error,
    HTTPException: on_http_exception,
    RecursionError: on_recursion,
    DBAPIError: on_database_error,
    Exception: on_bug,
}

PROBLEM_MEDIA_TYPE = "application/problem+json"
PARAMETER_NAMES = "parameter_names"
"""The option of a route that says how the query calls what its handler calls otherwise."""

JSON_MEDIA_TYPES = {MediaType.JSON.value, "application/merge-patch+json"}
