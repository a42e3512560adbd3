"""The engine in simulation."""
