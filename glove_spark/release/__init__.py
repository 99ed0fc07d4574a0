"""Decide whether a new version of a model replaces the current one; metrics for monitoring."""
