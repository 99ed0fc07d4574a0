"""Which options are Params of the Estimator, and their names.

An option's Param has its name in camel case, or the name that Spark has for the thing
(`SPARK_NAMES`); its default, rule and help are the option's. Options that change no result of a
fit (what is shown, what is kept) are no Params.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from glove_spark.errors import GloveSparkError
from glove_spark.settings.config import SETTINGS
from glove_spark.settings.option import OptionSpec, Settings, above, option

FIT_STAGES = ("vocabulary", "cooccurrence", "blocks", "train", "export")
"""Whose options are Params: the column holds tokens already."""


SPARK_NAMES = {
    "epochs": "maxIter",
    "learning_rate": "stepSize",
    "final_learning_rate": "finalStepSize",
    "num_blocks": "numPartitions",
    "tolerance": "tol",
}
"""What `pyspark.ml` calls an option."""


@dataclass(frozen=True)
class MlSettings(Settings):
    """The options that only the Estimator and its model have."""

    work_dir: str | None = option(
        None,
        "a folder that the driver and all executors can see, a path or a URI; a fit keeps its "
        "datasets there, and the next fit on the same rows and Params uses them again or resumes "
        "unfinished work; default: a temporary folder, deleted after the fit",
    )
    frequency_weight: float | None = option(
        None,
        "transform weights each word by a / (a + p), where a is this value and p is the word's "
        "share of all tokens; default: all tokens have the same weight",
        above(0),
    )
    unit_vectors: bool = option(
        False,
        "transform scales the vector of each word to length 1 before it averages them, so that "
        "frequent words, whose vectors are short, count as much as rare ones",
    )


OF_BATCHES = ("half_life",)
"""Options that need a corpus in batches; a fit counts its rows at once."""


def param_name(option_name: str) -> str:
    """Name the Param of an option.

    >>> param_name("window_size"), param_name("epochs")
    ('windowSize', 'maxIter')
    """
    spark_name = SPARK_NAMES.get(option_name)
    return spark_name or re.sub("_(.)", lambda found: found[1].upper(), option_name)


def option_params() -> dict[str, tuple[str, OptionSpec]]:
    """List stage and option of every Param, by the Param's name."""
    found = {
        param_name(spec.name): (stage, spec)
        for stage in FIT_STAGES
        for spec in SETTINGS[stage].specs()
        if spec.changes_result and spec.name not in OF_BATCHES
    }
    return found | {param_name(spec.name): ("ml", spec) for spec in MlSettings.specs()}


@contextmanager
def errors_name_params() -> Iterator[None]:
    """Name Params where an error of the stages names options.

    Raises
    ------
    GloveSparkError
        The error that was raised, of the same type.
    """
    try:
        yield
    except GloveSparkError as error:
        text = in_terms_of_params(str(error))
        if text == str(error):
            raise
        raise type(error)(text) from error


def in_terms_of_params(text: str) -> str:
    """Put Params for options: for flags, for names of several words, and for others before ``=``.

    >>> in_terms_of_params("epochs=3 is too few for min_count=5; give --min-count, more epochs")
    'maxIter=3 is too few for minCount=5; give minCount, more epochs'
    """
    for _, spec in option_params().values():
        name = spec.name
        words = rf"{name}\b" if "_" in name else rf"{name}(?==)"
        forms = rf"--{name.replace('_', '-')}\b|\b{words}"
        text = re.sub(forms, param_name(name), text)
    return text
