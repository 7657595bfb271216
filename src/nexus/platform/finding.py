"""What people call users, repositories and views, found as the ids that the API takes."""

from collections.abc import Callable, Generator, Sequence
from itertools import chain
from typing import Protocol, TypeVar
from uuid import UUID

from nexus.platform.cli import fail
from nexus_client import models
from nexus_client.client import NexusClient

T = TypeVar("T")
Found_co = TypeVar("Found_co", covariant=True)


class Page(Protocol[Found_co]):
    @property
    def items(self) -> Sequence[Found_co]: ...
    @property
    def next_cursor(self) -> str | None: ...


def every(page_at: Callable[[str | None], Page[T]]) -> Generator[T]:
    """The items of all pages, one after the other, asked for as they are needed."""
    cursor: str | None = None
    while True:
        page = page_at(cursor)
        yield from page.items
        cursor = page.next_cursor
        if cursor is None:
            return


def find_user_id(api: NexusClient, wanted: str) -> str:
    """The id of a member: by id, @handle, e-mail address or name. Ends the command if none is."""
    if is_id(wanted):
        return wanted
    name = wanted.removeprefix("@").casefold()
    users = list(every(lambda cursor: api.list_users(cursor=cursor, limit=200)))
    exact = [one for one in users if name in {one.handle.casefold(), one.email.casefold()}]
    return the_one(
        "member",
        wanted,
        exact or [one for one in users if one.name.casefold() == name],
        "'nexus user list' shows all.",
    ).id


def find_repository(api: NexusClient, wanted: str) -> models.RepositoryOut:
    """A repository by id, name or address, an archived one too. Ends the command if none is."""
    if is_id(wanted):
        return api.get_repository(wanted)
    name = wanted.casefold()
    found = chain(
        every(lambda cursor: api.list_repositories(cursor=cursor, limit=200)),
        every(lambda cursor: api.list_repositories(archived=True, cursor=cursor, limit=200)),
    )
    fitting = [one for one in found if name == one.name.casefold() or wanted == one.url]
    return the_one("repository", wanted, fitting[:1], "'nexus repository list' shows all.")


def find_view(api: NexusClient, wanted: str) -> models.ViewOut:
    """A saved view by id or name. Ends the command if none is."""
    if is_id(wanted):
        return api.get_view(wanted)
    name = wanted.casefold()
    found = every(lambda cursor: api.list_views(cursor=cursor, limit=200))
    fitting = [one for one in found if one.name.casefold() == name]
    return the_one("saved view", wanted, fitting, "'nexus view list' shows all.")


def is_id(text: str) -> bool:
    try:
        UUID(text)
    except ValueError:
        return False
    return True


def the_one(kind: str, wanted: str, found: Sequence[T], hint: str) -> T:
    """The only one that was found; ends the command where there is none, or several."""
    if not found:
        fail(f"There is no {kind} '{wanted}'. {hint}", 4)
    if len(found) > 1:
        fail(f"'{wanted}' is more than one {kind}: say which by its id. {hint}", 6)
    return found[0]
