"""How the services of identity are put together."""

from datetime import timedelta

from nexus.features.identity.repository import SessionRepository, UserRepository
from nexus.features.identity.service import SessionLookup, SessionService, UserService
from nexus.platform.database import Transaction
from nexus.platform.last_use import LastUse
from nexus.platform.throttle import Throttle


def user_service(tx: Transaction) -> UserService:
    return UserService(UserRepository(tx), SessionRepository(tx), tx.events)


def session_service(
    tx: Transaction, sign_in_throttle: Throttle, session_lifetime: timedelta
) -> SessionService:
    return SessionService(
        UserRepository(tx),
        SessionRepository(tx),
        tx.events,
        throttle=sign_in_throttle,
        lifetime=session_lifetime,
    )


def sign_in_service(
    tx: Transaction, reading: Transaction, sign_in_throttle: Throttle, session_lifetime: timedelta
) -> SessionService:
    """Looks users up outside the transaction: a password check must not hold the write lock."""
    return SessionService(
        UserRepository(reading),
        SessionRepository(tx),
        tx.events,
        throttle=sign_in_throttle,
        lifetime=session_lifetime,
    )


def session_lookup(tx: Transaction, last_use: LastUse) -> SessionLookup:
    return SessionLookup(SessionRepository(tx), last_use)
