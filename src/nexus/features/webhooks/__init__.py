"""Outgoing webhooks: what happens in a workspace, sent to addresses that its admins name.

Owns webhooks and webhook_deliveries. Announces webhook.*. Asks events what has happened. The events
table is the outbox: a webhook knows the number of the last event that was handed on to it.
"""
