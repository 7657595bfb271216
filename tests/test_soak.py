"""The soak in its short form: seconds instead of minutes, from a seed."""

import asyncio
from pathlib import Path

from soak.streams import Plan, run, start
from tests.conftest import a_postgres_database
from tests.server import Machine


def test_readers_miss_nothing_while_servers_are_killed(tmp_path: Path, worker_id: str) -> None:
    limits = {"NEXUS_HTTP__REQUESTS_PER_MINUTE": "10000000"}
    with a_postgres_database(f"nexus_soak_{worker_id}") as url:
        servers = start(Machine(folder=tmp_path, database_url=url, extra=limits), 2)
        try:
            outcome = asyncio.run(run(servers, Plan(seconds=14, kill_every_s=5, seed=20)))
        finally:
            servers.stop()

    assert outcome.kills >= 1
    assert outcome.connections > 20
    assert outcome.events > outcome.tasks > 50
