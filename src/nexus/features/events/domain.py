"""Events as they are read back."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from nexus.platform.actor import ActorId, ActorKind


@dataclass(frozen=True, kw_only=True)
class EventActor:
    id: ActorId
    kind: ActorKind
    name: str


@dataclass(frozen=True, kw_only=True)
class PastEvent:
    """`actor` is None where Nexus did it by itself, or where nobody could be made out.

    `run_id` and `fence` say in which run, and under which lease, its actor did it.
    """

    seq: int
    id: UUID
    name: str
    schema: int
    actor: EventActor | None
    subject: str
    project_id: UUID | None
    task_id: UUID | None
    run_id: UUID | None
    fence: int | None
    request_id: str | None
    recorded_at: datetime
    payload: Mapping[str, Any]


def without_keys(payload: Mapping[str, Any], hidden: Collection[str]) -> dict[str, Any]:
    """A payload without the tasks of projects that the reader may not see.

    An open task's event may point at such a task: what names it, by key or by id, becomes null.
    """

    def is_hidden(value: object) -> bool:
        if not isinstance(value, str):
            return False
        project, _, number = value.rpartition("-")
        return number.isdigit() and project in hidden

    def cleaned(value: Any) -> Any:
        match value:
            case dict():
                return {k: cleaned(v) for k, v in value.items()}  # pyright: ignore[reportUnknownVariableType]
            case list():
                return [cleaned(one) for one in value]  # pyright: ignore[reportUnknownVariableType]
            case _:
                return None if is_hidden(value) else value

    clean = {name: cleaned(value) for name, value in payload.items()}
    for name, value in payload.items():
        if name.endswith("_key") and is_hidden(value):
            clean[name.removesuffix("_key") + "_id"] = None
    if "became_ready" in clean:
        clean["became_ready"] = [key for key in clean["became_ready"] if key]
    return clean


@dataclass(frozen=True, kw_only=True)
class EventFilter:
    """Which events; every part that is given must hold. `after` is a number."""

    actor_id: ActorId | None = None
    names: tuple[str, ...] = ()
    subject: str | None = None
    task_id: UUID | None = None
    run_id: UUID | None = None
    since: datetime | None = None
    until: datetime | None = None
    after: int | None = None
    is_newest_first: bool = False

    def takes(self, event: PastEvent) -> bool:
        """Whether an event that happens now is one of these."""
        return (
            (self.actor_id is None or (event.actor is not None and event.actor.id == self.actor_id))
            and (not self.names or any(is_named(event.name, name) for name in self.names))
            and (self.subject is None or event.subject == self.subject)
            and (self.task_id is None or event.task_id == self.task_id)
            and (self.run_id is None or event.run_id == self.run_id)
        )


def is_named(name: str, wanted: str) -> bool:
    """`task.*` stands for all names that begin so."""
    return name.startswith(wanted[:-1]) if wanted.endswith(".*") else name == wanted


@dataclass(frozen=True)
class HiddenProjects:
    """The private projects of a workspace: their keys and members by their ids."""

    keys: Mapping[UUID, str]
    members: Mapping[UUID, frozenset[ActorId]]

    def of(self, actor_id: ActorId) -> Mapping[UUID, str]:
        """The keys of those that an actor may not see, by id."""
        return {one: key for one, key in self.keys.items() if actor_id not in self.members[one]}
