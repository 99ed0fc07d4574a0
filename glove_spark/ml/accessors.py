"""A Param, a getter and a setter for every option, made from the options.

Type checkers read ``accessors.pyi`` instead, which `make docs` writes by
`as_stub`, so that a misspelt name is an error and a setter returns the caller's own type.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

from pyspark.ml.param import Param, Params, TypeConverters

from glove_spark.errors import ConfigurationError
from glove_spark.ml.names import option_params
from glove_spark.settings.option import OptionSpec


class OptionParams(Params):
    """The Params of all options, with a getter and a setter each."""


def _converter(name: str, spec: OptionSpec) -> Callable[[Any], Any]:
    """Accept the values of Spark's converters (numpy numbers, 5.0 for 5) and check the rule."""
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


def _define(cls: type[OptionParams], name: str, spec: OptionSpec) -> None:
    """Give the class a Param, its getter and its setter."""
    capitalised = name[0].upper() + name[1:]

    def get(self: Any) -> Any:
        return self.getOrDefault(name)

    def set_(self: Any, value: Any) -> Any:
        return self._set(**{name: value})

    rule = "" if spec.rule is None else f"; must {spec.rule.text}"
    param: Param[Any] = Param(Params._dummy(), name, spec.help + rule, _converter(name, spec))
    setattr(cls, name, param)
    for prefix, method, what in (("get", get, "Get"), ("set", set_, "Set")):
        method.__name__ = f"{prefix}{capitalised}"
        method.__qualname__ = f"{cls.__name__}.{method.__name__}"
        method.__doc__ = f"{what} `{name}`: {spec.help}."
        setattr(cls, method.__name__, method)


def as_stub() -> str:
    """Return the stub for type checkers: the attributes that this module makes."""
    lines = [
        '"""Made by `make docs` from the options; do not edit."""',
        "",
        "from pyspark.ml.param import Param, Params",
        "from typing_extensions import Self",
        "",
        "class OptionParams(Params):",
    ]
    for name, (_, spec) in option_params().items():
        kind = spec.type.__name__ + (" | None" if spec.optional else "")
        capitalised = name[0].upper() + name[1:]
        lines += [
            f"    {name}: Param[{kind}]",
            f"    def get{capitalised}(self) -> {kind}: ...",
            f"    def set{capitalised}(self, value: {kind}) -> Self: ...",
        ]
    return "\n".join([*lines, "", "def as_stub() -> str: ...", ""])


for _name, (_, _spec) in option_params().items():
    _define(OptionParams, _name, _spec)
