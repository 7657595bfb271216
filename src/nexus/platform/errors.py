"""The eight kinds of refusal. Features subclass a kind, never the root.

AppError
├── NotAuthenticated   we do not know you
├── NotAllowed         we know you, and you may not
├── NotFound           no such thing, or none you can see
├── Conflict           not in a state that allows this
├── Stale              somebody changed it since you read it
├── Invalid            the input breaks a rule of the domain
├── RateLimited        too much, too fast
└── Unavailable        something outside is down

An error knows its code, its sentence and its details. It knows no face: HTTP status, exit code and
tool error are one table per face.
"""

from typing import Any, ClassVar


class AppError(Exception):
    """A refusal with a stable `code` for programs and a sentence for people.

    `message` is a format string over `details`; what `details` holds is shown to the caller.
    """

    code: ClassVar[str]
    message: ClassVar[str]

    def __init__(self, **details: Any) -> None:
        self.details = details
        super().__init__(self.message.format_map(details))


class NotAuthenticated(AppError):
    code = "authentication.required"
    message = (
        "This needs a credential: send 'Authorization: Bearer <API key>' or sign in. "
        "'nexus login' makes a key for the command line."
    )


class NotAllowed(AppError):
    code = "permission.missing"
    message = "This needs the permission '{permission}', which your role or key does not have."


class NotFound(AppError):
    code = "not_found"
    message = "There is no {what} '{id}' that you can see."


class Conflict(AppError):
    code = "conflict"
    message = "{reason}"


class Stale(AppError):
    code = "stale"
    message = (
        "The {what} is at version {current} and you changed version {given}. "
        "Read it again and repeat your change."
    )


class Invalid(AppError):
    code = "invalid"
    message = "{reason}"


class RateLimited(AppError):
    code = "rate_limited"
    message = "Too many requests. Try again in {retry_after} s."


class Unavailable(AppError):
    code = "unavailable"
    message = "{what} does not answer at the moment. Try again in a little while."
