"""The options of all other commands, defined in the same way as the options of the stages.

Each class has the options of one command, or options that several commands share. The functions
that the commands call take their defaults from here.
"""

from __future__ import annotations

from dataclasses import MISSING, dataclass

from glove_spark.errors import ConfigurationError
from glove_spark.settings.option import Settings, at_least, option
from glove_spark.settings.stages import TrainSettings, metrics_option
from glove_spark.settings.vectors import (
    AlignSettings,
    AnalogySettings,
    ConvertSettings,
    DriftSettings,
    EvaluateSettings,
    NeighborsSettings,
    PlotNeighborsSettings,
    QuestionsSettings,
    RatioSettings,
    ReportSettings,
)


@dataclass(frozen=True, kw_only=True)
class ImportCSettings(Settings):
    """The files of the C program to import."""

    vocab: str = option(MISSING, "the C program's vocab.txt", metavar="FILE")
    cooccurrence: str | None = option(
        None, "the C program's cooccurrence.bin, shuffled or not", metavar="FILE"
    )
    parameters: str | None = option(
        None,
        "the C program's binary parameters (float64), written with its option -binary 1 or 2",
        metavar="FILE",
    )
    gradsq: str | None = option(
        None, "the C program's AdaGrad accumulators; needs --parameters", metavar="FILE"
    )
    output: str = option(MISSING, "the output folder to write datasets to", metavar="DIR")
    overwrite: bool = option(False, "replace existing datasets")

    def check_together(self) -> None:
        """Check that a file to import is given."""
        if not self.cooccurrence and not self.parameters:
            raise ConfigurationError(
                "nothing to import; give --cooccurrence FILE or --parameters FILE"
            )


@dataclass(frozen=True, kw_only=True)
class ExportCSettings(Settings):
    """The files to write for the C program."""

    source: str = option(
        MISSING, "the output folder to read datasets from", metavar="DIR", positional=True
    )
    vocab: str | None = option(
        None, "write the vocabulary to this file (vocab.txt)", metavar="FILE"
    )
    cooccurrence: str | None = option(
        None, "write the co-occurrence matrix to this file (cooccurrence.bin)", metavar="FILE"
    )
    parameters: str | None = option(
        None, "write the parameters of the last epoch to this file", metavar="FILE"
    )
    gradsq: str | None = option(
        None, "write the AdaGrad accumulators of the last epoch to this file", metavar="FILE"
    )
    overwrite: bool = option(False, "replace existing files")


@dataclass(frozen=True, kw_only=True)
class PublishSettings(QuestionsSettings):
    """The version to publish, and the quality that it must have."""

    output: str = option(
        MISSING, "the output folder, which contains the folder versions", metavar="DIR"
    )
    version: str = option(MISSING, "the name of a folder in DIR/versions", metavar="NAME")
    keep: int | None = option(
        None,
        "keep the N latest published versions and delete the others; default: delete none",
        at_least(1),
        metavar="N",
    )
    margin: float = option(
        1.0,
        "refuse the version if its analogy accuracy, or the mean of its similarity scores, is more "
        "than this number of points below the current version; a negative number requires an "
        "improvement",
        metavar="POINTS",
    )
    rollback: bool = option(
        False, "publish a version older than the current one, without comparing the quality"
    )
    metrics: str | None = metrics_option()


@dataclass(frozen=True, kw_only=True)
class BatchesSettings(Settings):
    """The folder whose batches to list."""

    folder: str = option(
        MISSING,
        "the output folder that glove-spark update wrote to",
        metavar="DIR",
        positional=True,
    )
    json: bool = option(False, "print one JSON object per batch")


@dataclass(frozen=True, kw_only=True)
class VerifySettings(Settings):
    """The folder to verify."""

    folder: str = option(MISSING, "the output folder to verify", metavar="DIR", positional=True)


@dataclass(frozen=True, kw_only=True)
class DemoSettings(Settings):
    """Where the demonstration runs."""

    output: str = option("demo-output", "the folder to write to", metavar="DIR")
    master: str | None = option(None, "the Spark master; default: local[*]", metavar="URL")


@dataclass(frozen=True, kw_only=True)
class DailySettings(Settings):
    """The variables GLOVE_DAILY_<NAME> of scripts/daily.sh and conf/airflow/glove_daily.py.

    Neither can import this module where it runs; a test checks that their defaults are the same.
    """

    margin: float = option(
        PublishSettings.margin, "the number of points by which the scores may be lower"
    )
    keep: int = option(7, "the number of published versions to keep", at_least(1))
    epochs: int = option(
        TrainSettings.epochs, "epochs of a model that starts from random vectors", at_least(1)
    )
    warm_epochs: int = option(
        3,
        "epochs of a model that starts from the current version; 0: always start from random "
        "vectors",
        at_least(0),
    )


COMMANDS: dict[str, type[Settings]] = {
    "batches": BatchesSettings,
    "evaluate": EvaluateSettings,
    "neighbors": NeighborsSettings,
    "analogy": AnalogySettings,
    "ratio": RatioSettings,
    "convert": ConvertSettings,
    "import-c": ImportCSettings,
    "export-c": ExportCSettings,
    "drift": DriftSettings,
    "align": AlignSettings,
    "report": ReportSettings,
    "plot-neighbors": PlotNeighborsSettings,
    "verify": VerifySettings,
    "publish": PublishSettings,
    "demo": DemoSettings,
}
"""All other commands and their options."""
