"""What is wrong and wants somebody."""

import sqlalchemy as sa
from alembic import op

from nexus.platform.columns import ExactText, Instant

revision = "202611211219"
down_revision = "202611210946"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "alerts",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("workspace_id", sa.Uuid(), nullable=False),
        sa.Column("rule", ExactText, nullable=False),
        sa.Column("about", ExactText, nullable=False),
        sa.Column("message", sa.Text(), nullable=False),
        sa.Column("raised_at", Instant(), nullable=False),
        sa.Column("cleared_at", Instant(), nullable=True),
        sa.ForeignKeyConstraint(
            ["workspace_id"], ["workspaces.id"], name=op.f("fk_alerts_workspace_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_alerts")),
        sa.UniqueConstraint("workspace_id", "id", name=op.f("uq_alerts_workspace_id_id")),
    )
    op.create_index(
        "ix_alerts_open",
        "alerts",
        ["workspace_id", "rule", "about"],
        unique=True,
        postgresql_where=sa.text("cleared_at IS NULL"),
        sqlite_where=sa.text("cleared_at IS NULL"),
    )


def downgrade() -> None:
    op.drop_table("alerts")
