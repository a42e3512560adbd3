"""How good a model is: metrics, baselines, float against integer, speed."""
