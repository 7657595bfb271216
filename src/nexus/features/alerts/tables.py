"""The table of alerts."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import ForeignKey, Index, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from nexus.platform.columns import Base, ExactText, TenantRow

_IS_OPEN = text("cleared_at IS NULL")


class AlertRow(TenantRow, Base):
    """Of one cause one alert is open at a time."""

    __tablename__ = "alerts"
    __table_args__ = (
        UniqueConstraint("workspace_id", "id"),
        Index(
            "ix_alerts_open",
            "workspace_id",
            "rule",
            "about",
            unique=True,
            postgresql_where=_IS_OPEN,
            sqlite_where=_IS_OPEN,
        ),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    workspace_id: Mapped[UUID] = mapped_column(ForeignKey("workspaces.id"))
    rule: Mapped[str] = mapped_column(ExactText)
    about: Mapped[str] = mapped_column(ExactText)
    message: Mapped[str]
    raised_at: Mapped[datetime]
    cleared_at: Mapped[datetime | None]
