"""Any operation of the API by method and path, for what has no command of its own."""

import sys
from typing import Annotated, NoReturn

import httpx2 as httpx
import msgspec
import typer

from nexus.platform.cli import EXIT_CODES, client, fail, long_text

METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")
ROOT = "/api/v1"
OUTSIDE = ("/healthz", "/readyz")


def call_api(
    method: Annotated[str, typer.Argument(metavar="METHOD", help=" ".join(METHODS))],
    path: Annotated[
        str, typer.Argument(metavar="PATH", help=f"As in the API's description; below {ROOT}.")
    ],
    data: Annotated[
        str | None, typer.Option("--data", "-d", help="The body, JSON; '-' reads standard input.")
    ] = None,
    query: Annotated[
        list[str] | None, typer.Option("--query", "-q", help="As name=value (repeatable).")
    ] = None,
    idempotency_key: Annotated[
        str | None,
        typer.Option("--idempotency-key", help="The same key again does it no second time."),
    ] = None,
    if_match: Annotated[
        int | None, typer.Option("--if-match", help="Only if it is still at this version.")
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Indent the answer, as other commands do.")
    ] = False,
) -> None:
    """Send one request to the API and print its answer as it is, a refusal too.

    \b
    Examples:
      nexus api GET /me
      nexus api GET /tasks --query status=todo --query limit=3
      nexus api POST /projects --data '{"key": "API", "name": "The API"}'
      echo '{"title": "Better"}' | nexus api PATCH /tasks/API-42 --data - --if-match 7
    """
    headers: dict[str, str] = {}
    if data is not None:
        headers["Content-Type"] = "application/json"
    if idempotency_key:
        headers["Idempotency-Key"] = idempotency_key
    if if_match is not None:
        headers["If-Match"] = f'"{if_match}"'
    answer = client().send(
        _method(method),
        _address(path, query or []),
        content=None if data is None else _json(data),
        headers=headers,
    )
    _print(answer, is_indented=as_json)
    if answer.status_code >= 400:
        _end(answer)


def _method(method: str) -> str:
    if method.upper() not in METHODS:
        fail(f"{method!r} is no method of the API. There are: {' '.join(METHODS)}.", 2)
    return method.upper()


def _address(path: str, pairs: list[str]) -> str:
    """Always a path of the profile's own server, whatever is in it: the key goes nowhere else."""
    if not path.startswith("/"):
        fail(f"A path begins with '/', as in '/tasks': {path!r} does not.", 2)
    path, _, in_path = path.partition("?")
    whole = path if path in OUTSIDE or path.startswith("/api/") else ROOT + path
    query = list(httpx.QueryParams(in_path).multi_items())
    for pair in pairs:
        name, is_given, value = pair.partition("=")
        if not is_given:
            fail(f"'{pair}' asks for nothing: write --query {name}=VALUE.", 2)
        query.append((name, value))
    return str(httpx.URL(whole, params=query) if query else httpx.URL(whole))


def _json(data: str) -> bytes:
    body = long_text(data).encode()
    try:
        msgspec.json.decode(body)
    except msgspec.DecodeError as error:
        fail(f"The body is no JSON: {error}.", 6)
    return body


def _print(answer: httpx.Response, *, is_indented: bool) -> None:
    text = answer.text
    if is_indented and "json" in answer.headers.get("Content-Type", ""):
        text = msgspec.json.format(text, indent=2)
    sys.stdout.write(text)
    if text and not text.endswith("\n"):
        sys.stdout.write("\n")


def _end(answer: httpx.Response) -> NoReturn:
    try:
        detail = str(msgspec.json.decode(answer.content, type=dict[str, object])["detail"])
    except (msgspec.DecodeError, KeyError):
        detail = f"The server answered {answer.status_code}."
    fail(detail, EXIT_CODES.get(answer.status_code, 1))
