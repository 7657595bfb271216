"""Budgets: what agents may use of tokens and money, and what they have used.

Owns `budgets` and `spendings`. Announces budget.*. Asks projects, agents and tasks for existence
and tasks for what is set aside by the runs that are under way.
"""
