"""People as users of the server, how they sign in, and their sessions.

Owns `users`, `user_identities` and `sessions`. A user may be a member of many workspaces; the
membership itself is an actor and belongs to the workspaces feature. Announces session.created,
session.refused and session.revoked in every workspace of the user. Asks no other feature.
"""
