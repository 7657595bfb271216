"""What happens to estimates."""

from dataclasses import dataclass
from typing import ClassVar

from nexus.platform.actor import WorkspaceId
from nexus.platform.events import Event


@dataclass(frozen=True, kw_only=True)
class ComplexityCalibrated(Event):
    """The model learned from finished tasks; `error` is in points of complexity."""

    name: ClassVar[str] = "complexity.calibrated"
    subject_field: ClassVar[str] = "workspace_id"

    workspace_id: WorkspaceId
    samples: int
    error: float
