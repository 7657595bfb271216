"""Long, random runs that look for what must never happen: make soak."""
