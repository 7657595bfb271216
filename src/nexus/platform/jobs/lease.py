"""Who works: a lease for each worker process, and what happens to the work of a dead one.

The open part of the engine recovers only what its own process left behind. On PostgreSQL there
are several: each says every few seconds that it lives, and whoever sees that another one has
stopped saying so takes over its work.
"""

import threading
from collections.abc import Callable

from sqlalchemy import (
    BigInteger,
    Engine,
    Table,
    Update,
    cast,
    delete,
    func,
    insert,
    select,
    text,
    update,
)

from nexus.platform.logging import logger
from nexus.platform.rows import JobWorkerRow

log = logger(__name__)

BEAT_S = 5.0
LEASE_S = 24.0  # with a beat and a look at the queue, a dead worker's jobs go on within 30 s

_WORKERS: Table = JobWorkerRow.__table__  # pyright: ignore[reportAssignmentType]
# The database's clock, never the process's; now() stands still within a transaction.
_NOW_MS = cast(func.extract("epoch", func.clock_timestamp()) * 1000, BigInteger)

# Left by a worker whose lease was ended while it was suspended, and that took a job afterwards.
_WITHOUT_WORKER = text(
    "SELECT DISTINCT executor_id FROM dbos.workflow_status "
    "WHERE status = 'PENDING' AND executor_id NOT IN (SELECT id FROM job_workers)"
)


class WorkerLease:
    """`take_over` is given the name of a dead worker and says how many jobs it left."""

    def __init__(
        self,
        engine: Engine,
        worker: str,
        take_over: Callable[[str], int],
        *,
        beat_s: float = BEAT_S,
        lease_s: float = LEASE_S,
    ) -> None:
        self._engine = engine
        self._worker = worker
        self._take_over = take_over
        self._beat_s = beat_s
        self._lease_ms = int(lease_s * 1000)
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._run, name="job-lease", daemon=True)

    def begin(self) -> None:
        """Before the first job is taken. A thread, so that a busy event loop does not look dead."""
        self._beat()
        self._thread.start()

    def end(self) -> None:
        """After the last job: what is still not done goes to the others at once."""
        self._is_over.set()
        self._thread.join(self._beat_s)
        with self._engine.begin() as connection:
            connection.execute(self._own(update(_WORKERS).values(seen_ms=0)))

    def _run(self) -> None:
        while not self._is_over.wait(self._beat_s):
            try:
                self._beat()
                self._look_after_others()
            except Exception:
                # Whatever it was, the next beat may go through; without one we lose our jobs.
                log.exception("jobs.lease_failed")

    def _beat(self) -> None:
        with self._engine.begin() as connection:
            seen = connection.execute(self._own(update(_WORKERS).values(seen_ms=_NOW_MS)))
            if seen.rowcount == 0:
                connection.execute(insert(_WORKERS).values(id=self._worker, seen_ms=_NOW_MS))

    def _look_after_others(self) -> None:
        is_dead = _WORKERS.c.seen_ms < _NOW_MS - self._lease_ms
        with self._engine.connect() as connection:
            dead = set(connection.execute(select(_WORKERS.c.id).where(is_dead)).scalars())
            dead |= set(connection.execute(_WITHOUT_WORKER).scalars())
        for worker in dead:
            count = self._take_over(worker)  # several may do it at once: each job moves once
            with self._engine.begin() as connection:
                connection.execute(delete(_WORKERS).where(_WORKERS.c.id == worker, is_dead))
            log.warning("jobs.taken_over", worker=worker, jobs=count)

    def _own(self, statement: Update) -> Update:
        return statement.where(_WORKERS.c.id == self._worker)
