"""The definition of an option: type, default, rule and help in one place.

A stage's configuration is a frozen dataclass whose fields are made by
:func:`option`. Command line, TOML reader, manifests and documents all read the
fields; none of them repeats a default or a rule.

>>> from dataclasses import dataclass
>>> @dataclass(frozen=True)
... class Example(Settings):
...     window_size: int = option(10, "words on each side", at_least(1))
>>> Example(window_size=0)
Traceback (most recent call last):
    ...
glove_spark.errors.ConfigurationError: window_size=0 must be at least 1
"""

from __future__ import annotations

import dataclasses
import math
import types
import typing
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar, Union

from glove_spark.errors import ConfigurationError

SettingsT = TypeVar("SettingsT", bound="Settings")


@dataclass(frozen=True)
class Rule:
    """A predicate on one value and the words that complete "<name>=<value> must ..."."""

    holds: Callable[[Any], bool]
    text: str
    choices: tuple[str, ...] = ()


def at_least(bound: float) -> Rule:
    """Accept numbers not below ``bound``."""
    return Rule(lambda value: value >= bound, f"be at least {bound}")


def above(bound: float) -> Rule:
    """Accept numbers greater than ``bound``."""
    return Rule(lambda value: value > bound, f"be greater than {bound}")


def between(low: float, high: float) -> Rule:
    """Accept numbers from ``low`` to ``high``, both included."""
    return Rule(lambda value: low <= value <= high, f"be from {low} to {high}")


def one_of(*choices: str) -> Rule:
    """Accept the given strings only."""
    return Rule(lambda value: value in choices, f"be one of {', '.join(choices)}", choices)


def matching(holds: Callable[[str], bool], text: str) -> Rule:
    """Accept values for which ``holds`` returns True; ``text`` completes "must ..."."""
    return Rule(holds, text)


def option(
    default: Any,
    help: str,
    rule: Rule | None = None,
    *,
    changes_result: bool = True,
    metavar: str | None = None,
    opposite: str | None = None,
    comma_separated: bool = False,
    external: bool = False,
    positional: bool = False,
    short: str | None = None,
    count: int | None = None,
) -> Any:
    """Define an option as a dataclass field.

    Parameters
    ----------
    default
        The value if none is given; ``dataclasses.MISSING`` makes the option required.
    help
        One line, for ``--help`` and the documents.
    rule
        The condition for a value; it is not applied to ``None`` in optional fields.
    changes_result
        False for options that only change what is shown or kept. A change of them does not
        make a complete dataset out of date.
    metavar
        The placeholder in ``--help``.
    opposite
        The flag that sets a boolean to False, if ``--no-name`` reads badly.
    comma_separated
        A repeated option whose values are given as ``A,B,C``.
    external
        A path whose content is an external input of the stage: a change of the content makes a
        complete dataset out of date, a new path of the same content does not.
    positional
        An argument of the command line without a flag.
    short
        A flag of one letter, in addition to the long one.
    count
        How many values a repeated option takes; by default one or more.
    """
    metadata = {
        "help": help,
        "rule": rule,
        "changes_result": changes_result,
        "metavar": metavar,
        "opposite": opposite,
        "comma_separated": comma_separated,
        "external": external,
        "positional": positional,
        "short": short,
        "count": count,
    }
    return field(default=default, metadata=metadata)


@dataclass(frozen=True)
class OptionSpec:
    """One option, for the command line, the TOML reader and the documentation."""

    name: str
    type: type
    optional: bool
    repeated: bool
    default: Any
    help: str
    rule: Rule | None
    changes_result: bool
    metavar: str | None
    opposite: str | None
    comma_separated: bool
    external: bool
    positional: bool
    short: str | None
    count: int | None

    @property
    def flag(self) -> str:
        """The long flag on the command line."""
        return "--" + self.name.replace("_", "-")

    def check(self, value: Any) -> Any:
        """Return ``value`` in the option's type, or raise `ConfigurationError`."""
        if value is None and self.optional:
            return None
        if self.repeated:
            if isinstance(value, str) or not isinstance(value, (list, tuple)):
                raise ConfigurationError(
                    f"{self.name}={value!r} must be a list; write [{value!r}] in Python or TOML"
                )
            if self.count is not None and len(value) != self.count:
                raise ConfigurationError(
                    f"{self.name}={' '.join(map(str, value))} must be {self.count} values; give "
                    f"{self.count}"
                )
            return tuple(self._check_one(item) for item in value)
        return self._check_one(value)

    def _check_one(self, value: Any) -> Any:
        wanted = self.type
        # in Python bool is an int, but `epochs = true` in a TOML file is a mistake
        if wanted is float and isinstance(value, int) and not isinstance(value, bool):
            value = float(value)
        if not isinstance(value, wanted) or (isinstance(value, bool) and wanted is not bool):
            raise ConfigurationError(f"{self.name}={value!r} must be of type {wanted.__name__}")
        if isinstance(value, float) and not math.isfinite(value):
            raise ConfigurationError(f"{self.name}={value!r} must be finite")
        if self.rule is not None and not self.rule.holds(value):
            raise ConfigurationError(f"{self.name}={value!r} must {self.rule.text}")
        return value


def _unwrap(annotation: Any) -> tuple[type, bool, bool]:
    """Split ``X``, ``X | None`` and ``tuple[X, ...]`` into (X, optional, repeated)."""
    optional = False
    if typing.get_origin(annotation) in (Union, types.UnionType):
        inner = [item for item in typing.get_args(annotation) if item is not type(None)]
        annotation, optional = inner[0], True
    if typing.get_origin(annotation) is tuple:
        return typing.get_args(annotation)[0], optional, True
    return annotation, optional, False


class Settings:
    """Base of the configuration dataclasses: checks every field when it is made."""

    def __post_init__(self) -> None:
        for spec in self.specs():
            checked = spec.check(getattr(self, spec.name))
            object.__setattr__(self, spec.name, checked)
        self.check_together()

    def check_together(self) -> None:
        """Check rules that concern several fields at once."""

    @classmethod
    def specs(cls) -> list[OptionSpec]:
        """List the options in the order of their definition."""
        hints = typing.get_type_hints(cls)
        found = []
        for item in dataclasses.fields(cls):  # type: ignore[arg-type]
            kind, optional, repeated = _unwrap(hints[item.name])
            found.append(
                OptionSpec(
                    name=item.name,
                    type=kind,
                    optional=optional,
                    repeated=repeated,
                    default=item.default,
                    **item.metadata,
                )
            )
        return found

    @classmethod
    def from_mapping(cls: type[SettingsT], values: Mapping[str, Any]) -> SettingsT:
        """Make settings from plain values; a name that is not an option is an error."""
        known = [spec.name for spec in cls.specs()]
        for name in values:
            if name not in known:
                raise ConfigurationError(
                    f"{name!r} is not an option of {cls.__name__}; use one of: {', '.join(known)}"
                )
        return cls(**values)

    def as_dict(self, *, only_result: bool = False) -> dict[str, Any]:
        """Return the values as JSON types.

        ``only_result`` omits options that change no bytes and paths that are identified by content.
        """
        return {
            spec.name: list(value) if isinstance(value, tuple) else value
            for spec in self.specs()
            if not only_result or (spec.changes_result and not spec.external)
            for value in [getattr(self, spec.name)]
        }
