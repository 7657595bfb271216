"""Durable jobs: what runs later, on a schedule or because something happened.

Features declare jobs and enqueue them by name through their transaction. The engine behind it is
DBOS Transact; `engine.py` and `store.py` alone know that (docs/decisions/0024).
"""
