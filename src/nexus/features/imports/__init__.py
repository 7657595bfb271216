"""Imports: backlogs that come in from files of other programs.

Owns `imports` (what was asked for, and its report) and `task_sources` (what each task came from:
its original text and the values taken from it, the base of later merges). Announces
import.created, import.finished and import.failed; tasks announces import.tasks_added for what came
in. Asks tasks to take them in and projects for the projects they go to. Each format is a module of
its own that turns a file into a ParsedBacklog, or says in a sentence why it is none.
"""
