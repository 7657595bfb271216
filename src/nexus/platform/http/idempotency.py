"""Idempotency keys: a repeated request gets the first one's answer and changes nothing.

The key is claimed by the transaction's first statement, so a concurrent twin waits for the first
to commit and then replays it. Only committed answers are stored: what was refused may be retried.
"""

import hashlib
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

from litestar.types import Message
from sqlalchemy import delete, select, update

from nexus.platform.clock import now
from nexus.platform.database import Transaction
from nexus.platform.errors import Conflict, Invalid
from nexus.platform.rows import IdempotencyKeyRow
from nexus.platform.upsert import insert_missing

LIFETIME = timedelta(hours=24)
MAX_KEY_LENGTH = 255


class IdempotencyKeyReused(Invalid):
    code = "idempotency.key_reused"
    message = (
        "This Idempotency-Key was sent with another request. "
        "Use a new key for a new request, and repeat a request unchanged."
    )


class IdempotencyKeyNotUsable(Invalid):
    code = "idempotency.key_not_usable"
    message = "An Idempotency-Key has 1 to 255 visible ASCII characters."


class AnswerWithheld(Conflict):
    code = "idempotency.answer_withheld"
    message = (
        "This request was carried out before. Its answer held a secret, which is shown only once."
    )


@dataclass(eq=False)
class StoredAnswer(Exception):
    """The request was answered before; not an error, but the end of this attempt."""

    status: int
    headers: list[tuple[bytes, bytes]]
    body: bytes


def fingerprint(method: str, path: str, query: bytes, body: bytes, workspace: str) -> str:
    digest = hashlib.sha256()
    for part in (method.encode(), path.encode(), query, body, workspace.encode()):
        digest.update(len(part).to_bytes(8, "big") + part)
    return digest.hexdigest()


def usable_key(raw: bytes) -> str:
    if not 1 <= len(raw) <= MAX_KEY_LENGTH or not all(0x21 <= byte <= 0x7E for byte in raw):
        raise IdempotencyKeyNotUsable
    return raw.decode("ascii")


class IdempotencyClaim:
    """One request's hold on its key. `take` runs first in the transaction, `store` last."""

    def __init__(self, credential_id: UUID, key: str, request_fingerprint: str) -> None:
        self._credential_id = credential_id
        self._key = key
        self._fingerprint = request_fingerprint
        self._taken = False

    async def take(self, tx: Transaction) -> None:
        """Claim the key, or raise StoredAnswer, IdempotencyKeyReused or AnswerWithheld."""
        if await self._insert(tx):
            return
        mine = self._mine()
        stored = (await tx.execute(select(IdempotencyKeyRow).where(*mine))).one()
        if stored.expires_at <= now():
            await tx.execute(
                delete(IdempotencyKeyRow).where(*mine, IdempotencyKeyRow.expires_at <= now())
            )
            if not await self._insert(tx):  # a twin was quicker: replay it
                await self.take(tx)
        elif stored.fingerprint != self._fingerprint:
            raise IdempotencyKeyReused
        elif stored.body is None:
            raise AnswerWithheld
        else:
            headers = [(n.encode("latin-1"), v.encode("latin-1")) for n, v in stored.headers]
            raise StoredAnswer(stored.status, headers, stored.body.encode())

    async def store(self, tx: Transaction, answer: list[Message], *, is_secret: bool) -> None:
        """Keep the answer for a day. A secret one leaves only the fact that it was given."""
        if not self._taken:
            return  # nothing was written, so there is nothing that a repeat could do twice
        start, *rest = answer
        body = b"".join(m.get("body", b"") for m in rest if m["type"] == "http.response.body")
        headers = [
            (name.decode("latin-1"), value.decode("latin-1"))
            for name, value in start.get("headers", [])
        ]
        kept: dict[str, Any] = (
            {"status": start.get("status")}
            if is_secret
            else {"status": start.get("status"), "headers": headers, "body": body.decode()}
        )
        await tx.execute(update(IdempotencyKeyRow).where(*self._mine()).values(kept))

    async def _insert(self, tx: Transaction) -> bool:
        claimed = await tx.execute(
            insert_missing(tx, IdempotencyKeyRow)
            .values(
                credential_id=self._credential_id,
                key=self._key,
                fingerprint=self._fingerprint,
                expires_at=now() + LIFETIME,
            )
            .returning(IdempotencyKeyRow.key)
        )
        self._taken = claimed.first() is not None
        return self._taken

    def _mine(self) -> tuple[Any, Any]:
        return (
            IdempotencyKeyRow.credential_id == self._credential_id,
            IdempotencyKeyRow.key == self._key,
        )


async def forget_expired(tx: Transaction) -> None:
    """Let go of answers whose day is over."""
    await tx.execute(delete(IdempotencyKeyRow).where(IdempotencyKeyRow.expires_at <= now()))
