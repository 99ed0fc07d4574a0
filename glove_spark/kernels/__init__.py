"""Numeric kernels of GloVe: numpy and scipy only, no Spark, no files.

``grid`` deals the matrix into cells, ``leaves`` and ``batching`` cut a cell into batches,
``objective`` and ``update`` train on them, ``schedule`` and ``merge`` say which cells run together
and how what they return becomes one model, ``reference`` is the slow oracle for all of it.
"""
