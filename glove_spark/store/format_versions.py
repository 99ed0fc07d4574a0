"""The format versions that this package writes and reads; see docs/FORMATS.md."""

FORMAT_VERSIONS = {
    "tokens": 1,
    "vocabulary": 2,
    "cooccurrence": 2,
    "blocks": 2,
    "model": 2,
    "vectors": 1,
    "vectors.txt": 1,
}
"""A version increases when a reader of the older one would fail or misread the data."""
