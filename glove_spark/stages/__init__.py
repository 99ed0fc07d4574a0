"""The stages of the pipeline: what each reads, computes on Spark, and publishes.

A stage is a `glove_spark.stages.stage.Stage` and a function from a `glove_spark.stages.stage.Job` to the
facts of its manifest.
"""
