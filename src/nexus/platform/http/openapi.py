"""The OpenAPI description, completed: every refusal that can occur, and who may call."""

from collections.abc import Iterator
from typing import Any

import msgspec
from litestar import Litestar
from litestar._openapi.plugin import OpenAPIPlugin  # the only way to a description without routes
from litestar.config.app import AppConfig
from litestar.handlers import HTTPRouteHandler
from litestar.openapi import OpenAPIConfig
from litestar.routes import HTTPRoute

from nexus.platform.http.guards import Guard, guard_of
from nexus.platform.http.problem import PROBLEM_MEDIA_TYPE, Problem
from nexus.platform.http.unit_of_work import SAFE_METHODS

_MEANINGS = {
    400: "The request cannot be read, or a field or parameter has the wrong form.",
    401: "No credential, or one that is not valid.",
    403: "The caller may not do this.",
    404: "There is no such thing that the caller can see.",
    409: "The thing is in a state that does not allow this.",
    412: "It has changed since the caller read it (If-Match).",
    413: "The body is too large.",
    415: "The body is not JSON.",
    422: "A rule of the domain is broken.",
    429: "Too many requests; Retry-After says how long to wait.",
    500: "A fault of the server.",
    503: "Busy or something outside is down; repeat the request.",
}
_HEADERS = {
    "X-Request-Id": "Names this request in the log.",
    "RateLimit": "How many requests are left, and in how many seconds they are filled up.",
}
_IDEMPOTENCY_KEY = {
    "name": "Idempotency-Key",
    "in": "header",
    "required": False,
    "description": "Repeat a request with the same key and it is carried out once.",
    "schema": {"type": "string", "pattern": "^[\\x21-\\x7e]{1,255}$"},
}
_FENCE = {
    "name": "Nexus-Fence",
    "in": "header",
    "required": False,
    "description": "The number that the claim of the task returned; an agent's write needs it.",
    "schema": {"type": "integer", "minimum": 1, "maximum": 2**31 - 1},
}
_FENCED = {"tasks:write", "tasks:claim"}
_SECURITY = {
    "key": {
        "type": "http",
        "scheme": "bearer",
        "description": "An API key: `nxs_<prefix>_<secret>`.",
    },
    "session": {
        "type": "apiKey",
        "in": "cookie",
        "name": "nexus_session",
        "description": "A signed-in session; changes also need X-CSRF-Token.",
    },
}
_MESSAGE = {
    "type": "object",
    "description": "A message of the stream: `data` is an event as GET /api/v1/events shows it.",
    "properties": {
        "id": {"type": "string", "description": "Where to go on: the event's number."},
        "event": {"type": "string", "description": "`reconnect` or `end`: about the stream."},
        "data": {"type": "string", "contentMediaType": "application/json"},
    },
}
_WORKSPACE = {
    "name": "workspace",
    "in": "query",
    "required": False,
    "description": "The workspace of a session, where the header X-Nexus-Workspace cannot be set.",
    "schema": {"type": "string", "format": "uuid"},
}


def describe(app: Litestar, version: str) -> dict[str, Any]:
    """The whole description as a plain JSON object, for serving and for the reference."""
    described: dict[str, Any] = msgspec.json.decode(
        msgspec.json.encode(_schema(app, version), enc_hook=str)
    )
    components = described.setdefault("components", {})
    schemas = components.setdefault("schemas", {})
    _, problem = msgspec.json.schema_components(
        [Problem], ref_template="#/components/schemas/{name}"
    )
    schemas |= problem
    components["securitySchemes"] = _SECURITY
    for handler, path, method in _routes(app):
        _complete(described["paths"][path][method.lower()], handler, method)
    return described


