"""What can go wrong with events."""

from nexus.platform.errors import Invalid


class PlaceNotUnderstood(Invalid):
    code = "event.place_not_understood"
    message = (
        "'{given}' is no place in the log. Send the id of the last event you have, a number, or "
        "leave the header out to begin now."
    )
