"""Imports: backlogs that come in from files of other programs.

Owns `imports` (what was asked for, how far it is, its report), `import_parts` (the file until the
end), `import_records` (what became of each record) and `task_sources` (what each task came from:
its original text and the values taken from it, the base of later merges). Announces
import.created, import.finished and import.failed; tasks announces import.tasks_added for what came
in. Asks tasks and comments to take them in and projects for the projects they go to. Each format
is a class that streams the records of a file, or says in a sentence why it holds none.
"""
