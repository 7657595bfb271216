"""A request of the load, and the plan of all of them: what the processes hand to each other."""

from collections.abc import Mapping, Sequence

from msgspec import Struct


class Call(Struct, frozen=True):
    """One request and the status that its answer must have."""

    method: str
    path: str
    body: str = ""
    expected: int = 200


class Plan(Struct, frozen=True):
    """The calls of each operation, and the API key that they show."""

    key: str
    calls: Mapping[str, Sequence[Call]]
