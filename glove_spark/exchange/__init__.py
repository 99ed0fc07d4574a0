"""Vectors in the formats of other programs: one module per format; `formats` lists them.

The reader of a format is a `source.VectorSource`, which returns a bounded number of rows at a time,
and its writer takes such a source. So a conversion needs the memory of a chunk, for a vocabulary of
any size.
"""
