"""Moments that both databases can hold."""

from datetime import UTC, datetime


def in_utc(moment: datetime) -> datetime:
    """The same moment in UTC. Raises ValueError for one without an offset or beyond all years.

    Databases cannot hold the very ends of the calendar in another zone.
    """
    if moment.tzinfo is None:
        raise ValueError("A moment needs its offset from UTC, as in 2026-01-31T12:00:00Z.")
    try:
        found = moment.astimezone(UTC)
    except OverflowError:
        raise ValueError("There is no such moment in UTC.") from None
    if not 1900 <= found.year <= 9000:
        raise ValueError("Years go from 1900 to 9000 here.")
    return found
