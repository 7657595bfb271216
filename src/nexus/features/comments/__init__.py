"""Comments on tasks, in Markdown, and who they mention.

Owns `task_comments` and `task_comment_mentions`. Announces task.commented, comment.updated and
comment.removed. Asks tasks whether the task is there and can be seen. A comment leaves the task's
version as it is.
"""
