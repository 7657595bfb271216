"""API keys: what programs show to act for a member or an agent.

Owns `api_keys`. Announces key.created, key.rotated, key.revoked and key.refused. Asks nobody: the
actors that keys belong to stand in the platform.
"""
