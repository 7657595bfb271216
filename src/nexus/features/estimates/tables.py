"""The table of estimates."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ForeignKey
from sqlalchemy.orm import Mapped, mapped_column

from nexus.platform.columns import Base, Json, TenantRow


class ComplexityModelRow(TenantRow, Base):
    """What a workspace's model has learned; without a row it is the one that all begin with.

    `applied_at`: since when all open tasks are estimated by it; null until then.
    """

    __tablename__ = "complexity_models"

    workspace_id: Mapped[UUID] = mapped_column(ForeignKey("workspaces.id"), primary_key=True)
    weights: Mapped[dict[str, Any]] = mapped_column(Json)
    calibration: Mapped[dict[str, Any]] = mapped_column(Json)
    calibrated_at: Mapped[datetime]
    applied_at: Mapped[datetime | None]
