"""Counting co-occurrences in windows, and adding the counts."""
