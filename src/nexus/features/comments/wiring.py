"""How the service of comments is put together."""

from nexus.features.comments.repository import CommentRepository
from nexus.features.comments.service import CommentService
from nexus.features.tasks.wiring import hold_service, task_service
from nexus.platform.database import Transaction


def comment_service(tx: Transaction) -> CommentService:
    return CommentService(CommentRepository(tx), task_service(tx), hold_service(tx), tx.events)
