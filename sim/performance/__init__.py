"""A cycle model of the engine."""
