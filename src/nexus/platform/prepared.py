"""Statements that are put together once, and then only given their values.

To build an expression and its cache key anew for every call costs SQLAlchemy more time than the
database needs to answer it: three quarters of a request that reads one task (bench/).
"""

from collections.abc import Callable, Hashable
from typing import Any, Protocol

from sqlalchemy import CursorResult, Dialect, Executable, Result, Uuid, bindparam

from nexus.platform.database import Transaction
from nexus.platform.direct import DirectRead
from nexus.platform.sets import is_in_parameter, parameter_type

MAX_SHAPES = 1000
"""Statements kept of one kind; a list has one for every set of filters."""


class Looking(Protocol):
    """What a query is written for: a transaction, or the template of one."""

    @property
    def dialect(self) -> str: ...

    @property
    def workspace_id(self) -> Any: ...

    @property
    def viewer(self) -> Any: ...


class Template:
    """Stands for a transaction while a statement is built: its values come with each call."""

    def __init__(self, dialect: str, *, has_viewer: bool) -> None:
        self.dialect = dialect
        self.workspace_id: Any = bindparam("workspace_id", type_=Uuid())
        self.viewer: Any = bindparam("viewer", type_=Uuid()) if has_viewer else None

    def given(self, name: str, type_: Any) -> Any:
        """A value that comes with the call."""
        return bindparam(name, type_=type_)

    def is_given(self, column: Any, name: str, type_: Any) -> Any:
        """True where the column holds one of the values that come with the call.

        They come as `as_parameter` makes them.
        """
        parameter = self.given(name, parameter_type(type_, self.dialect))
        return is_in_parameter(column, parameter, self.dialect)


class Prepared:
    """One kind of statement. `build` makes it for a shape: whatever changes its text."""

    def __init__(self, build: Callable[[Template, Any], Executable]) -> None:
        self._build = build
        self._made: dict[Hashable, _Made] = {}

    async def __call__(self, tx: Transaction, shape: Hashable = None, **values: Any) -> Result[Any]:
        has_viewer = tx.viewer is not None
        key = (tx.dialect, has_viewer, shape)
        made = self._made.get(key)
        if made is None:
            template = Template(tx.dialect, has_viewer=has_viewer)
            made = _Made(_with_kept_key(self._build(template, shape)))
            if len(self._made) >= MAX_SHAPES:
                self._made.clear()
            self._made[key] = made
        if tx.is_of_workspace:
            values["workspace_id"] = tx.workspace_id
        if has_viewer:
            values["viewer"] = tx.viewer
        return await tx.run(made.statement, made.direct, values)


class PreparedWrite:
    """One kind of insert or update. `build` makes it for a dialect and a shape, with `bindparam`.

    Its values need other names than the columns that they go to. `of_workspace` comes by itself.
    """

    def __init__(self, build: Callable[[str, Any], Executable]) -> None:
        self._build = build
        self._made: dict[Hashable, Executable] = {}

    async def __call__(
        self, tx: Transaction, shape: Hashable = None, **values: Any
    ) -> CursorResult[Any]:
        key = (tx.dialect, shape)
        statement = self._made.get(key)
        if statement is None:
            statement = _with_kept_key(self._build(tx.dialect, shape))
            if len(self._made) >= MAX_SHAPES:
                self._made.clear()
            self._made[key] = statement
        return await tx.execute(statement, {"of_workspace": tx.workspace_id, **values})


class _Made:
    """A statement, and its way past SQLAlchemy once that was asked for."""

    def __init__(self, statement: Executable) -> None:
        self.statement = statement
        self._direct: DirectRead | None = None

    def direct(self, dialect: Dialect) -> DirectRead:
        if self._direct is None:
            self._direct = DirectRead(self.statement, dialect)
        return self._direct


def _with_kept_key(statement: Any) -> Executable:
    """Let SQLAlchemy find the compiled form by a key that is made once.

    It would walk through the whole expression for it at every call: as long as compiling takes.
    """
    key = statement._generate_cache_key()  # noqa: SLF001 - there is no public way to keep it
    statement._generate_cache_key = lambda: key  # noqa: SLF001
    return statement
