"""Saved views: filters and an order of tasks under a name, for oneself or for everybody.

Owns `views`. Announces view.*. Asks nobody.
"""
