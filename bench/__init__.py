"""Measures Nexus against the least that the same answers could cost: `python -m bench`."""
