"""The Params of the Estimator, made from the one definition of our options.

An option's Param has its name in camel case, or the name that Spark has for the thing
(`SPARK_NAMES`); its default, rule and help are the option's. Options that change no result of a
fit (what is shown, what is kept) are no Params.
"""

from __future__ import annotations

import dataclasses
import inspect
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pyspark.ml.param import Param, Params, TypeConverters
from pyspark.ml.param.shared import HasInputCol, HasOutputCol

from glove_spark.errors import ConfigurationError, GloveSparkError
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
    """What only the Estimator and its model have."""

    work_dir: str | None = option(
        None,
        "a folder that the driver and all executors see, a path or URI; what a fit made there is "
        "used again by the next on the same rows and Params, and what it left unfinished resumed; "
        "default: a temporary folder, deleted after the fit",
    )
    frequency_weight: float | None = option(
        None,
        "a of a / (a + p): transform weighs a word by it, p being the word's share of all tokens; "
        "default: every token weighs the same",
        above(0),
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


def _converter(name: str, spec: OptionSpec) -> Callable[[Any], Any]:
    """Take what Spark's converters take (numpy's numbers, 5.0 for 5) and check the rule."""
    to_type = {
        int: TypeConverters.toInt,
        float: TypeConverters.toFloat,
        str: TypeConverters.toString,
        bool: TypeConverters.toBoolean,
    }[spec.type]
    named = dataclasses.replace(spec, name=name)

    def convert(value: Any) -> Any:
        if value is not None:
            try:
                value = to_type(value)
            except (TypeError, ValueError, OverflowError):
                raise ConfigurationError(
                    f"{name}={value!r} must be of type {spec.type.__name__}"
                ) from None
        return named.check(value)

    return convert


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


class GloVeParams(HasInputCol, HasOutputCol):
    """Params of `GloVe` and `GloVeModel`; every one has a getter and a setter, as in Spark."""

    def __init__(self) -> None:
        super().__init__()
        defaults = {name: spec.default for name, (_, spec) in option_params().items()}
        self._setDefault(inputCol="tokens", outputCol="vector", **defaults)

    def set(self, param: Param[Any], value: Any) -> None:
        """Set a Param; a value that breaks its rule is refused with our own error."""
        self._shouldOwn(param)
        self._set(**{param.name: value})

    def _set(self, **values: Any) -> GloVeParams:
        for name, value in values.items():
            param = self.getParam(name)
            try:
                # Spark stores None unseen
                self._paramMap[param] = param.typeConverter(value)
            except TypeError:
                raise ConfigurationError(f"{name}={value!r} must be of type str") from None
        return self

    def setInputCol(self, value: str) -> GloVeParams:
        """Set the name of the column of tokens, ``array<string>``."""
        return self._set(inputCol=value)

    def setOutputCol(self, value: str) -> GloVeParams:
        """Set the name of the column of averaged vectors."""
        return self._set(outputCol=value)

    if TYPE_CHECKING:
        # the getters and setters that `_define` makes
        def __getattr__(self, name: str) -> Any: ...

    def settings(self) -> Mapping[str, Settings]:
        """Make each stage's settings of the Params' values.

        Raises
        ------
        ConfigurationError
            If values contradict one another.
        """
        values: dict[str, dict[str, Any]] = {stage: {} for stage in (*FIT_STAGES, "ml")}
        for name, (stage, spec) in option_params().items():
            values[stage][spec.name] = self.getOrDefault(name)
        return {
            stage: SETTINGS.get(stage, MlSettings).from_mapping(given)
            for stage, given in values.items()
        }


def _define(cls: type[GloVeParams], name: str, spec: OptionSpec) -> None:
    """Give the class a Param, its getter and its setter."""
    capitalised = name[0].upper() + name[1:]

    def get(self: GloVeParams) -> Any:
        return self.getOrDefault(name)

    def set_(self: GloVeParams, value: Any) -> GloVeParams:
        return self._set(**{name: value})

    rule = "" if spec.rule is None else f"; must {spec.rule.text}"
    param: Param[Any] = Param(Params._dummy(), name, spec.help + rule, _converter(name, spec))
    setattr(cls, name, param)
    for prefix, method, what in (("get", get, "Get"), ("set", set_, "Set")):
        method.__name__ = f"{prefix}{capitalised}"
        method.__qualname__ = f"{cls.__name__}.{method.__name__}"
        method.__doc__ = f"{what} `{name}`: {spec.help}."
        setattr(cls, method.__name__, method)


for _name, (_, _spec) in option_params().items():
    _define(GloVeParams, _name, _spec)


def signature(*, returns: Any) -> inspect.Signature:
    """Write out the keyword arguments that `GloVe` and its ``setParams`` take."""
    columns = {"inputCol": "tokens", "outputCol": "vector"}
    defaults = columns | {name: spec.default for name, (_, spec) in option_params().items()}
    keyword = inspect.Parameter.KEYWORD_ONLY
    itself = inspect.Parameter("self", inspect.Parameter.POSITIONAL_OR_KEYWORD)
    return inspect.Signature(
        [itself, *(inspect.Parameter(name, keyword, default=d) for name, d in defaults.items())],
        return_annotation=returns,
    )
