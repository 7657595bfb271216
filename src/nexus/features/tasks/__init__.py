"""Tasks: the units of work, the graph of what waits for what, and their labels.

Owns `tasks`, `task_keys`, `task_dependencies`, `task_links`, `task_assignees`, `task_labels` and
`labels`. Announces task.*. Asks projects for keys and numbers and repositories for existence.
"""
