"""A client of Nexus's REST API; `models` and `client` are generated from its description."""
