"""How the services of tasks are put together."""

from nexus.features.estimates.wiring import estimate_service
from nexus.features.fields.wiring import field_service
from nexus.features.projects.wiring import project_service
from nexus.features.repositories.wiring import repository_service
from nexus.features.tasks.arrivals import GraphIntake, TaskIntake
from nexus.features.tasks.assignments import AssignmentService
from nexus.features.tasks.bulk import BulkService
from nexus.features.tasks.candidates import CandidateRepository
from nexus.features.tasks.departures import TaskDepartures
from nexus.features.tasks.dependencies import DependencyService, TaskGraph
from nexus.features.tasks.edges import EdgeRepository
from nexus.features.tasks.graph_reading import GraphReader
from nexus.features.tasks.holding import HoldService
from nexus.features.tasks.labelling import LabelService
from nexus.features.tasks.labels import LabelRepository
from nexus.features.tasks.learning import ComplexityService
from nexus.features.tasks.leases import LeaseRepository
from nexus.features.tasks.linking import LinkService
from nexus.features.tasks.liveness_reading import LivenessReader
from nexus.features.tasks.making import FieldRules, TaskMaker
from nexus.features.tasks.moving import HoldEnder, StatusMover
from nexus.features.tasks.outcomes import OutcomeRepository
from nexus.features.tasks.overview import OverviewService
from nexus.features.tasks.recurrences import RecurrenceRepository
from nexus.features.tasks.recurring import RecurrenceService, Series
from nexus.features.tasks.repository import TaskRepository
from nexus.features.tasks.reviving import LivenessService
from nexus.features.tasks.run_reading import RunReader
from nexus.features.tasks.scoring import Scorer
from nexus.features.tasks.selecting import CandidateService
from nexus.features.tasks.service import TaskService
from nexus.features.tasks.splitting import TaskSplitter
from nexus.features.tasks.summaries import SummaryRepository
from nexus.features.tasks.transferring import TransferService
from nexus.platform.database import Transaction


def scorer(tx: Transaction) -> Scorer:
    return Scorer(estimate_service(tx))


def complexity_service(tx: Transaction) -> ComplexityService:
    return ComplexityService(TaskRepository(tx), OutcomeRepository(tx), estimate_service(tx))


def task_service(tx: Transaction) -> TaskService:
    tasks, labels = TaskRepository(tx), LabelRepository(tx)
    graph = TaskGraph(tasks, EdgeRepository(tx))
    return TaskService(tasks, labels, graph, task_maker(tx), status_mover(tx), tx.events)


def status_mover(tx: Transaction) -> StatusMover:
    tasks = TaskRepository(tx)
    graph = TaskGraph(tasks, EdgeRepository(tx))
    series = Series(RecurrenceRepository(tx), task_maker(tx), tx.events)
    holds = HoldEnder(LeaseRepository(tx), project_service(tx), tx.events)
    return StatusMover(tasks, graph, series, holds, tx.events)


def hold_service(tx: Transaction) -> HoldService:
    return HoldService(
        TaskRepository(tx), LeaseRepository(tx), RunReader(tx), status_mover(tx), tx.events
    )


def assignment_service(tx: Transaction) -> AssignmentService:
    return AssignmentService(
        TaskRepository(tx), LeaseRepository(tx), RunReader(tx), status_mover(tx)
    )


def liveness_service(tx: Transaction) -> LivenessService:
    return LivenessService(
        LivenessReader(tx), GraphReader(tx), EdgeRepository(tx), hold_service(tx), tx.events
    )


def candidate_service(tx: Transaction) -> CandidateService:
    return CandidateService(TaskRepository(tx), CandidateRepository(tx))


def task_maker(tx: Transaction) -> TaskMaker:
    tasks = TaskRepository(tx)
    return TaskMaker(
        tasks,
        LabelRepository(tx),
        TaskGraph(tasks, EdgeRepository(tx)),
        project_service(tx),
        FieldRules(repository_service(tx), field_service(tx), scorer(tx)),
        tx.events,
    )


def recurrence_service(tx: Transaction) -> RecurrenceService:
    recurrences = RecurrenceRepository(tx)
    series = Series(recurrences, task_maker(tx), tx.events)
    return RecurrenceService(TaskRepository(tx), recurrences, series, tx.events)


def overview_service(tx: Transaction) -> OverviewService:
    return OverviewService(
        TaskRepository(tx), SummaryRepository(tx), EdgeRepository(tx), project_service(tx)
    )


def bulk_service(tx: Transaction) -> BulkService:
    tasks, labels = TaskRepository(tx), LabelRepository(tx)
    graph = TaskGraph(tasks, EdgeRepository(tx))
    maker = task_maker(tx)
    return BulkService(tasks, labels, graph, maker, status_mover(tx), tx.events)


def transfer_service(tx: Transaction) -> TransferService:
    return TransferService(TaskRepository(tx), project_service(tx), tx.events)


def dependency_service(tx: Transaction) -> DependencyService:
    tasks = TaskRepository(tx)
    graph = TaskGraph(tasks, EdgeRepository(tx))
    return DependencyService(tasks, graph, scorer(tx), tx.events)


def task_splitter(tx: Transaction) -> TaskSplitter:
    tasks = TaskRepository(tx)
    graph = TaskGraph(tasks, EdgeRepository(tx))
    return TaskSplitter(tasks, graph, project_service(tx), scorer(tx), tx.events)


def link_service(tx: Transaction) -> LinkService:
    return LinkService(TaskRepository(tx), tx.events)


def task_intake(tx: Transaction) -> TaskIntake:
    tasks = TaskRepository(tx)
    graph = TaskGraph(tasks, EdgeRepository(tx))
    return TaskIntake(tasks, LabelRepository(tx), graph, project_service(tx), tx.events)


def task_departures(tx: Transaction) -> TaskDepartures:
    return TaskDepartures(TaskRepository(tx), SummaryRepository(tx))


def graph_intake(tx: Transaction) -> GraphIntake:
    edges = EdgeRepository(tx)
    tasks = TaskRepository(tx)
    graph = TaskGraph(tasks, edges)
    return GraphIntake(tasks, edges, GraphReader(tx), graph, dependency_service(tx))


def label_service(tx: Transaction) -> LabelService:
    return LabelService(LabelRepository(tx), estimate_service(tx), tx.events)
