"""Workspaces (the tenants), their members with roles, and invitations.

Owns `workspaces`, `actors` of the kind member (both declared in the platform, since every feature
points at them) and `invitations`. Announces workspace.*, member.* and invitation.*. Asks identity
for the users behind members.
"""
