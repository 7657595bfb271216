"""Whether this server is well: for load balancers, for Prometheus, and for `nexus doctor`."""

import asyncio
import time
from datetime import timedelta
from typing import TYPE_CHECKING

from sqlalchemy.pool import AsyncAdaptedQueuePool, QueuePool

from nexus.features.alerts.domain import WAITING_FOR
from nexus.features.alerts.wiring import alert_service
from nexus.platform import metrics
from nexus.platform.backups import BackupPlan
from nexus.platform.clock import now
from nexus.platform.database import DATABASE_FAILURES, Database
from nexus.platform.http.pages import Readiness
from nexus.platform.jobs.store import JobState, JobStore
from nexus.platform.logging import logger
from nexus.platform.schema import schema_problem

if TYPE_CHECKING:
    from nexus.platform.redis import SharedMemory

log = logger(__name__)

ANSWERS_WITHIN_S = 2.0
LOOKED_EVERY_S = 10.0
"""How old warnings may be: they are asked for often, and by anyone."""
OVERDUE_AFTER = timedelta(hours=2)


class ReadinessCheck:
    def __init__(self, database: Database, shared: "SharedMemory | None", plan: BackupPlan) -> None:
        self._database = database
        self._shared = shared
        self._plan = plan
        self._jobs = database.jobs if isinstance(database.jobs, JobStore) else None
        self._warnings: dict[str, str] = {}
        self._looked_at = -LOOKED_EVERY_S
        self._looking = asyncio.Lock()
        self._started_at = now()

    async def __call__(self) -> Readiness:
        found = await self._database_state()
        warnings = await self.warnings() if found == "ok" else {}
        return Readiness.of({"database": found}, warnings)

    async def warnings(self) -> dict[str, str]:
        async with self._looking:
            if time.monotonic() - self._looked_at > LOOKED_EVERY_S:
                self._warnings = await self._look()
                self._looked_at = time.monotonic()
        return self._warnings

    async def measure(self) -> None:
        """Bring the gauges up to date that are not kept as things happen."""
        known = await self.warnings()
        for name in ("redis", "jobs", "backup", "alerts", "database"):
            metrics.WARNINGS.labels(name).set(name in known)
        for pool, engine in zip(("reader", "writer"), self._database.engines, strict=True):
            if isinstance(engine.pool, AsyncAdaptedQueuePool | QueuePool):
                metrics.CONNECTIONS.labels(pool).set(engine.pool.checkedout())

    async def _database_state(self) -> str:
        try:
            async with asyncio.timeout(ANSWERS_WITHIN_S):
                return await schema_problem(self._database) or "ok"
        except (*DATABASE_FAILURES, TimeoutError) as error:
            log.warning("database.unreachable", error=str(error))
            return "does not answer"

    async def _look(self) -> dict[str, str]:
        found = {
            "redis": await self._redis(),
            "backup": await asyncio.to_thread(self._backup),
        }
        try:
            async with asyncio.timeout(ANSWERS_WITHIN_S):
                found |= {"jobs": await self._waiting_jobs(), "alerts": await self._alerts()}
        except (*DATABASE_FAILURES, TimeoutError) as error:
            log.warning("readiness.not_known", error=str(error))
            found["database"] = "It was too slow to say whether anything is wrong."
        return {name: message for name, message in found.items() if message}

    async def _redis(self) -> str | None:
        if self._shared is None or await self._shared.ping():
            return None
        return (
            "Redis does not answer. Until it does, each process counts requests by itself, and "
            "takes up to 5 s to learn that a key was revoked."
        )

    async def _waiting_jobs(self) -> str | None:
        if self._jobs is None:
            return None
        counts, oldest = await self._jobs.count_states()
        for state in JobState:
            metrics.JOBS.labels(state.value).set(counts.get(state, 0))
        waits = now() - oldest if oldest else timedelta()
        metrics.JOB_WAIT_SECONDS.set(max(0.0, waits.total_seconds()))
        if waits > WAITING_FOR:
            minutes = int(waits.total_seconds() // 60)
            return f"A job waits for {minutes} minutes. Is a worker running ('nexus worker')?"
        return None

    def _backup(self) -> str | None:
        before = now() - OVERDUE_AFTER
        if self._started_at < before and self._plan.is_due(before):
            return (
                f"There is no backup in {self._plan.folder} since it was due at "
                f"{self._plan.hour}:00 UTC. Look for 'platform.back_up' in 'nexus jobs list'."
            )
        return None

    async def _alerts(self) -> str | None:
        async with self._database.system_reading() as tx:
            count = await alert_service(tx).count_open()
        return f"{count} alerts are open: 'nexus alert list' shows yours." if count else None
