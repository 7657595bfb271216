"""How the services of keys are put together."""

from nexus.features.keys.repository import KeyRepository
from nexus.features.keys.service import KeyLookup, KeyService
from nexus.platform.database import Transaction
from nexus.platform.last_use import LastUse


def key_service(tx: Transaction) -> KeyService:
    return KeyService(KeyRepository(tx), tx.events)


def key_lookup(tx: Transaction, last_use: LastUse) -> KeyLookup:
    return KeyLookup(KeyRepository(tx), last_use)
