"""Proposals: how a task could be split and how complex it is, for a person or a policy to accept.

Owns `proposals`. Announces proposal.*. A language model, an agent or a person makes them; asks
tasks for the task and to split it, and projects for their policy.
"""
