"""From a request's key or session cookie to its caller, throttled, before anything else runs."""

import base64
import hashlib
import hmac
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Any
from urllib.parse import parse_qs
from uuid import UUID

from limits import RateLimitItemPerMinute
from limits.aio.strategies import FixedWindowRateLimiter
from litestar.middleware import ASGIMiddleware
from litestar.types import ASGIApp, HTTPScope, Message, Receive, Scope, Send

from nexus.platform.actor import Caller, WorkspaceId
from nexus.platform.clock import now
from nexus.platform.errors import NotAllowed, NotAuthenticated, NotFound, RateLimited
from nexus.platform.http.unit_of_work import SAFE_METHODS
from nexus.platform.limiting import Limiter, Shared

SESSION_COOKIE = "nexus_session"
CSRF_HEADER = "x-csrf-token"
_FORWARDED = (b"x-forwarded-for", b"forwarded", b"x-real-ip")


class CredentialRefused(NotAuthenticated):
    code = "authentication.refused"
    message = "This credential is not valid: {why}. Sign in again or use another key."


class CsrfTokenMissing(NotAllowed):
    code = "authentication.csrf"
    message = (
        "A change made with a session cookie needs the header 'X-CSRF-Token' with the token that "
        "the sign-in and GET /api/v1/me return."
    )


class OriginNotAllowed(NotAllowed):
    code = "authentication.origin"
    message = "A sign-in from a page of {origin} is not taken here."

    @classmethod
    def check(cls, scope: Any, allowed: frozenset[str]) -> None:
        """Refuse a sign-in that another site's page sends: it would log its victim in as itself."""
        headers = dict(scope["headers"])
        origin = headers.get(b"origin", b"").decode("latin-1")
        host = headers.get(b"host", b"").decode("latin-1")
        if origin and origin.partition("://")[2] != host and origin not in allowed:
            raise cls(origin=origin)


@dataclass(frozen=True, kw_only=True)
class Presented:
    """The credential a request shows, where it comes from and the workspace it names."""

    key: str | None
    session: str | None
    workspace_id: WorkspaceId | None
    address: str
    user_agent: str


Identify = Callable[[Presented], Awaitable[Caller | None]]
"""Who presents this? None for nobody; raises CredentialRefused for what is not valid."""


def csrf_token(session_token: str) -> str:
    """Derived from the session's own secret, so it need not be stored and cannot be guessed."""
    digest = hashlib.sha256(b"nexus csrf\0" + session_token.encode()).digest()
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()


class MetricsNotForYou(NotAllowed):
    code = "metrics.not_allowed"
    message = (
        "Metrics are for this machine and private networks, or for who sends the token of "
        "NEXUS_METRICS__TOKEN as 'Authorization: Bearer'."
    )


def check_may_measure(scope: HTTPScope, trusted_proxies: frozenset[str], token: str | None) -> None:
    """Raises MetricsNotForYou. Without a token the address decides, unless a proxy hides it."""
    presented = presented_by(scope, trusted_proxies)
    if token:
        is_allowed = hmac.compare_digest((presented.key or "").encode(), token.encode())
    else:
        is_hidden = any(name in _FORWARDED for name, _ in scope["headers"])
        client = scope["client"]
        is_trusted = client is not None and client[0] in trusted_proxies
        is_allowed = _is_private(presented.address) and (is_trusted or not is_hidden)
    if not is_allowed:
        raise MetricsNotForYou


