"""Routes that belong to no feature: who is there, how it is, and the API's description."""

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import msgspec
from litestar import Controller, MediaType, Request, Response, get
from litestar.exceptions import NotFoundException
from litestar.params import FromPath

from nexus.platform.http.guards import anyone

_ASSETS = Path(__file__).parent / "swagger_ui"
_ASSET_TYPES = {".js": "text/javascript", ".css": "text/css", ".png": "image/png"}
_PAGE_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data:; connect-src 'self'; frame-ancestors 'none'; base-uri 'none'"
)
METRICS_MEDIA_TYPE = "text/plain; version=1.0.0; charset=utf-8"
_DOCS_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Nexus API</title>
<link rel="stylesheet" href="/docs/api/assets/swagger-ui.css">
<link rel="icon" type="image/png" href="/docs/api/assets/favicon-32x32.png">
</head>
<body>
<div id="swagger-ui"></div>
<script src="/docs/api/assets/swagger-ui-bundle.js"></script>
<script src="/docs/api/assets/start.js"></script>
</body>
</html>
"""
_HOME_PAGE = """<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>Nexus</title>
<style>body{font:16px/1.5 system-ui,sans-serif;max-width:40rem;margin:4rem auto;padding:0 1rem}
code{background:#8882;padding:.1em .3em;border-radius:.3em}
@media (prefers-color-scheme:dark){body{background:#111;color:#eee}a{color:#8cf}}</style></head>
<body><h1>Nexus is running</h1>
<p>One shared backlog for people and AI coding agents.</p>
<ul>
<li><a href="/docs/api">Browse the API</a></li>
<li><a href="/openapi.json">OpenAPI description</a></li>
<li><a href="/readyz">Is it ready?</a></li>
</ul>
<p>In a terminal, <code>nexus next</code> says what to do now.</p>
</body></html>
"""


class Home(msgspec.Struct, frozen=True):
    name: str
    version: str
    api: str
    openapi: str
    docs: str


class Health(msgspec.Struct, frozen=True):
    """`checks` names what was looked at, with `ok` or what is wrong."""

    status: str
    checks: dict[str, str]


class Readiness(msgspec.Struct, frozen=True):
    """`checks` that are not `ok` say why requests cannot be served; `warnings` what else wants
    somebody. Neither names anything of a workspace: anyone may read them."""

    status: str
    checks: dict[str, str]
    warnings: dict[str, str]

    @classmethod
    def of(cls, checks: dict[str, str], warnings: dict[str, str]) -> "Readiness":
        is_ready = all(found == "ok" for found in checks.values())
        return cls(status="ok" if is_ready else "not ready", checks=checks, warnings=warnings)


ReadyCheck = Callable[[], Awaitable[Readiness]]
Measured = Callable[[Any], Awaitable[bytes]]
"""The metrics, for a request's scope; raises NotAllowed."""


class PageController(Controller):
    tags = ["Server"]
    opt = {"no_database": True}
    guards = [anyone()]

    @get("/", operation_id="getHome", summary="Say hello: a page for browsers, JSON for others")
    async def home(self, request: Request[Any, Any, Any], version: str) -> Response[Home]:
        if MediaType.HTML.value in request.headers.get("accept", ""):
            return html(_HOME_PAGE)
        return Response(
            Home(
                name="Nexus",
                version=version,
                api="/api/v1",
                openapi="/openapi.json",
                docs="/docs/api",
            )
        )

    @get("/healthz", operation_id="getHealth", summary="Say whether the process is alive")
    async def health(self) -> Health:
        return Health(status="ok", checks={})

    @get(
        "/readyz",
        opt={"answers_503": True},
        operation_id="getReadiness",
        summary="Say whether requests can be served",
    )
    async def ready(self, check_ready: ReadyCheck) -> Response[Readiness]:
        found = await check_ready()
        return Response(found, status_code=200 if found.status == "ok" else 503)

    @get("/metrics", include_in_schema=False)
    async def metrics(self, request: Request[Any, Any, Any], measured: Measured) -> Response[bytes]:
        text = await measured(request.scope)
        return Response(text, headers={"Content-Type": METRICS_MEDIA_TYPE})

    @get("/openapi.json", include_in_schema=False)
    async def openapi(self, openapi_document: bytes) -> Response[bytes]:
        return Response(openapi_document, media_type="application/json")

    @get("/docs/api", include_in_schema=False)
    async def docs(self) -> Response[Any]:
        return html(_DOCS_PAGE)

    @get("/docs/api/assets/{name:str}", include_in_schema=False)
    async def asset(self, name: FromPath[str]) -> Response[bytes]:
        path = _ASSETS / name
        if path.parent != _ASSETS or path.suffix not in _ASSET_TYPES or not path.is_file():
            raise NotFoundException
        return Response(
            path.read_bytes(),
            media_type=_ASSET_TYPES[path.suffix],
            headers={"Cache-Control": "public, max-age=86400"},
        )


def html(page: str) -> Response[Any]:
    return Response(
        page, media_type=MediaType.HTML, headers={"Content-Security-Policy": _PAGE_POLICY}
    )
