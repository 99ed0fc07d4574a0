"""How good: scores of vectors, warm starts, the Estimator."""
