"""The stages of the pipeline: each reads datasets, computes on Spark and publishes a dataset.

A stage is a `stage.Stage` and a function from a `stage.Job` to the
facts of its manifest.
"""
