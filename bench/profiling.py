"""Where a server's time goes under load: cProfile around its event loop."""

import pstats
from io import StringIO
from pathlib import Path
from tempfile import TemporaryDirectory

import httpx2 as httpx

from bench.calls import Plan
from bench.databases import Fresh
from bench.load import Job, Target
from bench.processes import bench_server, put_under_load

_SHOWN = 40


def profile(
    database: Fresh, plan: Plan, operation: str, *, seconds: float, connections: int
) -> str:
    """The functions that took the most own time, and the most time with all that they call."""
    with bench_server(database, plan) as server, TemporaryDirectory() as folder:
        into = Path(folder) / "profile"
        target = Target(operation, server.port, plan.key, plan.calls[operation])
        job = Job([target], seconds, connections)
        put_under_load(job)  # what is compiled and cached once is not of interest
        address = f"http://127.0.0.1:{server.port}/bench/profile"
        httpx.post(address, json={}).raise_for_status()
        measured = put_under_load(job)[operation]
        ended = httpx.post(address, json={"into": str(into)}, timeout=60).raise_for_status()

        written = StringIO()
        statistics = pstats.Stats(str(into), stream=written)
        statistics.sort_stats("tottime").print_stats(_SHOWN)
        statistics.sort_stats("cumulative").print_stats(_SHOWN)
    collector = "{collections:.0f} garbage collections took {collecting_s:.2f} s"
    return "\n".join(
        [
            f"{measured.per_second:.0f} answers/s while profiled",
            collector.format(**ended.json()) + ", booked on whoever they interrupted",
            "Cumulative times lose themselves where SQLAlchemy changes greenlets; own times hold.",
            written.getvalue(),
        ]
    )
