"""Everything that Nexus serves, on one page."""

from nexus.features.agents.controller import AgentController
from nexus.features.alerts import jobs as alert_jobs
from nexus.features.alerts.controller import AlertController
from nexus.features.budgets.controller import BudgetController
from nexus.features.comments.controller import CommentController
from nexus.features.estimates.controller import ComplexityModelController
from nexus.features.events.controller import ActivityController, EventController
from nexus.features.fields.controller import FieldController
from nexus.features.identity import jobs as identity_jobs
from nexus.features.identity.controller import MeController, SessionController
from nexus.features.imports import jobs as import_jobs
from nexus.features.imports.controller import ImportController
from nexus.features.imports.export_controller import ExportController
from nexus.features.jobs.controller import JobController
from nexus.features.keys.controller import AgentKeyController, KeyController
from nexus.features.projects.controller import (
    ProjectController,
    ProjectMemberController,
    ProjectRepositoryController,
)
from nexus.features.proposals import domain as proposal_domain
from nexus.features.proposals import jobs as proposal_jobs
from nexus.features.proposals.controller import ExpansionController, ProposalController
from nexus.features.repositories.controller import RepositoryController
from nexus.features.runs import jobs as run_jobs
from nexus.features.runs.controller import RunController
from nexus.features.runs.dispatch_controller import (
    DispatchController,
    HoldController,
    WorkLimitController,
)
from nexus.features.runs.proof_controller import EvidenceController, QuestionController
from nexus.features.tasks import jobs as task_jobs
from nexus.features.tasks.complexity_controller import ComplexityController
from nexus.features.tasks.controller import ProjectGraphController, TaskController
from nexus.features.tasks.liveness_controller import LivenessController
from nexus.features.tasks.parts_controller import (
    DependencyController,
    LabelController,
    LinkController,
)
from nexus.features.views.controller import ViewController
from nexus.features.webhooks import domain as webhook_domain
from nexus.features.webhooks import jobs as webhook_jobs
from nexus.features.webhooks.controller import WebhookController
from nexus.features.workspaces import jobs as workspace_jobs
from nexus.features.workspaces.controller import (
    InvitationController,
    MembershipController,
    UserController,
    WorkspaceController,
)
from nexus.platform.jobs import upkeep
from nexus.platform.jobs.declaring import Queue

CONTROLLERS = [
    TaskController,
    ComplexityController,
    ExpansionController,
    ProposalController,
    DependencyController,
    LinkController,
    CommentController,
    ActivityController,
    LabelController,
    ProjectController,
    ProjectMemberController,
    ProjectRepositoryController,
    FieldController,
    ProjectGraphController,
    ViewController,
    RepositoryController,
    DispatchController,
    AgentController,
    AgentKeyController,
    HoldController,
    RunController,
    QuestionController,
    EvidenceController,
    WorkLimitController,
    LivenessController,
    ComplexityModelController,
    BudgetController,
    UserController,
    InvitationController,
    WorkspaceController,
    MembershipController,
    ImportController,
    ExportController,
    WebhookController,
    KeyController,
    EventController,
    JobController,
    AlertController,
    SessionController,
    MeController,
]

JOBS = [
    *import_jobs.JOBS,
    *task_jobs.JOBS,
    *run_jobs.JOBS,
    *proposal_jobs.JOBS,
    *identity_jobs.JOBS,
    *webhook_jobs.JOBS,
    *workspace_jobs.JOBS,
    *alert_jobs.JOBS,
    *upkeep.JOBS,
]

QUEUES = [
    Queue(name=webhook_domain.QUEUE, concurrency=200),
    Queue(name=proposal_domain.QUEUE, concurrency=8),
]
