"""Complexity: what it was said to be, what finished tasks took, and the model that learns from it."""

import sqlalchemy as sa
from alembic import op

from nexus.platform.columns import Instant, Json

revision = "202611211748"
down_revision = "202611211509"
branch_labels = None
depends_on = None

_IS_UNSCORED = sa.text("complexity_auto IS NULL")


def upgrade() -> None:
    op.create_table(
        "complexity_models",
        sa.Column("workspace_id", sa.Uuid(), nullable=False),
        sa.Column("weights", Json, nullable=False),
        sa.Column("calibration", Json, nullable=False),
        sa.Column("calibrated_at", Instant(), nullable=False),
        sa.ForeignKeyConstraint(
            ["workspace_id"], ["workspaces.id"], name=op.f("fk_complexity_models_workspace_id")
        ),
        sa.PrimaryKeyConstraint("workspace_id", name=op.f("pk_complexity_models")),
    )
    op.create_table(
        "task_outcomes",
        sa.Column("task_id", sa.Uuid(), nullable=False),
        sa.Column("finished_at", Instant(), nullable=False),
        sa.Column("features", Json, nullable=False),
        sa.Column("seconds", sa.BigInteger(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("tokens", sa.BigInteger(), nullable=False),
        sa.Column("workspace_id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(
            ["workspace_id", "task_id"],
            ["tasks.workspace_id", "tasks.id"],
            name=op.f("fk_task_outcomes_workspace_id_task_id"),
        ),
        sa.PrimaryKeyConstraint("task_id", name=op.f("pk_task_outcomes")),
    )
    op.create_index(
        op.f("ix_task_outcomes_workspace_id_finished_at"),
        "task_outcomes",
        ["workspace_id", "finished_at"],
    )
    op.add_column("tasks", sa.Column("complexity_given", sa.SmallInteger(), nullable=True))
    op.execute("UPDATE tasks SET complexity_given = complexity_auto")  # a file said it, so far
    op.create_index("ix_tasks_finished", "tasks", ["workspace_id", "finished_at", "id"])
    op.create_index(
        "ix_tasks_unscored",
        "tasks",
        ["workspace_id", "id"],
        postgresql_where=_IS_UNSCORED,
        sqlite_where=_IS_UNSCORED,
    )


def downgrade() -> None:
    op.drop_index("ix_tasks_unscored", table_name="tasks")
    op.drop_index("ix_tasks_finished", table_name="tasks")
    op.drop_column("tasks", "complexity_given")
    op.drop_table("task_outcomes")
    op.drop_table("complexity_models")
