"""The errors that glove_spark raises on purpose, each with its exit code.

A message names the setting or file, its value, the rule that it breaks and the
remedy. The command line prints the message without a traceback and exits with
the class's code; anything else that escapes is a defect and exits with 1.
"""

from __future__ import annotations


class GloveSparkError(Exception):
    """Base of all errors of this package."""

    exit_code = 1


class ConfigurationError(GloveSparkError, ValueError):
    """A setting has the wrong type, breaks its rule or contradicts another."""

    exit_code = 2


class InputError(GloveSparkError):
    """The corpus or another given file is missing, empty or unreadable."""

    exit_code = 3


class EmptyInputError(InputError):
    """What was named is there, and holds no text."""


class UnknownWordError(InputError, KeyError):
    """A word that was asked for has no vector or no counts; a `KeyError` as gensim raises."""

    # a KeyError shows the repr of its argument
    __str__ = Exception.__str__


class OutputError(GloveSparkError):
    """The output folder cannot take the result: it is full, foreign or in use."""

    exit_code = 4


class StorageError(OutputError, OSError):
    """A disk, HDFS or object store refuses, or does not answer; an `OSError` too."""


class DatasetError(GloveSparkError):
    """A dataset of ours is incomplete, damaged, too new or made by other settings."""

    exit_code = 5


class SetupError(GloveSparkError):
    """Java, Spark or Python is missing, too old or does not start."""

    exit_code = 6


class DivergenceError(GloveSparkError):
    """Training produced a cost that is not finite or grows without bound."""

    exit_code = 7


class QualityError(GloveSparkError):
    """New vectors are worse than those that they would take the place of."""

    exit_code = 8


INTERRUPTED_EXIT_CODE = 130
"""What a run ended by Ctrl-C or SIGTERM exits with, as shells expect."""
