"""The stages of the pipeline: each reads datasets, computes on Spark and publishes a dataset.

A stage consists of a `stage.Stage` and a function that takes a `stage.Job` and returns the facts
for the manifest.
"""
