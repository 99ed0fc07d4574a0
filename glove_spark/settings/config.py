"""The whole configuration: one dataclass of settings per stage, made from plain values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import MISSING, dataclass, field, fields
from typing import Any

from glove_spark.errors import ConfigurationError
from glove_spark.settings.option import Settings
from glove_spark.settings.stages import (
    BlocksSettings,
    CooccurrenceSettings,
    ExportSettings,
    RunSettings,
    TokenizeSettings,
    TrainSettings,
    UpdateSettings,
    VocabularySettings,
)
from glove_spark.store.location import Location


@dataclass(frozen=True)
class PipelineConfig:
    """The settings class of every stage, by the name of the stage."""

    run: RunSettings
    tokenize: TokenizeSettings
    vocabulary: VocabularySettings = field(default_factory=VocabularySettings)
    cooccurrence: CooccurrenceSettings = field(default_factory=CooccurrenceSettings)
    blocks: BlocksSettings = field(default_factory=BlocksSettings)
    train: TrainSettings = field(default_factory=TrainSettings)
    export: ExportSettings = field(default_factory=ExportSettings)

    def __post_init__(self) -> None:
        start, output = self.train.warm_start, Location.of(self.run.output)
        replaced = (output, *(output / name for name in ("model", "vectors", "vectors.txt")))
        if start is not None and Location.of(start) in replaced:
            raise ConfigurationError(
                f"warm_start={start} must not be the model that this run replaces; name another "
                f"output folder, and give --reuse {output.shown} to use the counts there"
            )


SETTINGS: dict[str, type[Settings]] = {
    "run": RunSettings,
    "tokenize": TokenizeSettings,
    "vocabulary": VocabularySettings,
    "cooccurrence": CooccurrenceSettings,
    "blocks": BlocksSettings,
    "train": TrainSettings,
    "export": ExportSettings,
    "update": UpdateSettings,
}
"""The tables of a TOML file: that of the run, those of the stages in order, that of the update."""


COUNTING = ("tokenize", "vocabulary", "cooccurrence")
"""The tables that an update also uses, to count its batch."""


STAGE_COMMANDS: dict[str, str] = {
    "tokenize": "stage 1: read a corpus and split each document into tokens",
    "vocabulary": "stage 2: count tokens and choose the words that get a vector",
    "cooccurrence": "stage 3: count co-occurrences of words in windows of tokens",
    "blocks": "stage 4: divide the co-occurrence matrix into blocks for training",
    "train": "stage 5: train a model on the blocks",
    "export": "stage 6: write word vectors from the model",
}
"""The single-stage commands and a description of each."""


def settings_for(stage: str, values: Mapping[str, Mapping[str, Any]]) -> Settings:
    """Make one stage's settings from per-stage dictionaries of values."""
    kind = SETTINGS[stage]
    given = values.get(stage, {})
    for spec in kind.specs():
        if spec.default is MISSING and spec.name not in given:
            raise ConfigurationError(
                f"{spec.name} is required but not given; add {spec.flag} {spec.metavar}"
            )
    return kind.from_mapping(given)


def update_settings(
    values: Mapping[str, Mapping[str, Any]],
) -> tuple[RunSettings, UpdateSettings, dict[str, Settings]]:
    """Make the settings of an update from per-stage dictionaries of values.

    Returns
    -------
    tuple
        The settings of the run, those of the update, and those of `COUNTING` by name.
    """
    update = settings_for("update", values)
    assert isinstance(update, UpdateSettings)
    if update.batch is None:
        # no text is read, so no input is required
        values = {**values, "tokenize": {"input": (), **values.get("tokenize", {})}}
    run = settings_for("run", values)
    assert isinstance(run, RunSettings)
    return run, update, {name: settings_for(name, values) for name in COUNTING}


def pipeline_config(values: Mapping[str, Mapping[str, Any]]) -> PipelineConfig:
    """Make the whole configuration from per-stage dictionaries of values."""
    made = {item.name: settings_for(item.name, values) for item in fields(PipelineConfig)}
    return PipelineConfig(**made)  # type: ignore[arg-type]
