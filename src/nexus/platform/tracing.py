"""Traces of requests, statements and jobs, where the settings name a collector.

OpenTelemetry is imported then alone: it takes 30 MB.
"""

from collections.abc import Generator, Iterable
from contextlib import contextmanager
from importlib.metadata import version
from typing import Any

from nexus.platform.errors import AppError

_tracer: Any = None
_provider: Any = None


class TracingNotInstalled(Exception):
    def __init__(self) -> None:
        super().__init__(
            "tracing.endpoint is set, and OpenTelemetry is not installed: "
            "pip install 'nexus-backlog[tracing]'."
        )


def start(endpoint: str, sample: float) -> None:
    """Send traces over OTLP/HTTP from now on. Raises TracingNotInstalled."""
    global _tracer, _provider  # noqa: PLW0603 - one for the process, as OpenTelemetry has it
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import (  # noqa: PLC0415
            OTLPSpanExporter,
        )
        from opentelemetry.sdk.resources import Resource  # noqa: PLC0415
        from opentelemetry.sdk.trace import TracerProvider  # noqa: PLC0415
        from opentelemetry.sdk.trace.export import BatchSpanProcessor  # noqa: PLC0415
        from opentelemetry.sdk.trace.sampling import (  # noqa: PLC0415
            ParentBased,
            TraceIdRatioBased,
        )
    except ImportError as error:
        raise TracingNotInstalled from error
    resource = Resource.create(
        {"service.name": "nexus", "service.version": version("nexus-backlog")}
    )
    _provider = TracerProvider(
        resource=resource, sampler=ParentBased(TraceIdRatioBased(sample)), shutdown_on_exit=False
    )
    exporter = OTLPSpanExporter(endpoint=f"{endpoint.rstrip('/')}/v1/traces")
    _provider.add_span_processor(BatchSpanProcessor(exporter))
    _tracer = _provider.get_tracer("nexus")


def stop() -> None:
    """Send what has not been sent yet."""
    global _tracer, _provider  # noqa: PLW0603
    if _provider is not None:
        _provider.shutdown()
    _tracer = _provider = None


def is_on() -> bool:
    return _tracer is not None


@contextmanager
def span(name: str, **attributes: Any) -> Generator[Any]:
    """A span around what follows; without tracing it costs next to nothing and yields None.

    What a rule refuses is no error of the program, and is not marked as one.
    """
    if _tracer is None:
        yield None
        return
    with _tracer.start_as_current_span(
        name, attributes=_known(attributes), record_exception=False, set_status_on_exception=False
    ) as current:
        try:
            yield current
        except AppError:
            raise
        except Exception as error:
            _mark_failed(current, error)
            raise


@contextmanager
def request_span(method: str, headers: Iterable[tuple[bytes, bytes]]) -> Generator[Any]:
    """The span of a request, below that of the caller where it names one (traceparent)."""
    if _tracer is None:
        yield None
        return
    from opentelemetry.propagate import extract  # noqa: PLC0415
    from opentelemetry.trace import SpanKind  # noqa: PLC0415

    given = {name.decode("latin-1"): value.decode("latin-1") for name, value in headers}
    carried = {name: given[name] for name in ("traceparent", "tracestate") if name in given}
    with _tracer.start_as_current_span(
        method, context=extract(carried), kind=SpanKind.SERVER
    ) as current:
        yield current


def ids() -> dict[str, str]:
    """The current trace and span, for log lines."""
    if _tracer is None:
        return {}
    from opentelemetry.trace import get_current_span  # noqa: PLC0415

    context = get_current_span().get_span_context()
    if not context.is_valid:
        return {}
    return {"trace_id": f"{context.trace_id:032x}", "span_id": f"{context.span_id:016x}"}


def _known(attributes: dict[str, Any]) -> dict[str, Any]:
    return {
        name.replace("__", "."): value for name, value in attributes.items() if value is not None
    }


def _mark_failed(current: Any, error: Exception) -> None:
    """With the kind of the error alone: messages may hold what is nobody's business."""
    from opentelemetry.trace import StatusCode  # noqa: PLC0415

    current.set_status(StatusCode.ERROR)
    current.set_attribute("error.type", type(error).__name__)
