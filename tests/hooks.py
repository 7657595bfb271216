"""A server that sends webhooks, and the webhooks of tests on it."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.conftest import a_postgres_database
from tests.server import Machine, Server

ALLOWED = {"NEXUS_WEBHOOKS__ALLOWED_NETWORKS": '["127.0.0.0/8"]', "NEXUS_LOG__FORM": "json"}


@dataclass(kw_only=True)
class Place:
    """Where a server runs; it may be killed and started again."""

    server: Server

    def start_again(self) -> None:
        self.server = self.server.machine.start(port=self.server.port)

    def settled(self, path: str) -> list[str]:
        """The states of its deliveries; nothing while the database is away."""
        answer = self.server.answer("GET", f"{path}/deliveries")
        if answer.status_code != 200:
            return []
        return [one["state"] for one in answer.json()["items"]]

    def hurry(self) -> None:
        """Let every pause before a further attempt be over."""
        self.server.machine.write(
            "UPDATE dbos.workflow_status SET delay_until_epoch_ms = 1 WHERE status = 'DELAYED'"
        )


@contextmanager
def a_place(kind: str, folder: Path, name: str) -> Iterator[Place]:
    with ExitStack() as stack:
        machine = Machine(folder=folder, extra=ALLOWED)
        if kind == "postgresql":
            url = stack.enter_context(a_postgres_database(name))
            machine = Machine(folder=folder, database_url=url, extra=ALLOWED)
        place = Place(server=machine.start())
        try:
            place.server.call("POST", "/projects", json={"key": "API", "name": "The API"})
            yield place
        finally:
            place.server.stop()


@dataclass(frozen=True, kw_only=True)
class Hook:
    place: Place
    id: str
    secret: str

    @property
    def path(self) -> str:
        return f"/webhooks/{self.id}"

    def call(self, method: str, more: str = "", **options: Any) -> Any:
        return self.place.server.call(method, self.path + more, **options)

    def test(self) -> None:
        self.call("POST", "/tests")

    def remove(self) -> None:
        self.call("DELETE")

    def deliveries(self) -> list[Any]:
        """The oldest event first."""
        return self.call("GET", "/deliveries?limit=200")["items"][::-1]

    def states(self) -> list[str]:
        return [one["state"] for one in self.deliveries()]

    def last(self) -> Any:
        return self.deliveries()[-1]


class Hooks:
    def __init__(self, place: Place) -> None:
        self._place = place

    def add(self, url: str, *events: str) -> Hook:
        body = {"name": "Hook", "url": url, "events": list(events)}
        new = self._place.server.call("POST", "/webhooks", json=body)
        return Hook(place=self._place, id=new["webhook"]["id"], secret=new["secret"])
