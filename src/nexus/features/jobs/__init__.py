"""The jobs of a workspace, for its admins: what waits, runs, has failed or was done.

Owns no table: the platform's job engine keeps them. Announces job.*. Asks nobody.
"""
