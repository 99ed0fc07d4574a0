"""Which options are Params of the Estimator, and their names.

The Param of an option has the name of the option in camel case, or Spark's own name
(`SPARK_NAMES`), and the same default, rule and help. Options that do not change the result of a fit
(what is shown or kept) are not Params.
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
"""The stages whose options are Params; not tokenize, because the column contains tokens."""


SPARK_NAMES = {
    "epochs": "maxIter",
    "learning_rate": "stepSize",
    "final_learning_rate": "finalStepSize",
    "num_blocks": "numPartitions",
    "tolerance": "tol",
}
"""The names of options in `pyspark.ml`."""


@dataclass(frozen=True)
class MlSettings(Settings):
    """The options of only the Estimator and its model."""

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
"""Options that need batches; a fit counts all rows at once."""


def param_name(option_name: str) -> str:
    """Return the name of the Param of an option.

    >>> param_name("window_size"), param_name("epochs")
    ('windowSize', 'maxIter')
    """
    spark_name = SPARK_NAMES.get(option_name)
    return spark_name or re.sub("_(.)", lambda found: found[1].upper(), option_name)


def option_params() -> dict[str, tuple[str, OptionSpec]]:
    """Return the stage and option of every Param, by the name of the Param."""
    found = {
        param_name(spec.name): (stage, spec)
        for stage in FIT_STAGES
        for spec in SETTINGS[stage].specs()
        if spec.changes_result and spec.name not in OF_BATCHES
    }
    return found | {param_name(spec.name): ("ml", spec) for spec in MlSettings.specs()}


@contextmanager
def errors_name_params() -> Iterator[None]:
    """Replace names of options by names of Params in errors of the stages.

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
    """Replace names of options by Params: flags, names of several words, and names before ``=``.

    >>> in_terms_of_params("epochs=3 is too few for min_count=5; give --min-count, more epochs")
    'maxIter=3 is too few for minCount=5; give minCount, more epochs'
    """
    for _, spec in option_params().values():
        name = spec.name
        words = rf"{name}\b" if "_" in name else rf"{name}(?==)"
        forms = rf"--{name.replace('_', '-')}\b|\b{words}"
        text = re.sub(forms, param_name(name), text)
    return text
