"""The only place that asks what time it is."""

from datetime import UTC, datetime


def now() -> datetime:
    """The present in UTC, to the microsecond, which is what both databases keep."""
    return datetime.now(UTC)
