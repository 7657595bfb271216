"""A receiver of webhooks on loopback: it answers as it is told, and keeps what it got."""

import json
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from standardwebhooks import Webhook as Verifier
from standardwebhooks import WebhookVerificationError
from typing_extensions import override

WITHIN_S = 25
HELD_S = 30


@dataclass(frozen=True, kw_only=True)
class Reply:
    """`is_held`: the answer waits until it is let go. `dripped`: seconds for each byte of it."""

    status: int = 200
    headers: dict[str, str] = field(default_factory=dict[str, str])
    after_s: float = 0
    is_held: bool = False
    body: bytes = b""
    dripped: float = 0


@dataclass(frozen=True, kw_only=True)
class Received:
    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def id(self) -> str:
        return self.headers["webhook-id"]

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def seq(self) -> int:
        return self.json["data"]["seq"]

    @property
    def signatures(self) -> list[str]:
        return self.headers["webhook-signature"].split(" ")

    def is_signed_with(self, secret: str) -> bool:
        try:
            Verifier(secret).verify(self.body, self.headers)
        except WebhookVerificationError:
            return False
        return True


class Receiver:
    """Each path has its own replies, of which the last one stays."""

    def __init__(self) -> None:
        self._replies: dict[str, list[Reply]] = {}
        self._received: list[Received] = []
        self._lock = threading.Lock()
        self._let_go = threading.Event()
        self._server = _Server(("127.0.0.1", 0), _handler(self))
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,))
        self._thread.start()

    @property
    def port(self) -> int:
        return self._server.server_address[1]

    def url(self, path: str = "/") -> str:
        return f"http://127.0.0.1:{self.port}{path}"

    def reply(self, path: str, *replies: Reply) -> None:
        with self._lock:
            self._replies[path] = list(replies)

    def let_go(self) -> None:
        """Answer what is held, and hold nothing any more."""
        self._let_go.set()

    def got(self, path: str) -> list[Received]:
        with self._lock:
            return [one for one in self._received if one.path == path]

    def numbers(self, path: str) -> list[int]:
        return [one.seq for one in self.got(path)]

    def order(self) -> list[tuple[str, int]]:
        """Paths and numbers of all that came, as it came."""
        with self._lock:
            return [(one.path, one.seq) for one in self._received]

    def wait_for(self, path: str, count: int, *, within_s: float = WITHIN_S) -> list[Received]:
        """What came to a path, once there is so much of it; fails after a while."""
        wait_until(lambda: len(self.got(path)) >= count, within_s=within_s)
        return self.got(path)

    def take(self, received: Received) -> Reply:
        with self._lock:
            self._received.append(received)
            replies = self._replies.get(received.path, [Reply()])
            reply = replies.pop(0) if len(replies) > 1 else replies[0]
        if reply.is_held:
            self._let_go.wait(HELD_S)
        time.sleep(reply.after_s)
        return reply

    def close(self) -> None:
        self.let_go()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    @override
    def handle_error(self, request: Any, client_address: Any) -> None:
        """Who asked has gone away: that is theirs to do."""


def _handler(receiver: Receiver) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            headers = {name.lower(): value for name, value in self.headers.items()}
            reply = receiver.take(Received(path=self.path, headers=headers, body=body))
            self.send_response(reply.status)
            for name, value in reply.headers.items():
                self.send_header(name, value)
            self.send_header("content-length", str(len(reply.body)))
            self.end_headers()
            pieces: Sequence[bytes] = [reply.body]
            if reply.dripped:
                pieces = [bytes([one]) for one in reply.body]
            for piece in pieces:
                self.wfile.write(piece)
                time.sleep(reply.dripped)

        @override
        def log_message(self, format: str, *args: Any) -> None:
            """Tests say what they saw."""

    return Handler


def wait_until(is_so: Callable[[], bool], *, within_s: float = WITHIN_S) -> None:
    """Wait until it is so; fails after a while."""
    give_up = time.monotonic() + within_s
    while not is_so():
        assert time.monotonic() < give_up, f"Not so after {within_s} s."
        time.sleep(0.02)


@contextmanager
def receiving() -> Iterator[Receiver]:
    receiver = Receiver()
    try:
        yield receiver
    finally:
        with suppress(OSError):
            receiver.close()
