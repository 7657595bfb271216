"""Liveness: whether every open task can go on, and what is mended where one cannot.

Owns no table. What it finds and mends is in tasks, which announces task.revived.
"""
