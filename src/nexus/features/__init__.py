"""What the product does: one flat folder per feature."""
