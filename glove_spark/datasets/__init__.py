"""The datasets on disk: their schemas, writers and readers. See docs/FORMATS.md.

``tokens``, ``vocabulary`` and ``cooccurrence`` are Parquet for anyone to read; ``blocks`` and
``model`` are laid out for training. Nothing here starts a Spark job.
"""
