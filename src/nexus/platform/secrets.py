"""Random secrets and the only forms in which they are kept."""

import hashlib
import hmac
import secrets
import string

_PREFIX_ALPHABET = string.ascii_lowercase + string.digits


def new_secret() -> str:
    """256 random bits, safe in URLs, headers and cookies."""
    return secrets.token_urlsafe(32)


def new_prefix() -> str:
    """The public part of an API key, by which it is found and named."""
    return "".join(secrets.choice(_PREFIX_ALPHABET) for _ in range(10))


def digest(secret: str) -> str:
    """What is stored of a random secret. Plain SHA-256: there is nothing to guess in 256 bits."""
    return hashlib.sha256(secret.encode()).hexdigest()


def matches(secret: str, stored_digest: str) -> bool:
    return hmac.compare_digest(digest(secret), stored_digest)
