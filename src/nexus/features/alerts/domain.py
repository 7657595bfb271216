"""Alerts and the rules that raise them: pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import NewType
from uuid import UUID

from nexus.platform.actor import WorkspaceId

AlertId = NewType("AlertId", UUID)

REFUSED_WITHIN = timedelta(minutes=15)
REFUSED_TIMES = 5
FAILING_FOR = timedelta(hours=1)
WAITING_FOR = timedelta(minutes=15)
FAILED_WITHIN = timedelta(days=1)


class AlertRule(StrEnum):
    CREDENTIAL_REFUSED = "credential_refused"
    WEBHOOK_FAILING = "webhook_failing"
    JOB_FAILED = "job_failed"
    JOB_WAITING = "job_waiting"


Cause = tuple[AlertRule, str]
"""A rule, and what it is about, as the subject of an event names it (`key:<id>`)."""

Causes = Mapping[Cause, str]
"""With a sentence for people each."""


@dataclass(frozen=True, kw_only=True)
class Alert:
    id: AlertId
    workspace_id: WorkspaceId
    rule: AlertRule
    about: str
    message: str
    raised_at: datetime
    cleared_at: datetime | None

    @property
    def cause(self) -> Cause:
        return self.rule, self.about
