"""Sending webhooks: signed as Standard Webhooks says, and to no address of our own network.

The host is resolved here, every address it has is checked, and the connection goes to the address
that was checked: a name that points somewhere else a moment later changes nothing. Redirects are
not followed.
"""

import asyncio
import ipaddress
import socket
import time
from collections.abc import Collection, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import httpcore2
from standardwebhooks import Webhook as Signer
from typing_extensions import override

TIMEOUT_S = 10.0
READ_BYTES = 64_000  # of an answer, which nobody looks at
_USER_AGENT = b"nexus-webhooks/1"
_GLOBAL_V6 = ipaddress.ip_network("2000::/3")
# Where an IPv4 address may hide that is not checked (6to4, Teredo), and what is for documents.
_REFUSED = [
    ipaddress.ip_network(one) for one in ("2002::/16", "2001::/32", "3fff::/20", "192.0.0.0/24")
]
_ISATAP = (0x00005EFE, 0x02005EFE)  # the upper half of an interface's name

_NETWORK = (httpcore2.NetworkError, httpcore2.ProtocolError, httpcore2.UnsupportedProtocol)

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
Address = ipaddress.IPv4Address | ipaddress.IPv6Address


class AddressRefused(Exception):
    """The host has an address to which webhooks do not go; the message says which."""


@dataclass(frozen=True, kw_only=True)
class Message:
    """What is sent. `id` stays the same however often it is."""

    id: str
    url: str
    body: bytes
    secrets: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What came of it: `error` is None where the receiver took it (2xx)."""

    status: int | None
    error: str | None
    took_ms: int


class WebhookClient:
    """`allowed` networks may be sent to although they are not public."""

    def __init__(self, allowed: Collection[Network]) -> None:
        self._pool = httpcore2.AsyncConnectionPool(
            network_backend=_Checked(allowed), max_connections=200, keepalive_expiry=10
        )

    async def send(self, message: Message, at: datetime) -> Answer:
        """Send once. Never raises: whatever goes wrong is the answer."""
        started = time.perf_counter()
        status, error = await self._sent(message, at)
        return Answer(
            status=status, error=error, took_ms=round((time.perf_counter() - started) * 1000)
        )

    async def close(self) -> None:
        await self._pool.aclose()

    async def _sent(self, message: Message, at: datetime) -> tuple[int | None, str | None]:
        status = None
        try:
            async with (
                asyncio.timeout(TIMEOUT_S),
                self._pool.stream(
                    "POST",
                    message.url,
                    headers=_headers(message, at),
                    content=message.body,
                    extensions={"timeout": dict.fromkeys(("connect", "read", "write"), TIMEOUT_S)},
                ) as answer,
            ):
                status = answer.status
                await _look_at(answer)
        except AddressRefused as refusal:
            return None, str(refusal)
        except (TimeoutError, httpcore2.TimeoutException):
            # What it says after its status is nobody's concern, however slowly it says it.
            if status is None:
                return None, f"No answer within {TIMEOUT_S:.0f} s."
        except (OSError, ValueError, *_NETWORK) as error:
            if status is None:
                return None, f"{type(error).__name__}: {error}"[:500]
        if 200 <= status < 300:
            return status, None
        return status, f"The receiver answered {status}."


async def _look_at(answer: Any) -> None:
    """Read a little of the answer, so that the connection can be used again."""
    size = 0
    async for piece in answer.aiter_stream():
        size += len(piece)
        if size > READ_BYTES:
            return


def _headers(message: Message, at: datetime) -> list[tuple[bytes, bytes]]:
    text = message.body.decode()
    signatures = [
        Signer(secret).sign(msg_id=message.id, timestamp=at, data=text)
        for secret in message.secrets
    ]
    return [
        (b"host", _host(message.url)),
        (b"content-type", b"application/json"),
        (b"user-agent", _USER_AGENT),
        (b"webhook-id", message.id.encode()),
        (b"webhook-timestamp", str(int(at.timestamp())).encode()),
        (b"webhook-signature", " ".join(signatures).encode()),
    ]


def _host(url: str) -> bytes:
    parsed = httpcore2.URL(url)
    port = b"" if parsed.port is None else b":%d" % parsed.port
    return parsed.host + port


def is_allowed(address: Address, allowed: Iterable[Network]) -> bool:
    """Whether webhooks may go there: public addresses, and what a setting names."""
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped:
        address = address.ipv4_mapped
    if any(address.version == network.version and address in network for network in allowed):
        return True
    if any(address.version == network.version and address in network for network in _REFUSED):
        return False
    if isinstance(address, ipaddress.IPv6Address) and (
        address not in _GLOBAL_V6 or (int(address) >> 32) & 0xFFFFFFFF in _ISATAP
    ):
        return False
    return address.is_global and not address.is_multicast


def _backend() -> Any:
    return httpcore2.AnyIOBackend()


class _Checked(httpcore2.AsyncNetworkBackend):
    """Resolves, checks, and connects to the address that was checked."""

    def __init__(self, allowed: Collection[Network]) -> None:
        self._allowed = allowed
        # Threads of our own: a name server that is silent keeps one for longer than we wait.
        self._resolvers = ThreadPoolExecutor(32, "webhook-names")
        self._backend: Any = _backend()

    @override
    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Any = None,
    ) -> Any:
        addresses = await self._addresses(host, port)
        return await self._backend.connect_tcp(
            addresses[0], port, timeout, local_address, socket_options
        )

    async def _addresses(self, host: str, port: int) -> list[str]:
        loop = asyncio.get_running_loop()
        found = await loop.run_in_executor(
            self._resolvers, lambda: socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        )
        addresses = list(dict.fromkeys(str(one[4][0]) for one in found))
        for text in addresses:
            if not is_allowed(ipaddress.ip_address(text.partition("%")[0]), self._allowed):
                raise AddressRefused(
                    f"The address {text} of {host} is not public. An operator can allow it with "
                    "NEXUS_WEBHOOKS__ALLOWED_NETWORKS."
                )
        return addresses
