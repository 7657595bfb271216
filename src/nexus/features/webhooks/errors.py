"""What can go wrong with webhooks."""

from nexus.platform.errors import Conflict, Invalid, NotFound


class WebhookNotFound(NotFound):
    code = "webhook.not_found"
    message = "There is no webhook '{id}' that you can see."


class DeliveryNotFound(NotFound):
    code = "webhook.delivery_not_found"
    message = "This webhook has no delivery '{id}'. Deliveries are forgotten after 30 days."


class DeliveryWaiting(Conflict):
    code = "webhook.delivery_waiting"
    message = "This delivery is still being tried; it is sent again by itself."


class UrlNotUsable(Invalid):
    code = "webhook.url_not_usable"
    message = "A webhook goes to a whole address such as https://example.com/hook: {why}."


class TooManyWebhooks(Conflict):
    code = "webhook.too_many"
    message = "A workspace has at most {most} webhooks. Remove one that is no longer needed."
