"""What can be wrong with API keys."""

from nexus.platform.errors import Conflict, Invalid, NotAllowed, NotFound


class KeyNotFound(NotFound):
    code = "key.not_found"
    message = "There is no API key '{id}' that you can see."


class KeyOwnerNotFound(NotFound):
    code = "key.owner_not_found"
    message = "There is no agent '{id}' in this workspace. 'nexus agent list' shows all."


class KeyRevoked(Conflict):
    code = "key.revoked"
    message = "This key cannot be rotated: {why}. Make a new one."


class UnknownScopes(Invalid):
    code = "key.unknown_scopes"
    message = "There are no such scopes: {unknown}. There are {known}."


class ScopesNotYours(NotAllowed):
    code = "key.scopes_not_yours"
    message = "A key cannot do more than its maker, and you may not: {permission}."


class ExpiryNotUsable(Invalid):
    code = "key.expiry_not_usable"
    message = "The expiry of a key is no moment that can be kept: {why}"


class ExpiryPassed(Invalid):
    code = "key.expiry_passed"
    message = "The expiry of a new key lies in the future."