class Authentication(ASGIMiddleware):
    def __init__(
        self,
        identify: Identify,
        *,
        requests_per_minute: int,
        trusted_proxies: frozenset[str],
        shared: Shared | None,
    ) -> None:
        self._identify = identify
        self._trusted_proxies = trusted_proxies
        self._limit = RateLimitItemPerMinute(requests_per_minute)
        self._limiter = Limiter(FixedWindowRateLimiter, shared)

    async def handle(self, scope: Scope, receive: Receive, send: Send, next_app: ASGIApp) -> None:
        if scope["type"] != "http" or scope["route_handler"].opt.get("no_database"):
            await next_app(scope, receive, send)
            return

        presented = presented_by(scope, self._trusted_proxies)
        scope["state"]["presented"] = presented
        options = scope["route_handler"].opt
        try:
            caller = await self._identify(presented)
        except CredentialRefused:
            await self._hit(scope, f"refused {presented.address}")
            if not options.get("public"):
                raise
            caller = None
        is_change = scope["method"] not in SAFE_METHODS and not options.get("checks_origin")
        if caller and presented.session and is_change:
            _check_csrf(scope, presented.session)
        scope["state"]["caller"] = caller

        who = str(caller.credential_id) if caller else presented.address
        await self._hit(scope, who)
        limits = [(n.lower().encode(), v.encode()) for n, v in scope["state"]["rate_limit"].items()]

        async def send_with_limits(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message["headers"], *limits]
            await send(message)

        await next_app(scope, receive, send_with_limits)

    async def _hit(self, scope: HTTPScope, who: str) -> None:
        """Count a request and note the header fields that say what is left.

        Raises RateLimited with the seconds until the window ends.
        """
        allowed = await self._limiter.hit(self._limit, who)
        stats = await self._limiter.stats(self._limit, who)
        reset = max(1, round(stats.reset_time - now().timestamp()))
        scope["state"]["rate_limit"] = {
            "RateLimit-Policy": f'"default";q={self._limit.amount};w=60',
            "RateLimit": f'"default";r={stats.remaining};t={reset}',
        }
        if not allowed:
            raise RateLimited(retry_after=reset)


def presented_by(scope: HTTPScope, trusted_proxies: frozenset[str]) -> Presented:
    headers = dict(scope["headers"])
    scheme, _, token = headers.get(b"authorization", b"").decode("latin-1").partition(" ")
    if scheme and scheme.lower() != "bearer":
        raise CredentialRefused(why="send it as 'Authorization: Bearer <API key>'")
    key = token.strip() or None
    if scheme and not key:
        raise CredentialRefused(why="the Authorization header names no key")
    return Presented(
        key=key,
        session=None if key else _session_cookie(headers.get(b"cookie", b"")),
        workspace_id=_named_workspace(scope, headers.get(b"x-nexus-workspace")),
        address=_address(scope, headers.get(b"x-forwarded-for"), trusted_proxies),
        user_agent=headers.get(b"user-agent", b"").decode("latin-1")[:200],
    )


def _is_private(address: str) -> bool:
    try:
        return ip_address(address).is_private
    except ValueError:
        return False


def _session_cookie(header: bytes) -> str | None:
    # By hand: the standard library drops all cookies after one that it does not like.
    for pair in header.decode("latin-1").split(";"):
        name, _, value = pair.partition("=")
        if name.strip() == SESSION_COOKIE and value.strip():
            return value.strip()
    return None


def _named_workspace(scope: HTTPScope, header: bytes | None) -> WorkspaceId | None:
    """The header, or `?workspace=` for those who cannot set one (an EventSource in a browser)."""
    named = header.decode("latin-1") if header else ""
    if not named and b"workspace=" in scope["query_string"]:
        query = parse_qs(scope["query_string"].decode("latin-1"))
        named = query.get("workspace", [""])[0]
    if not named:
        return None
    try:
        return WorkspaceId(UUID(named))
    except ValueError:
        raise NotFound(what="workspace", id=named) from None


def _address(scope: HTTPScope, forwarded: bytes | None, trusted: frozenset[str]) -> str:
    client = scope["client"]
    address = client[0] if client else "unknown"
    if forwarded and address in trusted:
        hops = [hop.strip() for hop in forwarded.decode("latin-1").split(",")]
        return next((hop for hop in reversed(hops) if hop not in trusted), address)
    return address


def _check_csrf(scope: HTTPScope, session: str) -> None:
    sent = dict(scope["headers"]).get(CSRF_HEADER.encode(), b"")
    if not hmac.compare_digest(sent, csrf_token(session).encode()):
        raise CsrfTokenMissing
