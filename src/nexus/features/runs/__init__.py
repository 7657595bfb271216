"""Runs: how agents come to tasks, what they report, and how their work is proved and judged.

Owns `run_lines`, `run_questions` and `run_evidence`; holds and runs themselves are rows of tasks.
Announces run.*. Asks tasks for candidates and holds, agents for what they may take, projects for
their policies and budgets for whether it can be paid.
"""
