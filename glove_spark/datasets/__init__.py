"""The datasets on disk: their schemas, writers and readers. See docs/FORMATS.md.

``tokens``, ``vocabulary`` and ``cooccurrence`` are Parquet, for other programs too; the layout of
``blocks`` and ``model`` is for training. Nothing here starts a Spark job.
"""
