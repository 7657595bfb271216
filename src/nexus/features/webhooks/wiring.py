"""How the services of webhooks are put together."""

from nexus.features.events.wiring import event_service
from nexus.features.webhooks.handing import Handing
from nexus.features.webhooks.repository import DeliveryRepository, WebhookRepository
from nexus.features.webhooks.service import WebhookService
from nexus.platform.database import Transaction


def webhook_service(tx: Transaction) -> WebhookService:
    return WebhookService(
        WebhookRepository(tx), DeliveryRepository(tx), event_service(tx), handing(tx), tx
    )


def handing(tx: Transaction) -> Handing:
    return Handing(WebhookRepository(tx), DeliveryRepository(tx), event_service(tx), tx)


def webhook_repository(tx: Transaction) -> WebhookRepository:
    """For the job alone, which looks at all workspaces."""
    return WebhookRepository(tx)


def delivery_repository(tx: Transaction) -> DeliveryRepository:
    return DeliveryRepository(tx)
