"""The hand-written part of the client: one request, its answer, and what can go wrong."""

from collections.abc import Generator, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, TypeVar
from urllib.parse import quote

import httpx2 as httpx
import msgspec

T = TypeVar("T")

TIMEOUT_S = 60.0


class ServerNotReached(Exception):
    """Nobody answers at the profile's URL; the message says what to look at."""


@dataclass(kw_only=True, eq=False)
class ApiError(Exception):
    """A refusal by the server, as its problem+json told it."""

    status: int
    code: str
    detail: str
    details: Mapping[str, Any] = field(default_factory=dict[str, Any])
    request_id: str | None = None


@dataclass(frozen=True, kw_only=True)
class Message:
    """One message of a stream. `id` is where to go on."""

    name: str
    data: str
    id: int | None


@dataclass(frozen=True, kw_only=True)
class Download:
    """A file as it comes in. `left_out`: what the format could not express."""

    size: int
    left_out: int
    pieces: Iterator[bytes]


class Connection:
    """One server and one key. `call` is what the generated methods are made of."""

    def __init__(
        self,
        url: str,
        key: str | None,
        *,
        timeout_s: float = TIMEOUT_S,
        fence: str | None = None,
    ) -> None:
        """`fence` is what a claim returned; every request shows it."""
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        if fence:
            headers["Nexus-Fence"] = fence
        self.url = url.rstrip("/")
        self._http = httpx.Client(base_url=self.url, headers=headers, timeout=timeout_s)

    def close(self) -> None:
        self._http.close()

    def use_session(self, csrf_token: str, workspace_id: str | None = None) -> None:
        """Act with the cookie of a sign-in, in one workspace where it is named."""
        self._http.headers["X-CSRF-Token"] = csrf_token
        if workspace_id:
            self._http.headers["X-Nexus-Workspace"] = workspace_id

    def call(
        self,
        method: str,
        path: str,
        answer: type[T],
        *,
        query: Mapping[str, Any] | None = None,
        body: Any = None,
        content: bytes | None = None,
        idempotency_key: str | None = None,
        if_match: int | None = None,
    ) -> T:
        """Send a request and decode its answer. Raises ApiError or ServerNotReached."""
        headers: dict[str, str] = {}
        if body is not None:
            content = msgspec.json.encode(body)
            headers["Content-Type"] = "application/json"
        elif content is not None:
            headers["Content-Type"] = "application/octet-stream"
        if idempotency_key:
            headers["Idempotency-Key"] = idempotency_key
        if if_match is not None:
            headers["If-Match"] = f'"{if_match}"'
        response = self.send(method, path, query=query, content=content, headers=headers)
        if response.status_code >= 400:
            raise _api_error(response)
        if answer is type(None):
            return answer()
        try:
            return msgspec.json.decode(response.content, type=answer)
        except msgspec.DecodeError as error:
            raise ServerNotReached(
                f"{self.url} answers, but not as this version of Nexus does ({error})."
            ) from error

    def send(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, Any] | None = None,
        content: bytes | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> httpx.Response:
        """Send a request and return its answer as it is, a refusal too. Raises ServerNotReached."""
        address = httpx.URL(path, params=_parameters(query)) if query else path
        try:
            return self._http.request(method, address, content=content, headers=headers)
        except httpx.TransportError as error:
            raise self._not_reached(error) from error

    def messages(
        self, path: str, *, query: Mapping[str, Any] | None = None, after: int | None = None
    ) -> Iterator[Message]:
        """The messages of a stream of server-sent events, until it ends.

        A heartbeat is a message without data. Raises ApiError or ServerNotReached.
        """
        headers = {} if after is None else {"Last-Event-ID": str(after)}
        try:
            with self._http.stream(
                "GET", path, params=_parameters(query or {}), headers=headers
            ) as response:
                if response.status_code >= 400:
                    response.read()
                    raise _api_error(response)
                yield from _messages(_lines(response.iter_text()))
        except httpx.TransportError as error:
            raise self._not_reached(error) from error

    @contextmanager
    def download(self, path: str, *, query: Mapping[str, Any] | None = None) -> Generator[Download]:
        """A file, piece by piece. Raises ApiError or ServerNotReached."""
        try:
            with self._http.stream("GET", path, params=_parameters(query or {})) as response:
                if response.status_code >= 400:
                    response.read()
                    raise _api_error(response)
                yield Download(
                    size=int(response.headers.get("content-length", 0)),
                    left_out=int(response.headers.get("nexus-left-out", 0)),
                    pieces=response.iter_bytes(),
                )
        except httpx.TransportError as error:
            raise self._not_reached(error) from error

    def _not_reached(self, error: httpx.TransportError) -> ServerNotReached:
        return ServerNotReached(
            f"No answer from {self.url} ({error or type(error).__name__}). Is the server "
            "running ('make run' or 'nexus serve')? 'nexus login' chooses another one."
        )


def _lines(pieces: Iterable[str]) -> Iterator[str]:
    """Split at line feeds alone: texts may hold other marks that end a line elsewhere."""
    rest = ""
    for piece in pieces:
        *lines, rest = (rest + piece).split("\n")
        yield from lines


def _messages(lines: Iterable[str]) -> Iterator[Message]:
    """As the standard says: fields a line each, and an empty line after each message."""
    fields: dict[str, str] = {}
    for line in lines:
        if line:
            name, _, value = line.partition(":")
            fields[name] = value.removeprefix(" ")
        elif fields:
            place = fields.get("id", "")
            yield Message(
                name=fields.get("event", "message"),
                data=fields.get("data", ""),
                id=int(place) if place.isdigit() else None,
            )
            fields = {}


def segment(value: object) -> str:
    """A value as one segment of a path, whatever is in it."""
    return quote(str(value), safe="")


def _parameters(query: Mapping[str, Any]) -> httpx.QueryParams:
    return httpx.QueryParams(tuple(_query(query)))


def _query(query: Mapping[str, Any]) -> list[tuple[str, str]]:
    pairs: list[tuple[str, str]] = []
    for name, value in query.items():
        match value:
            case None:
                continue
            case bool():
                pairs.append((name, "true" if value else "false"))
            case list() | tuple():
                pairs += [(name, str(one)) for one in value]  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType]
            case _:
                pairs.append((name, str(value)))
    return pairs


def _api_error(response: httpx.Response) -> ApiError:
    try:
        problem = msgspec.json.decode(response.content, type=dict[str, Any])
    except msgspec.DecodeError:
        problem = {}
    return ApiError(
        status=response.status_code,
        code=str(problem.get("code", "unknown")),
        detail=str(problem.get("detail", f"The server answered {response.status_code}.")),
        details=problem.get("details", {}),
        request_id=problem.get("request_id"),
    )
