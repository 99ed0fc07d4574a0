"""Counts that grow batch by batch: adding, removing and re-ranking."""
