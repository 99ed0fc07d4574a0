"""Numeric kernels of GloVe: numpy and scipy only, no Spark, no files.

``grid`` divides the matrix into cells, ``leaves`` and ``batching`` divide a cell into batches,
``objective`` and ``update`` train on them, ``schedule`` decides which cells are trained together,
and ``merge`` combines replicas. ``reference`` is the slow and simple implementation for tests.
"""