def _schema(app: Litestar, version: str) -> dict[str, Any]:
    """What Litestar makes of the routes, without the routes that it would serve it at itself."""
    plugin = OpenAPIPlugin(app)
    config = OpenAPIConfig(
        title="Nexus",
        version=version,
        description="One shared backlog for people and AI coding agents.",
        use_handler_docstrings=False,
    )
    plugin.on_app_init(AppConfig(openapi_config=config))
    for route in app.routes:
        plugin.receive_route(route)
    return plugin.provide_openapi_schema()


def _routes(app: Litestar) -> Iterator[tuple[HTTPRouteHandler, str, str]]:
    for route in app.routes:
        if isinstance(route, HTTPRoute):
            for method, (handler, _) in route.route_handler_map.items():
                if handler.resolve_include_in_schema() and method != "OPTIONS":
                    yield handler, route.path_format, method


def _complete(operation: dict[str, Any], handler: HTTPRouteHandler, method: str) -> None:
    guard = guard_of(handler)
    operation["responses"].pop("400", None)
    _add_headers(operation)
    takes = {one["name"] for one in operation.get("parameters", ())}
    for status in sorted(_refusals(handler, guard, method, takes)):
        operation["responses"][str(status)] = {
            "description": _MEANINGS[status],
            "content": {PROBLEM_MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}},
        }
    _mend_answers(operation, handler)
    parameters = operation.setdefault("parameters", [])
    for parameter in parameters:
        if parameter["in"] == "path":
            parameter.setdefault("description", _meaning_of(parameter["name"]))
    if guard.needs_caller:
        parameters.append(_WORKSPACE)
        if method not in SAFE_METHODS and guard.permission in _FENCED:
            parameters.append(_FENCE)
        operation["security"] = (
            [{"session": []}]
            if guard.needs_session
            else [
                {"key": []},
                {"session": []},
            ]
        )
        if guard.permission:
            operation["x-permission"] = guard.permission
    else:
        operation["security"] = []
    if method not in SAFE_METHODS and guard.needs_caller:
        parameters.append(_IDEMPOTENCY_KEY)
    if handler.opt.get("upload"):
        operation["requestBody"] = {
            "required": True,
            "content": {
                "application/octet-stream": {"schema": {"type": "string", "format": "binary"}}
            },
        }


def _mend_answers(operation: dict[str, Any], handler: HTTPRouteHandler) -> None:
    answers = operation["responses"]
    if "204" in answers:
        answers["204"].pop("content", None)
    if handler.opt.get("streams"):
        answers["200"]["content"] = {"text/event-stream": {"schema": _MESSAGE}}
    if kinds := handler.opt.get("downloads"):
        plain = [kind.partition(";")[0] for kind in kinds]
        answers["200"]["content"] = {kind: {"schema": _file(kind)} for kind in plain}
    if handler.opt.get("answers_503"):
        answers["503"] = {
            "description": "Not ready; the checks say why.",
            "content": answers["200"]["content"],
        }


def _file(kind: str) -> dict[str, str]:
    """Of a file: bytes, but for JSON, which is read as what it is."""
    return {} if kind == "application/json" else {"type": "string", "format": "binary"}


def _add_headers(operation: dict[str, Any]) -> None:
    for answer in operation["responses"].values():
        answer.setdefault("headers", {}).update(
            {
                name: {"description": text, "schema": {"type": "string"}}
                for name, text in _HEADERS.items()
            }
        )


def _meaning_of(name: str) -> str:
    """What a path parameter stands for, where the route does not say it."""
    if name == "key":
        return "The project's key, such as API."
    return f"The {name.removesuffix('_id').replace('_', ' ')}'s id."


def _refusals(handler: HTTPRouteHandler, guard: Guard, method: str, takes: set[str]) -> set[int]:
    """What can be refused, by what the route is and which parameters it takes."""
    if handler.opt.get("no_database"):
        return {400, 500}
    found = {400, 404, 422, 429, 500, 503}
    if guard.needs_caller:
        found |= {401, 403}
    if method not in SAFE_METHODS:
        found |= {401, 403, 409, 413, 415}
    if "If-Match" in takes:
        found.add(412)
    return found
