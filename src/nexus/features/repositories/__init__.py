"""Code repositories that tasks are about.

Owns `repositories`. Announces repository.*. Asks nobody. The smallest feature: copy it to start
another.
"""
