"""`python -m soak`: run what is long, on a PostgreSQL of its own."""

import asyncio
import os
import tempfile
from argparse import ArgumentParser
from pathlib import Path

from soak.streams import Plan, run, start
from tests.conftest import a_postgres_database
from tests.server import Machine


def main() -> None:
    parser = ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=300)
    parser.add_argument("--seed", type=int, default=int.from_bytes(os.urandom(2)))
    given = parser.parse_args()
    print(f"Streams for {given.seconds:.0f} s, seed {given.seed} ...", flush=True)
    with tempfile.TemporaryDirectory() as folder, a_postgres_database("nexus_soak") as url:
        limits = {"NEXUS_HTTP__REQUESTS_PER_MINUTE": "10000000"}
        servers = start(Machine(folder=Path(folder), database_url=url, extra=limits), 2)
        try:
            outcome = asyncio.run(run(servers, Plan(seconds=given.seconds, seed=given.seed)))
        finally:
            servers.stop()
    print(
        f"{outcome.events} events, {outcome.tasks} tasks, {outcome.connections} streams, "
        f"{outcome.kills} kills: every reader has every event once, every write was done once."
    )


if __name__ == "__main__":
    main()
