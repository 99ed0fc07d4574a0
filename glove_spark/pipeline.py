"""The stages in their order, and how they are run one after another."""

from __future__ import annotations

from pyspark.sql import SparkSession

from glove_spark.config import PipelineConfig
from glove_spark.manifest import Dataset
from glove_spark.publication import claim_folder
from glove_spark.stage import Stage, run_stage
from glove_spark.stages.blocks import BLOCKS
from glove_spark.stages.cooccurrence import COOCCURRENCE
from glove_spark.stages.export import VECTORS, VECTORS_TEXT
from glove_spark.stages.tokenize import TOKENS
from glove_spark.stages.train import MODEL
from glove_spark.stages.vocabulary import VOCABULARY
from glove_spark.storage import Location

STAGES: tuple[Stage, ...] = (
    TOKENS,
    VOCABULARY,
    COOCCURRENCE,
    BLOCKS,
    MODEL,
    VECTORS,
    VECTORS_TEXT,
)
"""Every dataset's stage, in an order in which inputs come first."""


def run_pipeline(spark: SparkSession, config: PipelineConfig) -> dict[str, Dataset]:
    """Bring every dataset of ``config.run.output`` up to date.

    What is done already is skipped; what other settings made is redone, with
    all that depends on it.

    Returns
    -------
    dict
        The datasets by name.
    """
    root = Location.of(config.run.output)
    claim_folder(root)
    return {
        stage.dataset: run_stage(stage, spark, getattr(config, stage.command), root, overwrite=True)
        for stage in STAGES
    }


def run_command(spark: SparkSession, command: str, config: PipelineConfig) -> list[Dataset]:
    """Run the stage (or stages) of one command on the output folder.

    Raises
    ------
    DatasetError
        If a dataset was made by other settings and ``config.run.overwrite`` is
        not set.
    InputError
        If an earlier stage has not been run.
    """
    root = Location.of(config.run.output)
    claim_folder(root)
    chosen = [stage for stage in STAGES if stage.command == command]
    reuse = Location.of(config.run.reuse) if config.run.reuse else None
    return [
        run_stage(
            stage,
            spark,
            getattr(config, command),
            root,
            inputs_root=reuse,
            overwrite=config.run.overwrite,
        )
        for stage in chosen
    ]
