"""How the service of jobs is put together."""

from nexus.features.jobs.service import JobService
from nexus.platform.database import Transaction
from nexus.platform.jobs.store import JobStore


def job_service(tx: Transaction, job_store: JobStore) -> JobService:
    return JobService(job_store, tx.events)
