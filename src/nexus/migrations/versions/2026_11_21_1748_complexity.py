"""Complexity: what was said of it, what finished tasks took, what is learned; proposals."""

import sqlalchemy as sa
from alembic import op

from nexus.platform.columns import ExactText, Instant, Json

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
        sa.Column("applied_at", Instant(), nullable=True),
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
        sa.Column("recorded_at", Instant(), nullable=False),
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
    op.create_index(
        op.f("ix_task_outcomes_workspace_id_recorded_at"),
        "task_outcomes",
        ["workspace_id", "recorded_at"],
    )
    op.create_table(
        "proposals",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("workspace_id", sa.Uuid(), nullable=False),
        sa.Column("task_id", sa.Uuid(), nullable=False),
        sa.Column("state", ExactText, nullable=False),
        sa.Column("instructions", sa.Text(), nullable=False),
        sa.Column("content", Json, nullable=True),
        sa.Column("model", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("created", Json, nullable=False),
        sa.Column("proposed_by", sa.Uuid(), nullable=False),
        sa.Column("created_at", Instant(), nullable=False),
        sa.Column("decided_at", Instant(), nullable=True),
        sa.Column("decided_by", sa.Uuid(), nullable=True),
        sa.ForeignKeyConstraint(
            ["workspace_id"], ["workspaces.id"], name=op.f("fk_proposals_workspace_id")
        ),
        *(
            sa.ForeignKeyConstraint(
                ["workspace_id", column],
                [f"{table}.workspace_id", f"{table}.id"],
                name=op.f(f"fk_proposals_workspace_id_{column}"),
            )
            for column, table in (
                ("task_id", "tasks"),
                ("proposed_by", "actors"),
                ("decided_by", "actors"),
            )
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_proposals")),
        sa.UniqueConstraint("workspace_id", "id", name=op.f("uq_proposals_workspace_id_id")),
    )
    op.create_index("ix_proposals_newest", "proposals", ["workspace_id", "created_at", "id"])
    op.create_index(
        "ix_proposals_of_task", "proposals", ["workspace_id", "task_id", "created_at", "id"]
    )
    op.create_index("ix_proposals_state", "proposals", ["state", "created_at"])
    op.add_column(
        "projects", sa.Column("expansion", sa.Text(), nullable=False, server_default="person")
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
    op.drop_column("projects", "expansion")
    op.drop_table("proposals")
    op.drop_table("task_outcomes")
    op.drop_table("complexity_models")
