"""The stages of the pipeline: what each reads, computes on Spark, and publishes.

A stage is a `stage.Stage` and a function from a `stage.Job` to the
facts of its manifest.
"""
