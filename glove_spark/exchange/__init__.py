"""Vectors in the formats of other programs: one module per format; `formats` lists them.

A format's reader is a `source.VectorSource`, which gives a bounded number of rows at a time; its
writer takes one. So a conversion needs the memory of a chunk, whatever the vocabulary's size.
"""
