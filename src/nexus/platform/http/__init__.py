"""The web face shared by all features: the unit of work, who is asking, errors, limits."""
