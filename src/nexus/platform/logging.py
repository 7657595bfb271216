"""Structured logs: pretty in a terminal, one object of the Elastic Common Schema a line otherwise.

Nothing secret leaves here: whatever looks like a key, a password or an e-mail address is blotted
out of every line, tracebacks too.
"""

import logging
import re
import sys
from importlib.metadata import version
from typing import Any, Literal

import ecs_logging
import structlog

_NAMES = {
    "request_id": "http.request.id",
    "trace_id": "trace.id",
    "span_id": "span.id",
    "job_id": "nexus.job.id",
    "job": "nexus.job.name",
    "event_ids": "nexus.event.ids",
    "method": "http.request.method",
    "path": "url.path",
    "status": "http.response.status_code",
    "took_ms": "nexus.took_ms",
    "exception": "error.stack_trace",
    "error": "error.message",
    "logger": "log.logger",
}
"""What the schema calls things; all others stand below `nexus`."""

_WORDS = r"(?:password|passwd|pwd|secret|token|authorization|api[_-]?key|cookie|dsn|nexus_session)"
_SECRETS = re.compile(
    rf"""
    (?P<named>{_WORDS}["']?\s*[:=]\s*)(?:"(?:[^"\\]|\\.)*"?|'(?:[^'\\]|\\.)*'?|[^,;&"'\n}})]+)
    | (?P<url>[a-z][a-z0-9+.-]{{0,20}}://[^\s:/@"']{{0,100}}:)[^\s@"'/]+(?=@)
    | (?P<bearer>bearer\s+)[A-Za-z0-9._~+/=-]{{8,}}
    | \bnx[a-z]_[A-Za-z0-9_-]{{8,}}
    | \bwhsec_[A-Za-z0-9+/=]{{8,}}
    | \$argon2[a-z]*\$[^\s"']+
    | (?P<mail>[\w.+-]{{1,64}}@[\w-]+\.[\w.-]*\w)
    """,
    re.IGNORECASE | re.VERBOSE,
)
_SECRET_NAME = re.compile(_WORDS, re.IGNORECASE)


def configure(level: str, form: Literal["auto", "pretty", "json"]) -> None:
    """Send everything, the libraries' lines too, through one renderer to standard error."""
    pretty = form == "pretty" or (form == "auto" and sys.stderr.isatty())
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
    ]
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                _blot,
                *(_pretty() if pretty else _ecs()),
            ],
        )
    )
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(level.upper())
    for chatty in ("alembic", "granian.access", "httpx", "httpcore"):
        logging.getLogger(chatty).setLevel(max(logging.WARNING, root.level))


def adopt(name: str) -> None:
    """Let a library that writes lines of its own write them as all others are."""
    library = logging.getLogger(name)
    library.handlers = []
    library.propagate = True


def logger(name: str) -> structlog.stdlib.BoundLogger:
    return structlog.stdlib.get_logger(name)


def without_secrets(text: str) -> str:
    """A text with what looks like a secret or an e-mail address blotted out."""
    return _SECRETS.sub(_blotted, text)


def _blotted(found: re.Match[str]) -> str:
    parts = found.groupdict()
    before = parts["named"] or parts["url"] or parts["bearer"] or ""
    quote = found[0][len(before) : len(before) + 1]
    return f"{before}{quote}[...]{quote}" if quote in {'"', "'"} else f"{before}[...]"


def _blot(_logger: Any, _method: str, line: Any) -> Any:
    return {name: _clean(name, value) for name, value in line.items()}


def _clean(name: str, value: Any) -> Any:
    match value:
        case str():
            return "[...]" if _SECRET_NAME.search(name) else without_secrets(value)
        case dict():
            return {str(key): _clean(str(key), one) for key, one in value.items()}  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType]
        case list() | tuple():
            return [_clean(name, one) for one in value]  # pyright: ignore[reportUnknownVariableType]
        case None | bool() | int() | float():
            return value
        case _:
            return without_secrets(str(value))


def _pretty() -> list[structlog.typing.Processor]:
    return [structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)]


def _ecs() -> list[structlog.typing.Processor]:
    render = ecs_logging.StructlogFormatter()
    service = {"service.name": "nexus", "service.version": version("nexus-backlog")}

    def as_ecs(_logger: Any, _method: str, line: Any) -> str:
        name = str(line.pop("event"))
        named = {"event": name, "log.level": line.pop("level")}
        said = {
            _NAMES.get(key, f"nexus.{key}"): value
            for key, value in line.items()
            if key != "timestamp"  # the formatter has its own
        }
        is_ours = str(line.get("logger", "")).startswith("nexus")
        action = {"event.action": name} if is_ours else {}
        return str(render(None, "", {**named, **service, **said, **action}))

    return [as_ecs]


def cleaned(value: Any) -> Any:
    """A structure with everything blotted out that looks like a secret or is named as one."""
    return _clean("", value)
