"""Tasks: the units of work, the graph of what waits for what, their labels, search and series.

Owns `tasks`, `task_keys`, `task_texts`, `task_dependencies`, `task_links`, `task_assignees`,
`task_labels`, `task_recurrences`, `task_outcomes` and `labels`. Announces task.*, label.* and
import.tasks_added.
Asks projects for keys and numbers, repositories for existence and fields for what `custom` takes.
"""
