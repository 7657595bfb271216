"""One setting, understood: what people and hosting platforms write as a database's URL."""

import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import URL, make_url
from sqlalchemy.exc import ArgumentError

_LIBPQ_ONLY = {"channel_binding", "gssencmode", "target_session_attrs", "connect_timeout"}
_POOLER_MARKS = {"pgbouncer"}


class DatabaseUrlNotUnderstood(ValueError):
    """The setting names no database that Nexus can use; the message says what it takes."""


@dataclass(frozen=True, kw_only=True)
class DatabaseUrl:
    """One database, in the forms that its drivers take.

    `asynchronous` and `connect_args` are for the server, `synchronous` for migrations.
    """

    asynchronous: URL
    synchronous: URL
    connect_args: Mapping[str, Any]
    is_pooler: bool

    @property
    def is_sqlite(self) -> bool:
        return self.asynchronous.get_backend_name() == "sqlite"

    @property
    def file(self) -> Path:
        return Path(self.asynchronous.database or "")


def understand_url(given: str, *, is_pooler: bool = False) -> DatabaseUrl:
    """Turn what people and hosting platforms write into what each driver takes.

    Raises DatabaseUrlNotUnderstood. Never puts the password into its message.
    """
    try:
        url = make_url(given.replace("postgres://", "postgresql://", 1))
    except (ArgumentError, ValueError) as error:
        raise DatabaseUrlNotUnderstood(
            "The database URL cannot be read. Write sqlite:///path/to/nexus.db or "
            "postgresql://user:password@host:5432/name (with % escapes in the password)."
        ) from error
    match url.get_backend_name():
        case "sqlite" if url.database not in {None, "", ":memory:"}:
            return DatabaseUrl(
                asynchronous=url.set(drivername="sqlite+inline"),
                synchronous=url.set(drivername="sqlite"),
                connect_args={},
                is_pooler=False,
            )
        case "sqlite":
            raise DatabaseUrlNotUnderstood(
                "A SQLite database needs a file: sqlite:///path/to/nexus.db."
            )
        case "postgresql":
            return _understand_postgresql(url, is_pooler=is_pooler)
        case other:
            raise DatabaseUrlNotUnderstood(
                f"Nexus runs on SQLite and PostgreSQL, not on {other!r}."
            )


def _understand_postgresql(url: URL, *, is_pooler: bool) -> DatabaseUrl:
    is_pooler = is_pooler or any(mark in url.query for mark in _POOLER_MARKS)
    url = url.difference_update_query(_POOLER_MARKS)
    connect_args: dict[str, Any] = {}
    if mode := _single(url, "sslmode"):
        connect_args["ssl"] = _ssl(mode, _single(url, "sslrootcert"))
    settings = {"application_name": _single(url, "application_name") or "nexus", "jit": "off"}
    if options := _single(url, "options"):
        settings |= _options(options)
    if is_pooler:
        # Prepared statements belong to a server connection, and a pooler changes that one.
        connect_args |= {"statement_cache_size": 0, "prepared_statement_cache_size": 0}
        settings.pop("jit")  # poolers refuse start-up parameters that they do not track
    connect_args["server_settings"] = settings
    understood = {
        "sslmode",
        "sslrootcert",
        "application_name",
        "options",
        "host",
        "port",
    } | _LIBPQ_ONLY
    # `?host=/folder` names a Unix socket, as some hosts write it.
    where = {name: url.query[name] for name in ("host", "port") if name in url.query}
    unknown = sorted(set(url.query) - understood)
    if unknown:
        raise DatabaseUrlNotUnderstood(
            f"The database URL has parameters that Nexus does not know: {', '.join(unknown)}. "
            f"It knows {', '.join(sorted(understood | _POOLER_MARKS))}."
        )
    return DatabaseUrl(
        asynchronous=url.set(drivername="postgresql+asyncpg", query=where),
        synchronous=url.set(drivername="postgresql+psycopg"),
        connect_args=connect_args,
        is_pooler=is_pooler,
    )


def _single(url: URL, name: str) -> str | None:
    value = url.query.get(name)
    return value if isinstance(value, str) or value is None else value[-1]


def _ssl(mode: str, root_certificate: str | None) -> str | ssl.SSLContext:
    if root_certificate and mode in {"verify-ca", "verify-full"}:
        context = ssl.create_default_context(cafile=root_certificate)
        context.check_hostname = mode == "verify-full"
        return context
    return mode


def _options(text: str) -> dict[str, str]:
    """The settings in libpq's `options`, such as `-c search_path=nexus`."""
    words = text.replace("-c ", "-c").split()
    pairs = (word.removeprefix("-c").removeprefix("--").partition("=") for word in words)
    return {name: value for name, _, value in pairs}
