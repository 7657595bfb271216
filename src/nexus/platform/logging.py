"""Structured logs: pretty in a terminal, one object of the Elastic Common Schema a line otherwise.

Nothing secret leaves here: whatever looks like a key, a password or an e-mail address is blotted
out of the finished line, tracebacks too.
"""

import logging
import re
import sys
from collections.abc import Callable
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

_SECRETS = re.compile(
    r"""
    (?P<named>(?:password|passwd|pwd|secret|token|authorization|api[_-]?key|cookie|dsn)
       ["']?\s*[:=]\s*["']?(?:bearer\s+)?)[^\s"',;&}\\]{3,}
    | (?P<url>[a-z][a-z0-9+.-]*://[^\s:/@"']*:)[^\s@"'/]+(?=@)
    | (?P<bearer>bearer\s+)[A-Za-z0-9._~+/=-]{8,}
    | \bnx[a-z]_[A-Za-z0-9_-]{8,}
    | \bwhsec_[A-Za-z0-9+/=]{8,}
    | \$argon2[a-z]*\$[^\s"']+
    | (?P<mail>[\w.+-]+@[\w-]+\.[\w.-]*\w)
    """,
    re.IGNORECASE | re.VERBOSE,
)


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
    return f"{before}[...]"


def _pretty() -> list[structlog.typing.Processor]:
    render = structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)
    return [_rendered(lambda line: str(render(None, "", line)))]


def _ecs() -> list[structlog.typing.Processor]:
    render = ecs_logging.StructlogFormatter()
    service = {"service.name": "nexus", "service.version": version("nexus-backlog")}

    def as_ecs(line: Any) -> str:
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

    return [_rendered(as_ecs)]


def _rendered(render: Callable[[Any], str]) -> structlog.typing.Processor:
    def rendered(_logger: Any, _method: str, line: Any) -> str:
        return without_secrets(render(line))

    return rendered
