"""How the services of identity are put together."""

from datetime import timedelta

from nexus.features.identity.repository import SessionRepository, UserRepository
from nexus.features.identity.service import (
    PasswordReset,
    SessionLookup,
    SessionService,
    UserService,
)
from nexus.platform.database import Transaction
from nexus.platform.last_use import LastUse
from nexus.platform.throttle import Throttle


def user_service(tx: Transaction) -> UserService:
    return UserService(UserRepository(tx), tx.events)


def session_service(
    tx: Transaction, sign_in_throttle: Throttle, session_lifetime: timedelta
) -> SessionService:
    return _session_service(tx, tx, sign_in_throttle, session_lifetime)


def password_service(
    tx: Transaction, reading: Transaction, sign_in_throttle: Throttle, session_lifetime: timedelta
) -> SessionService:
    """The same for verbs that check a password."""
    return _session_service(tx, reading, sign_in_throttle, session_lifetime)


def password_reset(tx: Transaction) -> PasswordReset:
    return PasswordReset(UserRepository(tx), SessionRepository(tx), tx.events)


def session_lookup(tx: Transaction, last_use: LastUse) -> SessionLookup:
    return SessionLookup(SessionRepository(tx), last_use)


def _session_service(
    tx: Transaction, reading: Transaction, throttle: Throttle, lifetime: timedelta
) -> SessionService:
    return SessionService(
        UserRepository(reading),
        UserRepository(tx),
        SessionRepository(tx),
        tx.events,
        throttle=throttle,
        lifetime=lifetime,
    )
