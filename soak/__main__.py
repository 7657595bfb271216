"""`python -m soak`: run what is long, on databases of its own."""

import asyncio
import os
import tempfile
from argparse import ArgumentParser
from collections.abc import Callable
from pathlib import Path

from soak import claims, jobs
from soak.streams import Plan, run, start
from tests.conftest import a_postgres_database
from tests.server import Machine


def main() -> None:
    parser = ArgumentParser(description=__doc__)
    parser.add_argument("--only", choices=("streams", "jobs", "claims"))
    parser.add_argument("--seconds", type=float, default=300, help="of streams")
    parser.add_argument("--kills", type=int, default=200, help="under jobs")
    parser.add_argument("--seed", type=int, default=int.from_bytes(os.urandom(2)))
    given = parser.parse_args()
    parts: dict[str, Callable[[Path], str]] = {
        "streams": lambda folder: _streams(folder, given.seconds, given.seed),
        "jobs": lambda folder: _jobs(folder, given.kills, given.seed),
        "claims": lambda folder: _claims(folder, given.seed),
    }
    summaries: list[str] = []
    for name, part in parts.items():
        if given.only in {None, name}:
            with tempfile.TemporaryDirectory() as folder:
                summaries.append(part(Path(folder)))
    print(*summaries, sep="\n")


def _streams(folder: Path, seconds: float, seed: int) -> str:
    print(f"Streams for {seconds:.0f} s, seed {seed} ...", flush=True)
    with a_postgres_database("nexus_soak") as url:
        limits = {"NEXUS_HTTP__REQUESTS_PER_MINUTE": "10000000"}
        servers = start(Machine(folder=folder, database_url=url, extra=limits), 2)
        try:
            outcome = asyncio.run(run(servers, Plan(seconds=seconds, seed=seed)))
        finally:
            servers.stop()
    return (
        f"{outcome.events} events, {outcome.tasks} tasks, {outcome.connections} streams, "
        f"{outcome.kills} kills: every reader has every event once, every write was done once."
    )


def _jobs(folder: Path, kills: int, seed: int) -> str:
    print(f"Jobs under {kills} kills, seed {seed} ...", flush=True)
    return str(jobs.run(folder, kills=kills, seed=seed))


def _claims(folder: Path, seed: int) -> str:
    print(f"Claims, seed {seed} ...", flush=True)
    return "\n".join(map(str, claims.run_all(folder, seed=seed)))


if __name__ == "__main__":
    main()
