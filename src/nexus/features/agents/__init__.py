"""Agents: the AI workers of a workspace, what they may take, their keys and their switch.

Owns `agents` and `agent_switches`; an agent is also a row of `actors`. Announces agent.*. Asks
projects and repositories for existence, and tasks for what runs. Their API keys are of keys.
"""
