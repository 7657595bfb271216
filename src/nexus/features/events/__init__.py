"""Reading the event log: the audit of a workspace and the activity of a task.

Owns no table: events are written by the platform, in the transaction that makes them true.
Announces nothing. Asks tasks whether a task can be seen.
"""
