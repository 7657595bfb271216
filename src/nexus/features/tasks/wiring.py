"""How the services of tasks are put together."""

from nexus.features.projects.wiring import project_service
from nexus.features.repositories.wiring import repository_service
from nexus.features.tasks.dependencies import DependencyService, TaskGraph
from nexus.features.tasks.edges import EdgeRepository
from nexus.features.tasks.labelling import LabelService
from nexus.features.tasks.labels import LabelRepository
from nexus.features.tasks.linking import LinkService
from nexus.features.tasks.repository import TaskRepository
from nexus.features.tasks.service import TaskIntake, TaskService
from nexus.platform.database import Transaction


def task_service(tx: Transaction) -> TaskService:
    tasks = TaskRepository(tx)
    return TaskService(
        tasks,
        LabelRepository(tx),
        TaskGraph(tasks, EdgeRepository(tx)),
        project_service(tx),
        repository_service(tx),
        tx.events,
    )


def dependency_service(tx: Transaction) -> DependencyService:
    tasks = TaskRepository(tx)
    return DependencyService(tasks, TaskGraph(tasks, EdgeRepository(tx)), tx.events)


def link_service(tx: Transaction) -> LinkService:
    return LinkService(TaskRepository(tx), tx.events)


def task_intake(tx: Transaction) -> TaskIntake:
    tasks = TaskRepository(tx)
    edges = EdgeRepository(tx)
    return TaskIntake(
        tasks,
        LabelRepository(tx),
        edges,
        TaskGraph(tasks, edges),
        project_service(tx),
        tx.events,
    )


def label_service(tx: Transaction) -> LabelService:
    return LabelService(LabelRepository(tx), tx.events)
