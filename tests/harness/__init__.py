"""Clusters of real processes on this machine, fault injection, and long tests."""
