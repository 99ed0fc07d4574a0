"""Clusters of real processes on this machine, what is killed in them, and long proofs."""
