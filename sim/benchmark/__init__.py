"""Speed of the engine: measured on its RTL, next to what others have published."""
