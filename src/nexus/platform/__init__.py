"""What every feature needs and no feature owns."""
