"""Incremental updates: add and remove batches of text, and assign new word ids."""
