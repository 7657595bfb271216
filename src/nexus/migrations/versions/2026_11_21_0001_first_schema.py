"""First schema."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy import text

from nexus.platform.columns import ExactText, Instant, Json

revision = "202611210001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "idempotency_keys",
        sa.Column("credential_id", sa.Uuid(), nullable=False),
        sa.Column("key", ExactText, nullable=False),
        sa.Column("fingerprint", sa.Text(), nullable=False),
        sa.Column("status", sa.Integer(), nullable=True),
        sa.Column("headers", Json, nullable=True),
        sa.Column("body", sa.Text(), nullable=True),
        sa.Column("expires_at", Instant(), nullable=False),
        sa.PrimaryKeyConstraint("credential_id", "key", name=op.f("pk_idempotency_keys")),
    )
    with op.batch_alter_table("idempotency_keys", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_idempotency_keys_expires_at"), ["expires_at"], unique=False
        )

    op.create_table(
        "schema_requirements",
        sa.Column("min_program", sa.Integer(), autoincrement=False, nullable=False),
        sa.PrimaryKeyConstraint("min_program", name=op.f("pk_schema_requirements")),
    )
    op.create_table(
        "users",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("email", sa.Text(), nullable=False),
        sa.Column("email_key", ExactText, nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("password_hash", sa.Text(), nullable=True),
        sa.Column("created_at", Instant(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_users")),
        sa.UniqueConstraint("email_key", name=op.f("uq_users_email_key")),
    )
    op.create_table(
        "workspaces",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("created_at", Instant(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_workspaces")),
    )
    op.create_table(
        "actors",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("workspace_id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("handle", ExactText, nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=True),
        sa.Column("role", sa.Text(), nullable=True),
        sa.Column("is_owner", sa.Boolean(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("created_at", Instant(), nullable=False),
        sa.Column("removed_at", Instant(), nullable=True),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_actors_user_id")),
        sa.ForeignKeyConstraint(
            ["workspace_id"], ["workspaces.id"], name=op.f("fk_actors_workspace_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_actors")),
        sa.UniqueConstraint("workspace_id", "handle", name=op.f("uq_actors_workspace_id_handle")),
        sa.UniqueConstraint("workspace_id", "id", name=op.f("uq_actors_workspace_id_id")),
        sa.UniqueConstraint("workspace_id", "user_id", name=op.f("uq_actors_workspace_id_user_id")),
    )
    with op.batch_alter_table("actors", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_actors_user_id"), ["user_id"], unique=False)

    op.create_table(
        "labels",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("workspace_id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("name_key", ExactText, nullable=False),
        sa.ForeignKeyConstraint(
            ["workspace_id"], ["workspaces.id"], name=op.f("fk_labels_workspace_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_labels")),
        sa.UniqueConstraint("workspace_id", "id", name=op.f("uq_labels_workspace_id_id")),
        sa.UniqueConstraint(
            "workspace_id", "name_key", name=op.f("uq_labels_workspace_id_name_key")
        ),
    )
    op.create_table(
        "repositories",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("workspace_id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("name_key", ExactText, nullable=False),
        sa.Column("url", ExactText, nullable=False),
        sa.Column("provider", sa.Text(), nullable=False),
        sa.Column("default_branch", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("created_at", Instant(), nullable=False),
        sa.Column("archived_at", Instant(), nullable=True),
        sa.ForeignKeyConstraint(
            ["workspace_id"], ["workspaces.id"], name=op.f("fk_repositories_workspace_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_repositories")),
        sa.UniqueConstraint("workspace_id", "id", name=op.f("uq_repositories_workspace_id_id")),
        sa.UniqueConstraint(
            "workspace_id", "name_key", name=op.f("uq_repositories_workspace_id_name_key")
        ),
        sa.UniqueConstraint("workspace_id", "url", name=op.f("uq_repositories_workspace_id_url")),
    )
    op.create_table(
        "sessions",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("token_digest", ExactText, nullable=False),
        sa.Column("created_at", Instant(), nullable=False),
        sa.Column("last_used_at", Instant(), nullable=False),
        sa.Column("lifetime_s", sa.Integer(), nullable=False),
        sa.Column("address", sa.Text(), nullable=False),
        sa.Column("user_agent", sa.Text(), nullable=False),
        sa.Column("revoked_at", Instant(), nullable=True),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_sessions_user_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_sessions")),
        sa.UniqueConstraint("token_digest", name=op.f("uq_sessions_token_digest")),
    )
    with op.batch_alter_table("sessions", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_sessions_user_id"), ["user_id"], unique=False)

    op.create_table(
        "user_identities",
        sa.Column("provider", ExactText, nullable=False),
        sa.Column("subject", ExactText, nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("created_at", Instant(), nullable=False),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_user_identities_user_id")),
        sa.PrimaryKeyConstraint("provider", "subject", name=op.f("pk_user_identities")),
        sa.UniqueConstraint(
            "user_id", "provider", name=op.f("uq_user_identities_user_id_provider")
        ),
    )
    op.create_table(
        "api_keys",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("workspace_id", sa.Uuid(), nullable=False),
        sa.Column("actor_id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("prefix", ExactText, nullable=False),
        sa.Column("secret_digest", sa.Text(), nullable=False),
        sa.Column("scopes", Json, nullable=False),
        sa.Column("created_at", Instant(), nullable=False),
        sa.Column("expires_at", Instant(), nullable=True),
        sa.Column("last_used_at", Instant(), nullable=True),
        sa.Column("revoked_at", Instant(), nullable=True),
        sa.ForeignKeyConstraint(
            ["workspace_id", "actor_id"],
            ["actors.workspace_id", "actors.id"],
            name=op.f("fk_api_keys_workspace_id_actor_id"),
        ),
        sa.ForeignKeyConstraint(
            ["workspace_id"], ["workspaces.id"], name=op.f("fk_api_keys_workspace_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_api_keys")),
        sa.UniqueConstraint("prefix", name=op.f("uq_api_keys_prefix")),
        sa.UniqueConstraint("workspace_id", "id", name=op.f("uq_api_keys_workspace_id_id")),
    )
    with op.batch_alter_table("api_keys", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_api_keys_workspace_id_actor_id"),
            ["workspace_id", "actor_id"],
            unique=False,
        )

    op.create_table(
        "events",
        sa.Column("workspace_id", sa.Uuid(), nullable=False),
        sa.Column("seq", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("name", ExactText, nullable=False),
        sa.Column("schema", sa.Integer(), nullable=False),
        sa.Column("actor_id", sa.Uuid(), nullable=True),
        sa.Column("subject", ExactText, nullable=False),
        sa.Column("project_id", sa.Uuid(), nullable=True),
        sa.Column("task_id", sa.Uuid(), nullable=True),
        sa.Column("assignment_id", sa.Uuid(), nullable=True),
        sa.Column("fence", sa.Integer(), nullable=True),
        sa.Column("request_id", sa.Text(), nullable=True),
        sa.Column("recorded_at", Instant(), nullable=False),
        sa.Column("payload", Json, nullable=False),
        sa.ForeignKeyConstraint(
            ["workspace_id", "actor_id"],
            ["actors.workspace_id", "actors.id"],
            name=op.f("fk_events_workspace_id_actor_id"),
        ),
        sa.ForeignKeyConstraint(
            ["workspace_id"], ["workspaces.id"], name=op.f("fk_events_workspace_id")
        ),
        sa.PrimaryKeyConstraint("workspace_id", "seq", name=op.f("pk_events")),
        sa.UniqueConstraint("id", name=op.f("uq_events_id")),
    )
    with op.batch_alter_table("events", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_events_workspace_id_actor_id_seq"),
            ["workspace_id", "actor_id", "seq"],
            unique=False,
        )
        batch_op.create_index(
            batch_op.f("ix_events_workspace_id_name_seq"),
            ["workspace_id", "name", "seq"],
            unique=False,
        )
        batch_op.create_index(
            batch_op.f("ix_events_workspace_id_project_id_seq"),
            ["workspace_id", "project_id", "seq"],
            unique=False,
        )
        batch_op.create_index(
            batch_op.f("ix_events_workspace_id_recorded_at"),
            ["workspace_id", "recorded_at"],
            unique=False,
        )
        batch_op.create_index(
            batch_op.f("ix_events_workspace_id_subject_seq"),
            ["workspace_id", "subject", "seq"],
            unique=False,
        )
        batch_op.create_index(
            batch_op.f("ix_events_workspace_id_task_id_seq"),
            ["workspace_id", "task_id", "seq"],
            unique=False,
        )

    op.create_table(
        "imports",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("workspace_id", sa.Uuid(), nullable=False),
        sa.Column("actor_id", sa.Uuid(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("file_name", sa.Text(), nullable=False),
        sa.Column("project", sa.Text(), nullable=True),
        sa.Column("format", sa.Text(), nullable=False),
        sa.Column("state", ExactText, nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=True),
        sa.Column("report", Json, nullable=True),
        sa.Column("error", sa.Text(), nullable=True),
        sa.Column("created_at", Instant(), nullable=False),
        sa.Column("finished_at", Instant(), nullable=True),
        sa.ForeignKeyConstraint(
            ["workspace_id", "actor_id"],
            ["actors.workspace_id", "actors.id"],
            name=op.f("fk_imports_workspace_id_actor_id"),
        ),
        sa.ForeignKeyConstraint(
            ["workspace_id"], ["workspaces.id"], name=op.f("fk_imports_workspace_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_imports")),
        sa.UniqueConstraint("workspace_id", "id", name=op.f("uq_imports_workspace_id_id")),
    )
    with op.batch_alter_table("imports", schema=None) as batch_op:
        batch_op.create_index(
            "ix_imports_waiting",
            ["id"],
            unique=False,
            postgresql_where=sa.text("state = 'queued'"),
            sqlite_where=sa.text("state = 'queued'"),
        )

    op.create_table(
        "invitations",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("workspace_id", sa.Uuid(), nullable=False),
        sa.Column("email", sa.Text(), nullable=True),
        sa.Column("github_login", sa.Text(), nullable=True),
        sa.Column("role", sa.Text(), nullable=False),
        sa.Column("invited_by", sa.Uuid(), nullable=False),
        sa.Column("token_digest", ExactText, nullable=False),
        sa.Column("created_at", Instant(), nullable=False),
        sa.Column("expires_at", Instant(), nullable=False),
        sa.Column("accepted_at", Instant(), nullable=True),
        sa.Column("revoked_at", Instant(), nullable=True),
        sa.ForeignKeyConstraint(
            ["workspace_id", "invited_by"],
            ["actors.workspace_id", "actors.id"],
            name=op.f("fk_invitations_workspace_id_invited_by"),
        ),
        sa.ForeignKeyConstraint(
            ["workspace_id"], ["workspaces.id"], name=op.f("fk_invitations_workspace_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_invitations")),
        sa.UniqueConstraint("token_digest", name=op.f("uq_invitations_token_digest")),
        sa.UniqueConstraint("workspace_id", "id", name=op.f("uq_invitations_workspace_id_id")),
    )
    with op.batch_alter_table("invitations", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_invitations_workspace_id_created_at"),
            ["workspace_id", "created_at"],
            unique=False,
        )

    op.create_table(
        "projects",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("workspace_id", sa.Uuid(), nullable=False),
        sa.Column("key", ExactText, nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("description", sa.Text(), nullable=False),
        sa.Column("lead_id", sa.Uuid(), nullable=False),
        sa.Column("visibility", sa.Text(), nullable=False),
        sa.Column("last_number", sa.Integer(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("created_at", Instant(), nullable=False),
        sa.Column("archived_at", Instant(), nullable=True),
        sa.ForeignKeyConstraint(
            ["workspace_id", "lead_id"],
            ["actors.workspace_id", "actors.id"],
            name=op.f("fk_projects_workspace_id_lead_id"),
        ),
        sa.ForeignKeyConstraint(
            ["workspace_id"], ["workspaces.id"], name=op.f("fk_projects_workspace_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_projects")),
        sa.UniqueConstraint("workspace_id", "id", name=op.f("uq_projects_workspace_id_id")),
        sa.UniqueConstraint("workspace_id", "key", name=op.f("uq_projects_workspace_id_key")),
    )
    with op.batch_alter_table("projects", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_projects_workspace_id_visibility"),
            ["workspace_id", "visibility"],
            unique=False,
        )

    op.create_table(
        "project_members",
        sa.Column("project_id", sa.Uuid(), nullable=False),
        sa.Column("actor_id", sa.Uuid(), nullable=False),
        sa.Column("added_at", Instant(), nullable=False),
        sa.Column("workspace_id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(
            ["workspace_id", "actor_id"],
            ["actors.workspace_id", "actors.id"],
            name=op.f("fk_project_members_workspace_id_actor_id"),
        ),
        sa.ForeignKeyConstraint(
            ["workspace_id", "project_id"],
            ["projects.workspace_id", "projects.id"],
            name=op.f("fk_project_members_workspace_id_project_id"),
        ),
        sa.PrimaryKeyConstraint("project_id", "actor_id", name=op.f("pk_project_members")),
    )
    with op.batch_alter_table("project_members", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_project_members_workspace_id_actor_id"),
            ["workspace_id", "actor_id"],
            unique=False,
        )

    op.create_table(
        "project_repositories",
        sa.Column("project_id", sa.Uuid(), nullable=False),
        sa.Column("repository_id", sa.Uuid(), nullable=False),
        sa.Column("added_at", Instant(), nullable=False),
        sa.Column("workspace_id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(
            ["workspace_id", "project_id"],
            ["projects.workspace_id", "projects.id"],
            name=op.f("fk_project_repositories_workspace_id_project_id"),
        ),
        sa.ForeignKeyConstraint(
            ["workspace_id", "repository_id"],
            ["repositories.workspace_id", "repositories.id"],
            name=op.f("fk_project_repositories_workspace_id_repository_id"),
        ),
        sa.PrimaryKeyConstraint(
            "project_id", "repository_id", name=op.f("pk_project_repositories")
        ),
    )
    with op.batch_alter_table("project_repositories", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_project_repositories_workspace_id_repository_id"),
            ["workspace_id", "repository_id"],
            unique=False,
        )

    op.create_table(
        "tasks",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("workspace_id", sa.Uuid(), nullable=False),
        sa.Column("project_id", sa.Uuid(), nullable=False),
        sa.Column("project_key", ExactText, nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("key", ExactText, nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("description", sa.Text(), nullable=False),
        sa.Column("details", sa.Text(), nullable=False),
        sa.Column("test_strategy", sa.Text(), nullable=False),
        sa.Column("acceptance", Json, nullable=False),
        sa.Column("status", ExactText, nullable=False),
        sa.Column("priority", sa.Integer(), nullable=False),
        sa.Column("complexity_auto", sa.SmallInteger(), nullable=True),
        sa.Column("complexity_manual", sa.SmallInteger(), nullable=True),
        sa.Column("due_on", sa.Date(), nullable=True),
        sa.Column("repository_id", sa.Uuid(), nullable=True),
        sa.Column("parent_id", sa.Uuid(), nullable=True),
        sa.Column("custom", Json, nullable=False),
        sa.Column("rank", ExactText, nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("created_by", sa.Uuid(), nullable=False),
        sa.Column("created_at", Instant(), nullable=False),
        sa.Column("updated_at", Instant(), nullable=False),
        sa.Column("started_at", Instant(), nullable=True),
        sa.Column("finished_at", Instant(), nullable=True),
        sa.Column("archived_at", Instant(), nullable=True),
        sa.Column("open_dependencies", sa.Integer(), nullable=False),
        sa.Column("open_subtasks", sa.Integer(), nullable=False),
        sa.Column("unlock_depth", sa.Integer(), nullable=False),
        sa.Column("unlock_count", sa.Integer(), nullable=False),
        sa.Column("words", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["workspace_id", "created_by"],
            ["actors.workspace_id", "actors.id"],
            name=op.f("fk_tasks_workspace_id_created_by"),
        ),
        sa.ForeignKeyConstraint(
            ["workspace_id", "parent_id"],
            ["tasks.workspace_id", "tasks.id"],
            name=op.f("fk_tasks_workspace_id_parent_id"),
        ),
        sa.ForeignKeyConstraint(
            ["workspace_id", "project_id"],
            ["projects.workspace_id", "projects.id"],
            name=op.f("fk_tasks_workspace_id_project_id"),
        ),
        sa.ForeignKeyConstraint(
            ["workspace_id", "repository_id"],
            ["repositories.workspace_id", "repositories.id"],
            name=op.f("fk_tasks_workspace_id_repository_id"),
        ),
        sa.ForeignKeyConstraint(
            ["workspace_id"], ["workspaces.id"], name=op.f("fk_tasks_workspace_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_tasks")),
        sa.UniqueConstraint("project_id", "number", name=op.f("uq_tasks_project_id_number")),
        sa.UniqueConstraint("workspace_id", "id", name=op.f("uq_tasks_workspace_id_id")),
        sa.UniqueConstraint("workspace_id", "key", name=op.f("uq_tasks_workspace_id_key")),
    )
    with op.batch_alter_table("tasks", schema=None) as batch_op:
        batch_op.create_index("ix_tasks_newest", ["workspace_id", "created_at", "id"], unique=False)
        batch_op.create_index(
            "ix_tasks_number", ["workspace_id", "project_key", "number"], unique=False
        )
        batch_op.create_index(
            "ix_tasks_priority", ["workspace_id", "priority", "created_at", "id"], unique=False
        )
        batch_op.create_index(
            "ix_tasks_rank", ["workspace_id", "project_key", "rank", "id"], unique=False
        )
        batch_op.create_index(
            "ix_tasks_repository", ["workspace_id", "repository_id"], unique=False
        )
        batch_op.create_index(
            "ix_tasks_status", ["workspace_id", "status", "created_at", "id"], unique=False
        )
        batch_op.create_index(
            "ix_tasks_updated", ["workspace_id", "updated_at", "id"], unique=False
        )
        batch_op.create_index(
            batch_op.f("ix_tasks_workspace_id_parent_id"),
            ["workspace_id", "parent_id"],
            unique=False,
        )

    op.create_table(
        "task_assignees",
        sa.Column("task_id", sa.Uuid(), nullable=False),
        sa.Column("actor_id", sa.Uuid(), nullable=False),
        sa.Column("workspace_id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(
            ["workspace_id", "actor_id"],
            ["actors.workspace_id", "actors.id"],
            name=op.f("fk_task_assignees_workspace_id_actor_id"),
        ),
        sa.ForeignKeyConstraint(
            ["workspace_id", "task_id"],
            ["tasks.workspace_id", "tasks.id"],
            name=op.f("fk_task_assignees_workspace_id_task_id"),
        ),
        sa.PrimaryKeyConstraint("task_id", "actor_id", name=op.f("pk_task_assignees")),
    )
    with op.batch_alter_table("task_assignees", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_task_assignees_workspace_id_actor_id"),
            ["workspace_id", "actor_id"],
            unique=False,
        )

    op.create_table(
        "task_comments",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("workspace_id", sa.Uuid(), nullable=False),
        sa.Column("task_id", sa.Uuid(), nullable=False),
        sa.Column("author_id", sa.Uuid(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("created_at", Instant(), nullable=False),
        sa.Column("edited_at", Instant(), nullable=True),
        sa.Column("removed_at", Instant(), nullable=True),
        sa.ForeignKeyConstraint(
            ["workspace_id", "author_id"],
            ["actors.workspace_id", "actors.id"],
            name=op.f("fk_task_comments_workspace_id_author_id"),
        ),
        sa.ForeignKeyConstraint(
            ["workspace_id", "task_id"],
            ["tasks.workspace_id", "tasks.id"],
            name=op.f("fk_task_comments_workspace_id_task_id"),
        ),
        sa.ForeignKeyConstraint(
            ["workspace_id"], ["workspaces.id"], name=op.f("fk_task_comments_workspace_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_task_comments")),
        sa.UniqueConstraint("workspace_id", "id", name=op.f("uq_task_comments_workspace_id_id")),
    )
    with op.batch_alter_table("task_comments", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_task_comments_workspace_id_task_id_id"),
            ["workspace_id", "task_id", "id"],
            unique=False,
        )

    op.create_table(
        "task_dependencies",
        sa.Column("task_id", sa.Uuid(), nullable=False),
        sa.Column("depends_on_id", sa.Uuid(), nullable=False),
        sa.Column("created_by", sa.Uuid(), nullable=False),
        sa.Column("created_at", Instant(), nullable=False),
        sa.Column("workspace_id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(
            ["workspace_id", "created_by"],
            ["actors.workspace_id", "actors.id"],
            name=op.f("fk_task_dependencies_workspace_id_created_by"),
        ),
        sa.ForeignKeyConstraint(
            ["workspace_id", "depends_on_id"],
            ["tasks.workspace_id", "tasks.id"],
            name=op.f("fk_task_dependencies_workspace_id_depends_on_id"),
        ),
        sa.ForeignKeyConstraint(
            ["workspace_id", "task_id"],
            ["tasks.workspace_id", "tasks.id"],
            name=op.f("fk_task_dependencies_workspace_id_task_id"),
        ),
        sa.PrimaryKeyConstraint("task_id", "depends_on_id", name=op.f("pk_task_dependencies")),
    )
    with op.batch_alter_table("task_dependencies", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_task_dependencies_workspace_id_depends_on_id"),
            ["workspace_id", "depends_on_id"],
            unique=False,
        )

    op.create_table(
        "task_keys",
        sa.Column("project_id", sa.Uuid(), nullable=False),
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("key", ExactText, nullable=False),
        sa.Column("task_id", sa.Uuid(), nullable=False),
        sa.Column("workspace_id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(
            ["workspace_id", "project_id"],
            ["projects.workspace_id", "projects.id"],
            name=op.f("fk_task_keys_workspace_id_project_id"),
        ),
        sa.ForeignKeyConstraint(
            ["workspace_id", "task_id"],
            ["tasks.workspace_id", "tasks.id"],
            name=op.f("fk_task_keys_workspace_id_task_id"),
        ),
        sa.PrimaryKeyConstraint("project_id", "number", name=op.f("pk_task_keys")),
        sa.UniqueConstraint("workspace_id", "key", name=op.f("uq_task_keys_workspace_id_key")),
    )
    op.create_table(
        "task_labels",
        sa.Column("task_id", sa.Uuid(), nullable=False),
        sa.Column("label_id", sa.Uuid(), nullable=False),
        sa.Column("workspace_id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(
            ["workspace_id", "label_id"],
            ["labels.workspace_id", "labels.id"],
            name=op.f("fk_task_labels_workspace_id_label_id"),
        ),
        sa.ForeignKeyConstraint(
            ["workspace_id", "task_id"],
            ["tasks.workspace_id", "tasks.id"],
            name=op.f("fk_task_labels_workspace_id_task_id"),
        ),
        sa.PrimaryKeyConstraint("task_id", "label_id", name=op.f("pk_task_labels")),
    )
    with op.batch_alter_table("task_labels", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_task_labels_workspace_id_label_id"),
            ["workspace_id", "label_id"],
            unique=False,
        )

    op.create_table(
        "task_links",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("task_id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("other_id", sa.Uuid(), nullable=True),
        sa.Column("url", sa.Text(), nullable=True),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("created_at", Instant(), nullable=False),
        sa.Column("workspace_id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(
            ["workspace_id", "other_id"],
            ["tasks.workspace_id", "tasks.id"],
            name=op.f("fk_task_links_workspace_id_other_id"),
        ),
        sa.ForeignKeyConstraint(
            ["workspace_id", "task_id"],
            ["tasks.workspace_id", "tasks.id"],
            name=op.f("fk_task_links_workspace_id_task_id"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_task_links")),
        sa.UniqueConstraint("workspace_id", "id", name=op.f("uq_task_links_workspace_id_id")),
    )
    with op.batch_alter_table("task_links", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_task_links_workspace_id_other_id"),
            ["workspace_id", "other_id"],
            unique=False,
        )
        batch_op.create_index(
            batch_op.f("ix_task_links_workspace_id_task_id"),
            ["workspace_id", "task_id"],
            unique=False,
        )

    op.create_table(
        "task_sources",
        sa.Column("task_id", sa.Uuid(), nullable=False),
        sa.Column("import_id", sa.Uuid(), nullable=False),
        sa.Column("source", ExactText, nullable=False),
        sa.Column("list", ExactText, nullable=False),
        sa.Column("external_id", ExactText, nullable=False),
        sa.Column("project", ExactText, nullable=False),
        sa.Column("original", sa.Text(), nullable=False),
        sa.Column("imported", Json, nullable=False),
        sa.Column("workspace_id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(
            ["workspace_id", "import_id"],
            ["imports.workspace_id", "imports.id"],
            name=op.f("fk_task_sources_workspace_id_import_id"),
        ),
        sa.ForeignKeyConstraint(
            ["workspace_id", "task_id"],
            ["tasks.workspace_id", "tasks.id"],
            name=op.f("fk_task_sources_workspace_id_task_id"),
        ),
        sa.PrimaryKeyConstraint("task_id", name=op.f("pk_task_sources")),
        sa.UniqueConstraint(
            "workspace_id",
            "source",
            "list",
            "external_id",
            "project",
            name=op.f("uq_task_sources_workspace_id_source_list_external_id_project"),
        ),
    )
    with op.batch_alter_table("task_sources", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_task_sources_workspace_id_import_id"),
            ["workspace_id", "import_id"],
            unique=False,
        )

    op.create_table(
        "task_comment_mentions",
        sa.Column("comment_id", sa.Uuid(), nullable=False),
        sa.Column("actor_id", sa.Uuid(), nullable=False),
        sa.Column("workspace_id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(
            ["workspace_id", "actor_id"],
            ["actors.workspace_id", "actors.id"],
            name=op.f("fk_task_comment_mentions_workspace_id_actor_id"),
        ),
        sa.ForeignKeyConstraint(
            ["workspace_id", "comment_id"],
            ["task_comments.workspace_id", "task_comments.id"],
            name=op.f("fk_task_comment_mentions_workspace_id_comment_id"),
        ),
        sa.PrimaryKeyConstraint("comment_id", "actor_id", name=op.f("pk_task_comment_mentions")),
    )
    with op.batch_alter_table("task_comment_mentions", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_task_comment_mentions_workspace_id_actor_id"),
            ["workspace_id", "actor_id"],
            unique=False,
        )

    is_ready = text("status = 'todo' AND open_dependencies = 0 AND open_subtasks = 0")
    op.create_index(
        "ix_tasks_ready",
        "tasks",
        [
            "workspace_id",
            "priority",
            text("unlock_depth DESC"),
            text("unlock_count DESC"),
            "created_at",
            "id",
        ],
        postgresql_where=is_ready,
        sqlite_where=is_ready,
    )
    op.execute("INSERT INTO schema_requirements (min_program) VALUES (1)")


def downgrade() -> None:
    op.drop_index("ix_tasks_ready", table_name="tasks")
    with op.batch_alter_table("task_comment_mentions", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_task_comment_mentions_workspace_id_actor_id"))

    op.drop_table("task_comment_mentions")
    with op.batch_alter_table("task_sources", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_task_sources_workspace_id_import_id"))

    op.drop_table("task_sources")
    with op.batch_alter_table("task_links", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_task_links_workspace_id_task_id"))
        batch_op.drop_index(batch_op.f("ix_task_links_workspace_id_other_id"))

    op.drop_table("task_links")
    with op.batch_alter_table("task_labels", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_task_labels_workspace_id_label_id"))

    op.drop_table("task_labels")
    op.drop_table("task_keys")
    with op.batch_alter_table("task_dependencies", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_task_dependencies_workspace_id_depends_on_id"))

    op.drop_table("task_dependencies")
    with op.batch_alter_table("task_comments", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_task_comments_workspace_id_task_id_id"))

    op.drop_table("task_comments")
    with op.batch_alter_table("task_assignees", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_task_assignees_workspace_id_actor_id"))

    op.drop_table("task_assignees")
    with op.batch_alter_table("tasks", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_tasks_workspace_id_parent_id"))
        batch_op.drop_index("ix_tasks_updated")
        batch_op.drop_index("ix_tasks_status")
        batch_op.drop_index("ix_tasks_repository")
        batch_op.drop_index("ix_tasks_rank")
        batch_op.drop_index("ix_tasks_priority")
        batch_op.drop_index("ix_tasks_number")
        batch_op.drop_index("ix_tasks_newest")

    op.drop_table("tasks")
    with op.batch_alter_table("project_repositories", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_project_repositories_workspace_id_repository_id"))

    op.drop_table("project_repositories")
    with op.batch_alter_table("project_members", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_project_members_workspace_id_actor_id"))

    op.drop_table("project_members")
    with op.batch_alter_table("projects", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_projects_workspace_id_visibility"))

    op.drop_table("projects")
    with op.batch_alter_table("invitations", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_invitations_workspace_id_created_at"))

    op.drop_table("invitations")
    with op.batch_alter_table("imports", schema=None) as batch_op:
        batch_op.drop_index(
            "ix_imports_waiting",
            postgresql_where=sa.text("state = 'queued'"),
            sqlite_where=sa.text("state = 'queued'"),
        )

    op.drop_table("imports")
    with op.batch_alter_table("events", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_events_workspace_id_task_id_seq"))
        batch_op.drop_index(batch_op.f("ix_events_workspace_id_subject_seq"))
        batch_op.drop_index(batch_op.f("ix_events_workspace_id_recorded_at"))
        batch_op.drop_index(batch_op.f("ix_events_workspace_id_project_id_seq"))
        batch_op.drop_index(batch_op.f("ix_events_workspace_id_name_seq"))
        batch_op.drop_index(batch_op.f("ix_events_workspace_id_actor_id_seq"))

    op.drop_table("events")
    with op.batch_alter_table("api_keys", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_api_keys_workspace_id_actor_id"))

    op.drop_table("api_keys")
    op.drop_table("user_identities")
    with op.batch_alter_table("sessions", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_sessions_user_id"))

    op.drop_table("sessions")
    op.drop_table("repositories")
    op.drop_table("labels")
    with op.batch_alter_table("actors", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_actors_user_id"))

    op.drop_table("actors")
    op.drop_table("workspaces")
    op.drop_table("users")
    op.drop_table("schema_requirements")
    with op.batch_alter_table("idempotency_keys", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_idempotency_keys_expires_at"))

    op.drop_table("idempotency_keys")
