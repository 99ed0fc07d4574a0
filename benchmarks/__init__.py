"""Benchmarks, and the records of their results."""
