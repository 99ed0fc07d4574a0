"""The Params of `GloVe` and `GloVeModel`."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from pyspark.ml.param import Param
from pyspark.ml.param.shared import HasInputCol, HasOutputCol

from glove_spark.errors import ConfigurationError
from glove_spark.ml.accessors import OptionParams
from glove_spark.ml.names import FIT_STAGES, MlSettings, option_params
from glove_spark.settings.config import SETTINGS
from glove_spark.settings.option import Settings

if TYPE_CHECKING:
    from typing_extensions import Self


class GloVeParams(OptionParams, HasInputCol, HasOutputCol):
    """Params of `GloVe` and `GloVeModel`; every one has a getter and a setter, as in Spark."""

    def __init__(self) -> None:
        super().__init__()
        defaults = {name: spec.default for name, (_, spec) in option_params().items()}
        self._setDefault(inputCol="tokens", outputCol="vector", **defaults)

    def set(self, param: Param[Any], value: Any) -> None:
        """Set a Param; a value that breaks its rule raises `ConfigurationError`."""
        self._shouldOwn(param)
        self._set(**{param.name: value})

    def _set(self, **values: Any) -> Self:
        for name, value in values.items():
            param = self.getParam(name)
            try:
                # Spark stores None without a check
                self._paramMap[param] = param.typeConverter(value)
            except TypeError:
                raise ConfigurationError(f"{name}={value!r} must be of type str") from None
        return self

    def setInputCol(self, value: str) -> Self:
        """Set the name of the column of tokens, ``array<string>``."""
        return self._set(inputCol=value)

    def setOutputCol(self, value: str) -> Self:
        """Set the name of the column of averaged vectors."""
        return self._set(outputCol=value)

    def settings(self) -> Mapping[str, Settings]:
        """Make the settings of every stage from the values of the Params.

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


def signature(*, returns: Any) -> inspect.Signature:
    """Return the keyword arguments of `GloVe` and its ``setParams`` as code."""
    columns = {"inputCol": "tokens", "outputCol": "vector"}
    defaults = columns | {name: spec.default for name, (_, spec) in option_params().items()}
    keyword = inspect.Parameter.KEYWORD_ONLY
    itself = inspect.Parameter("self", inspect.Parameter.POSITIONAL_OR_KEYWORD)
    return inspect.Signature(
        [itself, *(inspect.Parameter(name, keyword, default=d) for name, d in defaults.items())],
        return_annotation=returns,
    )
