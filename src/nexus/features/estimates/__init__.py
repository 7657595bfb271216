"""Estimates: how complex a task looks, why, and how far such estimates were off.

Owns `complexity_models`. Announces complexity.calibrated. Knows tasks only by their traits; tasks
bring what finished ones took.
"""
