"""The processes: they read settings, put the parts together and hold no rule."""
