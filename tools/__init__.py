"""Programs for developing Nexus; nothing here is installed."""
