"""Carrying webhooks out: handing events on as they happen, and sending what was handed on."""

from datetime import timedelta
from uuid import UUID

from nexus.clients.webhooks import WebhookClient
from nexus.features.webhooks.domain import DELIVER, DeliveryId
from nexus.features.webhooks.wiring import delivery_repository, handing, webhook_repository
from nexus.platform import metrics
from nexus.platform.actor import WorkspaceId
from nexus.platform.clock import now
from nexus.platform.database import Database
from nexus.platform.jobs.declaring import Run, job, until_fewer
from nexus.platform.logging import logger

KEPT = timedelta(days=30)
AT_A_TIME = 500
IN_A_ROW = 200  # of one webhook, before its other jobs and those of others have their turn
LONGEST_WAIT = timedelta(hours=10)  # longer than the longest pause between two attempts

log = logger(__name__)


async def hand_out(database: Database) -> bool:
    """Make deliveries of what happened since, some for each webhook; whether there is more.

    The events table is the outbox and a webhook's place in it the truth, so this may be done at
    any moment, by several at once, and be cut off: nothing is lost or handed on twice. Each gets
    some in turn; one that is far behind does not keep the others waiting.
    """
    async with database.system_reading() as tx:
        behind = await webhook_repository(tx).list_behind()
    is_more = False
    for workspace_id, webhook_id, maker in behind:
        try:
            async with database.transaction(workspace_id, viewer=maker) as tx:
                is_more |= await handing(tx).hand_out(webhook_id)
        except Exception:
            # Whatever is wrong with one webhook, the others are told.
            log.exception("webhook.not_handed_out", webhook_id=str(webhook_id))
    return is_more


@job(DELIVER)
async def deliver(run: Run, workspace_id: str, delivery_id: str) -> None:
    """Send an event to a webhook once, and see to what follows from the answer."""
    # Killed in between, it sends again: receivers know it by the message's id.
    of, delivery = WorkspaceId(UUID(workspace_id)), DeliveryId(UUID(delivery_id))
    await run.step("send", _send, run, of, delivery)


async def _send(run: Run, of: WorkspaceId, first: DeliveryId) -> None:
    """A delivery, and then those of its webhook that have not been tried yet, in their order.

    Their own jobs find nothing left to do: each would wait for the queue to be looked at.
    """
    delivery: DeliveryId | None = first
    for _ in range(IN_A_ROW):
        if delivery is None:
            return
        async with run.database.reading(of) as tx:
            maker = await handing(tx).maker_of(delivery)
        if maker is None:
            return
        async with run.database.reading(of, viewer=maker) as tx:
            message = await handing(tx).message(delivery)
        answer = await run.of(WebhookClient).send(message, now()) if message else None
        if answer:
            metrics.DELIVERIES.labels("failed" if answer.error else "delivered").inc()
        async with run.database.transaction(of) as tx:
            delivery = await handing(tx).settle(delivery, answer)


@job("webhooks.send_forgotten", schedule="37 * * * *")
async def send_forgotten(run: Run) -> None:
    """Send what still waits although its time has come and gone, as after a restore."""
    async with run.database.system_reading() as tx:
        forgotten = await delivery_repository(tx).list_forgotten(now() - LONGEST_WAIT, AT_A_TIME)
    for one in forgotten:
        async with run.database.transaction(one.workspace_id) as tx:
            handing(tx).enqueue(one)


@job("webhooks.forget_deliveries", schedule="53 * * * *")
async def forget_deliveries(run: Run) -> None:
    """Forget deliveries that were done with more than 30 days ago."""

    async def some() -> int:
        async with run.database.system() as tx:
            return await delivery_repository(tx).forget(now() - KEPT, AT_A_TIME)

    await until_fewer(AT_A_TIME, some)


JOBS = [deliver, send_forgotten, forget_deliveries]
