"""The errors that glove_spark raises on purpose, each with its exit code.

A message names the setting or file, its value, the rule that it breaks and the
remedy. The command line prints the message without a traceback and exits with
the code of the class. Any other exception is a bug, and the exit code is 1.
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
    """The given input exists but contains no text."""


class UnknownWordError(InputError, KeyError):
    """A requested word has no vector or no counts; also a `KeyError`, as in gensim."""

    # a KeyError shows the repr of its argument
    __str__ = Exception.__str__


class OutputError(GloveSparkError):
    """The output folder cannot be written: it is full, in use, or has files of other programs."""

    exit_code = 4


class StorageError(OutputError, OSError):
    """A disk, HDFS or object store refuses a request or does not answer; also an `OSError`."""


class DatasetError(GloveSparkError):
    """A dataset is incomplete, damaged, too new or made with other settings."""

    exit_code = 5


class SetupError(GloveSparkError):
    """Java, Spark or Python is missing, too old or does not start."""

    exit_code = 6


class DivergenceError(GloveSparkError):
    """The cost of training is not finite, or grows without bound."""

    exit_code = 7


class QualityError(GloveSparkError):
    """New vectors are worse than those that they would replace."""

    exit_code = 8


INTERRUPTED_EXIT_CODE = 130
"""The exit code of a run that Ctrl-C or SIGTERM ended, as shells expect."""
