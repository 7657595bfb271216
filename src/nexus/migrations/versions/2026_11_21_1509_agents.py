"""Agents, what they hold and run, their proofs and budgets; file footprints of tasks."""

import sqlalchemy as sa
from alembic import op

from nexus.platform.columns import ExactText, Instant, Json

revision = "202611211509"
down_revision = "202611211219"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "spendings",
        sa.Column("workspace_id", sa.Uuid(), nullable=False),
        sa.Column("account", ExactText, nullable=False),
        sa.Column("period", ExactText, nullable=False),
        sa.Column("tokens", sa.BigInteger(), nullable=False),
        sa.Column("cost_micros", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["workspace_id"], ["workspaces.id"], name=op.f("fk_spendings_workspace_id")
        ),
        sa.PrimaryKeyConstraint("workspace_id", "account", "period", name=op.f("pk_spendings")),
    )
    op.create_table(
        "agent_switches",
        sa.Column("workspace_id", sa.Uuid(), nullable=False),
        sa.Column("paused_at", Instant(), nullable=False),
        sa.Column("paused_by", sa.Uuid(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["workspace_id", "paused_by"],
            ["actors.workspace_id", "actors.id"],
            name=op.f("fk_agent_switches_workspace_id_paused_by"),
        ),
        sa.ForeignKeyConstraint(
            ["workspace_id"], ["workspaces.id"], name=op.f("fk_agent_switches_workspace_id")
        ),
        sa.PrimaryKeyConstraint("workspace_id", name=op.f("pk_agent_switches")),
    )
    op.create_table(
        "agents",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("workspace_id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("description", sa.Text(), nullable=False),
        sa.Column("capabilities", Json, nullable=False),
        sa.Column("min_complexity", sa.SmallInteger(), nullable=False),
        sa.Column("max_complexity", sa.SmallInteger(), nullable=False),
        sa.Column("projects", Json, nullable=False),
        sa.Column("repositories", Json, nullable=False),
        sa.Column("max_tasks", sa.Integer(), nullable=False),
        sa.Column("is_reviewed", sa.Boolean(), nullable=False),
        sa.Column("reserved_tokens", sa.BigInteger(), nullable=False),
        sa.Column("reserved_cost_micros", sa.BigInteger(), nullable=False),
        sa.Column("paused_at", Instant(), nullable=True),
        sa.Column("pause_reason", sa.Text(), nullable=False),
        sa.Column("seen_at", Instant(), nullable=True),
        sa.Column("registered_by", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(
            ["workspace_id", "id"],
            ["actors.workspace_id", "actors.id"],
            name=op.f("fk_agents_workspace_id_id"),
        ),
        sa.ForeignKeyConstraint(
            ["workspace_id", "registered_by"],
            ["actors.workspace_id", "actors.id"],
            name=op.f("fk_agents_workspace_id_registered_by"),
        ),
        sa.ForeignKeyConstraint(
            ["workspace_id"], ["workspaces.id"], name=op.f("fk_agents_workspace_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_agents")),
        sa.UniqueConstraint("workspace_id", "id", name=op.f("uq_agents_workspace_id_id")),
    )
    op.create_table(
        "work_limits",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("project_id", sa.Uuid(), nullable=True),
        sa.Column("repository_id", sa.Uuid(), nullable=True),
        sa.Column("max_running", sa.Integer(), nullable=False),
        sa.Column("workspace_id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(
            ["workspace_id", "project_id"],
            ["projects.workspace_id", "projects.id"],
            name=op.f("fk_work_limits_workspace_id_project_id"),
        ),
        sa.ForeignKeyConstraint(
            ["workspace_id", "repository_id"],
            ["repositories.workspace_id", "repositories.id"],
            name=op.f("fk_work_limits_workspace_id_repository_id"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_work_limits")),
        sa.UniqueConstraint(
            "workspace_id", "project_id", name=op.f("uq_work_limits_workspace_id_project_id")
        ),
        sa.UniqueConstraint(
            "workspace_id", "repository_id", name=op.f("uq_work_limits_workspace_id_repository_id")
        ),
    )
    op.create_table(
        "assignments",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("workspace_id", sa.Uuid(), nullable=False),
        sa.Column("task_id", sa.Uuid(), nullable=False),
        sa.Column("actor_id", sa.Uuid(), nullable=False),
        sa.Column("fence", sa.Integer(), nullable=False),
        sa.Column("state", ExactText, nullable=False),
        sa.Column("lease_s", sa.Integer(), nullable=True),
        sa.Column("claimed_at", Instant(), nullable=False),
        sa.Column("heartbeat_at", Instant(), nullable=False),
        sa.Column("ended_at", Instant(), nullable=True),
        sa.Column("ended_by", sa.Uuid(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("progress", sa.SmallInteger(), nullable=True),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("summary", sa.Text(), nullable=False),
        sa.Column("proved", Json, nullable=False),
        sa.Column("model", sa.Text(), nullable=False),
        sa.Column("tokens_in", sa.BigInteger(), nullable=False),
        sa.Column("tokens_out", sa.BigInteger(), nullable=False),
        sa.Column("cost_micros", sa.BigInteger(), nullable=False),
        sa.Column("reserved_tokens", sa.BigInteger(), nullable=False),
        sa.Column("reserved_cost_micros", sa.BigInteger(), nullable=False),
        sa.Column("is_overlapping", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(
            ["workspace_id", "actor_id"],
            ["actors.workspace_id", "actors.id"],
            name=op.f("fk_assignments_workspace_id_actor_id"),
        ),
        sa.ForeignKeyConstraint(
            ["workspace_id", "ended_by"],
            ["actors.workspace_id", "actors.id"],
            name=op.f("fk_assignments_workspace_id_ended_by"),
        ),
        sa.ForeignKeyConstraint(
            ["workspace_id", "task_id"],
            ["tasks.workspace_id", "tasks.id"],
            name=op.f("fk_assignments_workspace_id_task_id"),
        ),
        sa.ForeignKeyConstraint(
            ["workspace_id"], ["workspaces.id"], name=op.f("fk_assignments_workspace_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_assignments")),
        sa.UniqueConstraint("task_id", "fence", name=op.f("uq_assignments_task_id_fence")),
        sa.UniqueConstraint("workspace_id", "id", name=op.f("uq_assignments_workspace_id_id")),
    )
    op.create_index("ix_assignments_newest", "assignments", ["workspace_id", "claimed_at", "id"])
    op.create_index("ix_assignments_of_actor", "assignments", ["workspace_id", "actor_id", "state"])
    op.create_index(
        "ix_assignments_under_way",
        "assignments",
        ["workspace_id", "actor_id"],
        postgresql_where=sa.text("state IN ('working', 'needs_input')"),
        sqlite_where=sa.text("state IN ('working', 'needs_input')"),
    )
    op.create_index(
        op.f("ix_assignments_workspace_id_task_id_fence"),
        "assignments",
        ["workspace_id", "task_id", "fence"],
    )

    op.create_table(
        "budgets",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("workspace_id", sa.Uuid(), nullable=False),
        sa.Column("account", ExactText, nullable=False),
        sa.Column("scope", sa.Text(), nullable=False),
        sa.Column("project_id", sa.Uuid(), nullable=True),
        sa.Column("agent_id", sa.Uuid(), nullable=True),
        sa.Column("task_id", sa.Uuid(), nullable=True),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("tokens", sa.BigInteger(), nullable=True),
        sa.Column("cost_micros", sa.BigInteger(), nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("created_by", sa.Uuid(), nullable=False),
        sa.Column("created_at", Instant(), nullable=False),
        sa.ForeignKeyConstraint(
            ["workspace_id", "agent_id"],
            ["agents.workspace_id", "agents.id"],
            name=op.f("fk_budgets_workspace_id_agent_id"),
        ),
        sa.ForeignKeyConstraint(
            ["workspace_id", "created_by"],
            ["actors.workspace_id", "actors.id"],
            name=op.f("fk_budgets_workspace_id_created_by"),
        ),
        sa.ForeignKeyConstraint(
            ["workspace_id", "project_id"],
            ["projects.workspace_id", "projects.id"],
            name=op.f("fk_budgets_workspace_id_project_id"),
        ),
        sa.ForeignKeyConstraint(
            ["workspace_id", "task_id"],
            ["tasks.workspace_id", "tasks.id"],
            name=op.f("fk_budgets_workspace_id_task_id"),
        ),
        sa.ForeignKeyConstraint(
            ["workspace_id"], ["workspaces.id"], name=op.f("fk_budgets_workspace_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_budgets")),
        sa.UniqueConstraint(
            "workspace_id", "account", name=op.f("uq_budgets_workspace_id_account")
        ),
        sa.UniqueConstraint("workspace_id", "id", name=op.f("uq_budgets_workspace_id_id")),
    )
    op.create_table(
        "run_proofs",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("workspace_id", sa.Uuid(), nullable=False),
        sa.Column("run_id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("item", sa.Text(), nullable=True),
        sa.Column("proof", Json, nullable=False),
        sa.Column("reported_at", Instant(), nullable=False),
        sa.Column("verdict", sa.Text(), nullable=True),
        sa.Column("verdict_note", sa.Text(), nullable=False),
        sa.Column("verified_by", sa.Uuid(), nullable=True),
        sa.Column("verified_at", Instant(), nullable=True),
        sa.ForeignKeyConstraint(
            ["workspace_id", "run_id"],
            ["assignments.workspace_id", "assignments.id"],
            name=op.f("fk_run_proofs_workspace_id_run_id"),
        ),
        sa.ForeignKeyConstraint(
            ["workspace_id", "verified_by"],
            ["actors.workspace_id", "actors.id"],
            name=op.f("fk_run_proofs_workspace_id_verified_by"),
        ),
        sa.ForeignKeyConstraint(
            ["workspace_id"], ["workspaces.id"], name=op.f("fk_run_proofs_workspace_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_run_proofs")),
        sa.UniqueConstraint("workspace_id", "id", name=op.f("uq_run_proofs_workspace_id_id")),
    )
    op.create_index(
        op.f("ix_run_proofs_workspace_id_run_id"), "run_proofs", ["workspace_id", "run_id"]
    )

    op.create_table(
        "run_lines",
        sa.Column("run_id", sa.Uuid(), nullable=False),
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("recorded_at", Instant(), nullable=False),
        sa.Column("workspace_id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(
            ["workspace_id", "run_id"],
            ["assignments.workspace_id", "assignments.id"],
            name=op.f("fk_run_lines_workspace_id_run_id"),
        ),
        sa.PrimaryKeyConstraint("run_id", "number", name=op.f("pk_run_lines")),
    )
    op.create_table(
        "run_questions",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("workspace_id", sa.Uuid(), nullable=False),
        sa.Column("run_id", sa.Uuid(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("options", Json, nullable=False),
        sa.Column("asked_at", Instant(), nullable=False),
        sa.Column("answer", sa.Text(), nullable=True),
        sa.Column("answered_by", sa.Uuid(), nullable=True),
        sa.Column("answered_at", Instant(), nullable=True),
        sa.ForeignKeyConstraint(
            ["workspace_id", "answered_by"],
            ["actors.workspace_id", "actors.id"],
            name=op.f("fk_run_questions_workspace_id_answered_by"),
        ),
        sa.ForeignKeyConstraint(
            ["workspace_id", "run_id"],
            ["assignments.workspace_id", "assignments.id"],
            name=op.f("fk_run_questions_workspace_id_run_id"),
        ),
        sa.ForeignKeyConstraint(
            ["workspace_id"], ["workspaces.id"], name=op.f("fk_run_questions_workspace_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_run_questions")),
        sa.UniqueConstraint("workspace_id", "id", name=op.f("uq_run_questions_workspace_id_id")),
    )
    op.create_index(
        op.f("ix_run_questions_workspace_id_run_id"), "run_questions", ["workspace_id", "run_id"]
    )

    op.create_table(
        "task_holds",
        sa.Column("task_id", sa.Uuid(), nullable=False),
        sa.Column("fence", sa.Integer(), nullable=False),
        sa.Column("assignment_id", sa.Uuid(), nullable=False),
        sa.Column("actor_id", sa.Uuid(), nullable=False),
        sa.Column("expires_at", Instant(), nullable=True),
        sa.Column("ended_at", Instant(), nullable=True),
        sa.Column("workspace_id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(
            ["workspace_id", "actor_id"],
            ["actors.workspace_id", "actors.id"],
            name=op.f("fk_task_holds_workspace_id_actor_id"),
        ),
        sa.ForeignKeyConstraint(
            ["workspace_id", "assignment_id"],
            ["assignments.workspace_id", "assignments.id"],
            name=op.f("fk_task_holds_workspace_id_assignment_id"),
        ),
        sa.ForeignKeyConstraint(
            ["workspace_id", "task_id"],
            ["tasks.workspace_id", "tasks.id"],
            name=op.f("fk_task_holds_workspace_id_task_id"),
        ),
        sa.PrimaryKeyConstraint("task_id", name=op.f("pk_task_holds")),
    )
    op.create_index(op.f("ix_task_holds_assignment_id"), "task_holds", ["assignment_id"])
    op.create_index(
        "ix_task_holds_open",
        "task_holds",
        ["workspace_id", "expires_at"],
        postgresql_where=sa.text("ended_at IS NULL"),
        sqlite_where=sa.text("ended_at IS NULL"),
    )
    op.create_index(
        op.f("ix_task_holds_workspace_id_actor_id"), "task_holds", ["workspace_id", "actor_id"]
    )

    op.create_index(
        op.f("ix_events_workspace_id_assignment_id_seq"),
        "events",
        ["workspace_id", "assignment_id", "seq"],
    )

    op.add_column(
        "projects", sa.Column("landing", sa.Text(), nullable=False, server_default="in_review")
    )
    op.add_column(
        "projects", sa.Column("acceptors", sa.Text(), nullable=False, server_default="people")
    )
    op.add_column(
        "projects",
        sa.Column(
            "evidence",
            Json,
            nullable=False,
            server_default='["commit","pull_request","check","command","link"]',
        ),
    )

    op.add_column("tasks", sa.Column("footprint", Json, nullable=False, server_default="[]"))
    op.add_column(
        "tasks", sa.Column("learned_footprint", Json, nullable=False, server_default="[]")
    )


def downgrade() -> None:
    op.drop_column("tasks", "learned_footprint")
    op.drop_column("tasks", "footprint")
    op.drop_column("projects", "evidence")
    op.drop_column("projects", "acceptors")
    op.drop_column("projects", "landing")
    op.drop_index(op.f("ix_events_workspace_id_assignment_id_seq"), table_name="events")
    op.drop_table("task_holds")
    op.drop_table("run_questions")
    op.drop_table("run_lines")
    op.drop_table("run_proofs")
    op.drop_table("budgets")
    op.drop_table("assignments")
    op.drop_table("work_limits")
    op.drop_table("agents")
    op.drop_table("agent_switches")
    op.drop_table("spendings")
