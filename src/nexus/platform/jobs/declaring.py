"""How a feature declares a job."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

from nexus.platform.database import Database
from nexus.platform.errors import AppError, RateLimited, Unavailable
from nexus.platform.jobs.store import JobStore

T = TypeVar("T")


class Run(Protocol):
    """One run of a job: what it works with, and its durable steps.

    A step that has ended is not run again after a crash: its result is kept, as JSON. The step
    that was being run is begun anew, so what it does to the outside must bear being done twice. A
    step's error is not to be caught by its type: replayed, it is only a name and a message.
    """

    @property
    def database(self) -> Database: ...

    @property
    def store(self) -> JobStore: ...

    @property
    def id(self) -> str: ...

    def of(self, kind: type[T]) -> T:
        """Something for the outside that the process was given, such as a client."""
        ...

    async def step(
        self, name: str, act: Callable[..., Awaitable[T]], *arguments: Any, attempts: int = 5
    ) -> T:
        """Carry out a step, again and again with growing pauses while it may yet succeed."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Wait, over restarts too."""
        ...


@dataclass(frozen=True, kw_only=True)
class Queue:
    """A queue beside the default one: of each partition of it one job runs at a time."""

    name: str
    concurrency: int


Act = Callable[..., Awaitable[Any]]


@dataclass(frozen=True, kw_only=True)
class Job:
    """`name` is data: what waits in a database is found by it. `schedule` is a cron line in UTC."""

    name: str
    act: Act
    schedule: str | None

    @property
    def summary(self) -> str:
        """The first sentence of what it does, for lists."""
        return (self.act.__doc__ or "").strip().split("\n")[0]


def job(name: str, *, schedule: str | None = None) -> Callable[[Act], Job]:
    """Declare a job: `@job("imports.carry_out")` over `async def carry_out(run, import_id)`.

    Arguments are ids, as text. With a `schedule` it is run at these times, without arguments.
    """
    return lambda act: Job(name=name, act=act, schedule=schedule)


async def until_fewer(than: int, act: Callable[[], Awaitable[int]]) -> None:
    """Do something to some at a time, until there were fewer than it takes at once."""
    while await act() >= than:
        pass


def may_succeed_later(error: BaseException) -> bool:
    """Whether a step is worth another attempt. A refusal by a rule of the domain is not."""
    return not isinstance(error, AppError) or isinstance(error, Unavailable | RateLimited)
