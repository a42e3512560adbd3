"""Training: recipes, losses, the resumable loop."""
