"""The commands beside the pipeline's stages: one module a subject.

Each has functions that add a command to the parser of `glove_spark.cli` and run it by a call or two
of the library, which is imported then.
"""
