"""Vectors in memory or mapped: neighbours, analogies, drift between two models."""
