"""What controllers share: versions in ETags, pages with links, refused query parameters."""

import re
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import datetime
from typing import Annotated, Any, Protocol, TypeVar
from urllib.parse import parse_qsl, urlencode

import msgspec
from litestar import Litestar, Request, Response
from litestar.params import HeaderParameter, PathParameter, QueryParameter
from litestar.routes import HTTPRoute
from msgspec import UnsetType

from nexus.platform.actor import Actor, Caller
from nexus.platform.errors import Invalid
from nexus.platform.http.body import BODY_DECODER, Upload
from nexus.platform.http.guards import actor_of
from nexus.platform.http.problem import PARAMETER_NAMES, Refusal
from nexus.platform.instants import in_utc

_TAKES = "query_parameters"
_MAX_FENCE = 2**31 - 1
FENCE_HEADER = "Nexus-Fence"
_ETAG = re.compile(r'^(?:W/)?"?(\d{1,9})"?$')

IfMatch = Annotated[
    str | None,
    HeaderParameter(
        name="If-Match",
        required=False,
        max_length=20,
        description="The version you read, as the ETag said it; 412 if it has changed since.",
    ),
]
TaskPath = Annotated[str, PathParameter(description="The task's key (API-42) or id.")]
Limit = Annotated[int, QueryParameter(ge=1, le=200, description="Items per page, at most 200.")]
CursorParameter = Annotated[
    str | None,
    QueryParameter(
        max_length=1000, required=False, description="`next_cursor` of the page before."
    ),
]


StillKnown = Callable[[], Awaitable[Actor | None]]
"""Who a request's credential belongs to now, None if it is no longer good: for what takes long."""


class HasVersion(Protocol):
    @property
    def version(self) -> int: ...


class HasCursor(Protocol):
    @property
    def next_cursor(self) -> str | None: ...


VersionedT = TypeVar("VersionedT", bound=HasVersion)
GivenT = TypeVar("GivenT")
PageT = TypeVar("PageT", bound=HasCursor)


def versioned(out: VersionedT, status: int = 200) -> Response[VersionedT]:
    """An answer whose ETag is its version, for If-Match. Never used for 304."""
    return Response(out, status_code=status, headers={"ETag": f'"{out.version}"'})


def expected_version(if_match: str | None) -> int | None:
    """The version in an If-Match header; None for no header and for `*`."""
    if if_match is None or if_match.strip() == "*":
        return None
    found = _ETAG.match(if_match.strip())
    if not found:
        raise Refusal(400, 'If-Match takes the ETag of an earlier answer, such as "3".')
    return int(found.group(1))


def paged(request: Request[Any, Any, Any], page: PageT) -> Response[PageT]:
    """A page whose Link header leads to the next one."""
    headers: dict[str, str] = {}
    if page.next_cursor:
        query = [
            (k, v) for k, v in parse_qsl(request.scope["query_string"].decode()) if k != "cursor"
        ]
        query.append(("cursor", page.next_cursor))
        headers["Link"] = f'<{request.scope["path"]}?{urlencode(query)}>; rel="next"'
    return Response(page, headers=headers)


def given(value: GivenT | UnsetType) -> GivenT | None:
    """A patched field, or None where the patch leaves it out."""
    return None if isinstance(value, UnsetType) else value


def moment_given(moment: datetime | None, name: str) -> datetime | None:
    """A moment of the query, in UTC. Raises Invalid where it names no offset."""
    try:
        return in_utc(moment) if moment else None
    except ValueError as error:
        raise Invalid(reason=f"'{name}' cannot be used: {error}", field=name) from error


def provide_caller(request: Request[Any, Any, Any]) -> Caller | None:
    return request.scope["state"].get("caller")


def provide_actor(request: Request[Any, Any, Any]) -> Actor:
    """Who acts, with the fence that the request shows."""
    actor = actor_of(request.scope["state"].get("caller"))
    shown = dict(request.scope["headers"]).get(FENCE_HEADER.lower().encode())
    if shown is None:
        return actor
    if not shown.isdigit() or len(shown) > 10 or not 0 < int(shown) <= _MAX_FENCE:
        raise Refusal(400, f"{FENCE_HEADER} takes the number that the claim of the task returned.")
    return replace(actor, fence=int(shown))


def provide_upload(request: Request[Any, Any, Any]) -> Upload:
    return request.scope["state"]["upload"]


def provide_tx(request: Request[Any, Any, Any]) -> Any:
    return request.scope["state"]["tx"]


def provide_reading(request: Request[Any, Any, Any]) -> Any:
    return request.scope["state"]["reading"]


async def refuse_unknown_parameters(request: Request[Any, Any, Any]) -> None:
    """Litestar ignores query parameters that a route does not take; a typo must not go unseen."""
    raw = request.scope["query_string"]
    if not raw:
        return
    try:
        pairs = parse_qsl(raw.decode(), keep_blank_values=True, errors="strict")
    except UnicodeError:
        raise Refusal(400, "The query is not UTF-8 text.") from None
    known, lists = request.route_handler.opt[_TAKES]
    unknown = sorted({name for name, _ in pairs} - known)
    if unknown:
        takes = ", ".join(sorted(known - {"workspace"})) or "none"
        raise Refusal(400, f"Unknown query parameter {unknown[0]!r}. This address takes: {takes}.")
    names = [name for name, _ in pairs]
    twice = next((name for name in names if names.count(name) > 1 and name not in lists), None)
    if twice:
        raise Refusal(400, f"The query parameter {twice!r} stands there twice.")


def learn_inputs(app: Litestar) -> None:
    """Note on every route its query parameters, which may stand there twice, and its body."""
    for route in app.routes:
        if isinstance(route, HTTPRoute):
            for handler, model in route.route_handler_map.values():
                # One after the other: what is provided never waits, and to gather two of them in
                # a task group costs 0.1 ms.
                model.dependency_batches = [{one} for b in model.dependency_batches for one in b]
                known = {parameter.field_alias for parameter in model.expected_query_params}
                lists = frozenset(model.sequence_query_parameter_names)
                handler.opt[_TAKES] = frozenset(known | {"workspace"}), lists
                handler.opt[PARAMETER_NAMES] = {
                    parameter.field_name: parameter.field_alias
                    for parameter in model.expected_query_params
                }
                if body := handler.parsed_data_field:
                    handler.opt[BODY_DECODER] = msgspec.json.Decoder(body.annotation)
