"""The first start of a server: its workspace, its owner, and how to sign in."""

import secrets
from dataclasses import dataclass

from nexus.features.identity.errors import EmailTaken
from nexus.features.identity.service import hash_password
from nexus.features.identity.wiring import user_service
from nexus.features.keys.wiring import key_service
from nexus.features.workspaces.wiring import workspace_service
from nexus.platform.database import Database

OWNER_EMAIL = "owner@nexus.example"
_WORDS = (
    "amber", "birch", "cedar", "delta", "ember", "fjord", "grove", "heath", "inlet", "jetty",
    "knoll", "lagoon", "maple", "north", "ocean", "plain", "quarry", "ridge", "stone", "tidal",
    "upland", "valley", "willow", "zephyr", "acorn", "basalt", "cobalt", "dune", "estuary", "fern",
    "glacier", "harbor",
)  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class FirstStart:
    """What is shown once: the owner's sign-in and a key for the command line."""

    email: str
    password: str
    key: str


async def prepare(database: Database, *, workspace: str = "Home") -> FirstStart | None:
    """Make the first workspace and its owner. None if the server has one already."""
    async with database.system_reading() as tx:
        if not await workspace_service(tx).is_first():
            return None
    password = new_password()
    hashed = await hash_password(password)
    try:
        return await _prepared(database, workspace, password, hashed)
    except EmailTaken:  # another process was quicker
        return None


async def _prepared(
    database: Database, workspace: str, password: str, hashed: str
) -> FirstStart | None:
    async with database.system() as tx:
        workspaces = workspace_service(tx)
        if not await workspaces.is_first():
            return None
        owner = await user_service(tx).register(OWNER_EMAIL, "Owner", hashed)
        actor = await workspaces.create(workspace, owner)
        key = await key_service(tx).create(
            "command line of the first start", scopes=None, expires_at=None, by=actor
        )
    return FirstStart(email=OWNER_EMAIL, password=password, key=key.text)


def new_password() -> str:
    """60 random bits in 32 words and a number, easy to copy by hand."""
    words = [secrets.choice(_WORDS) for _ in range(8)]
    return "-".join([*words, str(secrets.randbelow(900_000) + 100_000)])
