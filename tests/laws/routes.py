"""All routes that the application serves, and how to fill in and send a request to one."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from litestar.handlers import HTTPRouteHandler
from litestar.routes import HTTPRoute

from nexus.entrypoints.http import API, Nexus
from nexus.platform.http.guards import Guard, guard_of

SAFE = {"GET", "HEAD", "OPTIONS"}


@dataclass(frozen=True, kw_only=True)
class Route:
    """One method of one address."""

    method: str
    path: str
    operation_id: str | None
    parameters: tuple[str, ...]
    handler: HTTPRouteHandler
    is_described: bool

    @property
    def guard(self) -> Guard:
        return guard_of(self.handler)

    @property
    def is_safe(self) -> bool:
        return self.method in SAFE

    @property
    def title(self) -> str:
        return f"{self.method} {self.path} ({self.operation_id or 'no operation id'})"

    def filled(self, values: Mapping[str, str]) -> str:
        """The path below the API's root, with its parameters filled in."""
        return self.path.removeprefix(API).format(**values)


def all_routes(app: Nexus) -> Iterator[Route]:
    for route in app.litestar.routes:
        if not isinstance(route, HTTPRoute):
            continue
        parameters = tuple(part.name for part in route.path_components if not isinstance(part, str))
        for method, (handler, _) in route.route_handler_map.items():
            if method == "OPTIONS":
                continue
            yield Route(
                method=method,
                path=route.path_format,
                operation_id=handler.operation_id
                if isinstance(handler.operation_id, str)
                else None,
                parameters=parameters,
                handler=handler,
                is_described=handler.resolve_include_in_schema(),
            )


def guarded_routes(app: Nexus) -> list[Route]:
    """The routes that ask for a caller."""
    return [route for route in all_routes(app) if route.guard.needs_caller]


def operation_of(app: Nexus, route: Route) -> dict[str, Any]:
    """The route's part of the OpenAPI description."""
    return app.openapi["paths"][route.path][route.method.lower()]


def fields_of_body(app: Nexus, route: Route) -> dict[str, Any]:
    """The fields that the route's JSON body takes, each with its schema."""
    content = operation_of(app, route).get("requestBody", {}).get("content", {})
    schema = content.get("application/json", {}).get("schema", {})
    return resolved(app, schema).get("properties", {})


def resolved(app: Nexus, schema: Mapping[str, Any]) -> Mapping[str, Any]:
    while "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        schema = app.openapi["components"]["schemas"][name]
    return schema


def formats_in(app: Nexus, schema: Any) -> set[str]:
    """The formats of a field, whether it is one, a list of them or one of several."""
    if isinstance(schema, list):
        return {found for one in schema for found in formats_in(app, one)}
    if not isinstance(schema, Mapping):
        return set()
    schema = resolved(app, schema)
    found = {schema["format"]} if "format" in schema else set()
    if "API-42" in schema.get("examples", []):
        found.add("task")
    for inner in ("anyOf", "oneOf", "allOf", "items"):
        found |= formats_in(app, schema.get(inner))
    return found
