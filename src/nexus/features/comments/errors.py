"""What can be wrong with comments."""

from nexus.platform.errors import Conflict, NotAllowed, NotFound


class CommentNotFound(NotFound):
    code = "comment.not_found"
    message = "There is no comment '{id}' on this task."


class NotYourComment(NotAllowed):
    code = "comment.not_yours"
    message = "Only its author edits a comment; its author or an admin removes it."


class CommentRemoved(Conflict):
    code = "comment.removed"
    message = "This comment was removed and cannot be edited."
