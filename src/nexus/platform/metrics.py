"""What Prometheus is told: one place for all names, so that they stay alike."""

from importlib.metadata import version

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    GCCollector,
    Histogram,
    Info,
    PlatformCollector,
    ProcessCollector,
    disable_created_metrics,
    generate_latest,
)

disable_created_metrics()

REGISTRY = CollectorRegistry()
for _collector in (ProcessCollector, PlatformCollector, GCCollector):
    _collector(registry=REGISTRY)

_FAST_S = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)
_JOB_S = (0.01, 0.1, 0.5, 1, 5, 15, 60, 300, 1800)

Info("nexus_build", "The program that runs.", registry=REGISTRY).info(
    {"version": version("nexus-backlog")}
)
REQUESTS = Counter(
    "nexus_http_requests_total",
    "Requests answered, by operation and status.",
    ("operation", "status"),
    registry=REGISTRY,
)
REQUEST_SECONDS = Histogram(
    "nexus_http_request_duration_seconds",
    "Time to the end of an answer, without streams.",
    ("operation",),
    buckets=_FAST_S,
    registry=REGISTRY,
)
STREAMS = Gauge("nexus_streams_open", "Event streams being read.", registry=REGISTRY)
EVENTS = Counter("nexus_events_total", "Events committed by this process.", registry=REGISTRY)
CALLERS = Counter(
    "nexus_caller_lookups_total",
    "Credentials looked up, by where the caller was found.",
    ("found",),
    registry=REGISTRY,
)
JOBS_RUN = Counter(
    "nexus_jobs_run_total",
    "Jobs ended by this process, by how.",
    ("job", "outcome"),
    registry=REGISTRY,
)
JOB_SECONDS = Histogram(
    "nexus_job_duration_seconds",
    "Time that jobs took in this process.",
    ("job",),
    buckets=_JOB_S,
    registry=REGISTRY,
)
JOBS = Gauge("nexus_jobs", "Jobs of all processes, by state.", ("state",), registry=REGISTRY)
JOB_WAIT_SECONDS = Gauge(
    "nexus_job_oldest_wait_seconds", "How long the oldest job waits.", registry=REGISTRY
)
DELIVERIES = Counter(
    "nexus_webhook_attempts_total",
    "Attempts to deliver an event to a webhook, by how they ended.",
    ("outcome",),
    registry=REGISTRY,
)
CONNECTIONS = Gauge(
    "nexus_database_connections",
    "Connections of this process in use, by pool.",
    ("pool",),
    registry=REGISTRY,
)
WARNINGS = Gauge(
    "nexus_warning", "1 while /readyz warns of something.", ("name",), registry=REGISTRY
)


def exposition() -> bytes:
    """All of them, as Prometheus reads them."""
    return generate_latest(REGISTRY)
