"""Tokenizers: turn a column of text into a column of tokens, in the JVM.

Only a user's own function runs in Python.
"""

from __future__ import annotations

import importlib
import sys
import sysconfig
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

from py4j.protocol import Py4JError
from pyspark import cloudpickle
from pyspark.errors import PySparkException
from pyspark.sql import Column, SparkSession
from pyspark.sql import functions as F
from pyspark.sql.types import ArrayType, StringType

from glove_spark.errors import ConfigurationError, InputError

WORDS = r"[\p{L}\p{N}\p{M}]++(?:['’][\p{L}\p{N}\p{M}]++)*+"
"""Letters, digits and combining marks, with apostrophes inside: sufficient for ASCII text.

All repetitions are possessive, because Java's matcher recurses for each repetition of an ordinary
group, and a long run of apostrophes and letters would overflow its stack.
"""

INVISIBLE = "\u00ad\u2060\ufeff\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"
"""Format characters that do not change a word: soft hyphens, word joiners, direction marks. They
are removed before words are matched."""

_LETTER = r"[\p{L}\p{N}\p{M}]"

UNICODE_WORDS = (
    rf"{_LETTER}++(?:(?:['’\u00b7\u0387\u05f4\u2027]|[\u200c\u200d]++|"
    r"(?<=\p{IsHebrew})\"(?=\p{IsHebrew}))"
    rf"{_LETTER}++)*+"
)
"""Words, with the characters that UAX 29 allows inside words: the middle dot of Catalan, Hebrew
gershayim (or a double quote between Hebrew letters), the hyphenation point, and zero-width joiners
and non-joiners, which distinguish words in Persian or Malayalam."""

BUILT_IN = ("words", "whitespace")
"""Tokenizers that never return an empty token."""

WHITESPACE = r"[ \t\n\x0B\f\r]++"
"""The separators of words in the C program: only ASCII white space."""

PUNCTUATION = r"^[\p{Punct}\p{IsPunctuation}]++|[\p{Punct}\p{IsPunctuation}]++$"
"""Punctuation, of ASCII and Unicode, at either end of a token."""

SAMPLE = "A tokenizer is tried on this sentence, once."

_RUN = 50_000
_LONG_RUNS = tuple(unit * _RUN for unit in ("ab", "a1", "a'", "a-", "a.", ".-", "a "))
"""Texts on which patterns are tried, to find those that recurse once per character."""

Tokenizer = Callable[[Column], Column]
"""A function from a column of text to a column of array<string>, with possible empty strings."""


def make_tokenizer(spark: SparkSession, tokenizer: str) -> Tokenizer:
    """Return the tokenizer that the setting ``tokenizer`` names.

    Raises
    ------
    ConfigurationError
        If a pattern is not a Java regular expression, or a function cannot be imported or
        does not return a list of strings.
    """
    if tokenizer == "words":
        return _words
    if tokenizer == "whitespace":
        return _split_at_whitespace
    if tokenizer.startswith("regex:"):
        pattern = tokenizer[len("regex:") :]
        check_pattern(spark, pattern)
        return lambda text: F.regexp_extract_all(text, F.lit(pattern), F.lit(0))
    return _python_tokenizer(tokenizer)


def _words(text: Column) -> Column:
    visible = F.translate(text, INVISIBLE, "")
    unicode_words = F.regexp_extract_all(visible, F.lit(UNICODE_WORDS), F.lit(0))
    ascii_words = F.regexp_extract_all(text, F.lit(WORDS), F.lit(0))
    return F.when(is_ascii(text), ascii_words).otherwise(unicode_words)


def is_ascii(text: Column) -> Column:
    """Return whether text has one byte per character, without reading its characters."""
    return F.octet_length(text) == F.char_length(text)


def normalized(text: Column, form: str) -> Column:
    """Convert text to a Unicode normal form with Spark's ICU library; ASCII does not change.

    Parameters
    ----------
    form
        ``"none"``, ``"nfc"`` or ``"nfkc"``.
    """
    if form == "none":
        return text
    compatible = F.lit(form == "nfkc")
    compose = F.java_method(
        F.lit("com.ibm.icu.text.Normalizer"), F.lit("compose"), text, compatible
    )
    return F.when(is_ascii(text), text).otherwise(compose)


def _split_at_whitespace(text: Column) -> Column:
    other = text.rlike(r"[\t\n\x0B\f\r]")
    # cases that give empty tokens: separators at an end, two separators in a row, empty text
    empty = text.contains("  ") | text.startswith(" ") | text.endswith(" ") | (text == "")
    split = F.array_remove(F.split(text, WHITESPACE), "")
    # most text has only single spaces, and Java splits at one fixed character without a matcher
    return F.when(other | empty, split).otherwise(F.split(text, " "))


def check_pattern(spark: SparkSession, pattern: str) -> None:
    """Raise an error if a pattern is not valid for `java.util.regex`, or overflows its stack.

    For a repeated group, as in ``(?:a|b)+``, it recurses once per repetition. In a task, an
    overflow would end the whole Java process, so the pattern is tried here, where it does not.

    Raises
    ------
    ConfigurationError
        If ``pattern`` does not compile, or recurses too deep on a long run of characters.
    """
    jvm: Any = spark.sparkContext._jvm
    try:
        compiled = jvm.java.util.regex.Pattern.compile(pattern)
    except PySparkException as error:
        reason = str(error).splitlines()[0]
        raise ConfigurationError(
            f"tokenizer='regex:{pattern}' is not a valid Java regular expression: {reason}; "
            "correct the pattern"
        ) from None
    try:
        for text in _LONG_RUNS:
            compiled.matcher(text).find()
    except Py4JError as error:
        if "StackOverflowError" not in str(error):
            raise
        raise ConfigurationError(
            f"tokenizer='regex:{pattern}' overflows Java's stack on a long word; make repeated "
            "groups possessive, as in (?:...)*+, or use a character class"
        ) from None


def load_function(tokenizer: str) -> Callable[[str], list[str]]:
    """Import ``module:function`` and try it on a sentence.

    Raises
    ------
    ConfigurationError
        If it cannot be imported or called, or does not return a list of strings.
    """
    module_name, _, path = tokenizer.partition(":")
    # the console script does not add the current folder to the path, as `python -m` does
    if "" not in sys.path:
        sys.path.insert(0, "")
    try:
        function: Any = importlib.import_module(module_name)
        for name in path.split("."):
            function = getattr(function, name)
    except Exception as error:
        raise ConfigurationError(
            f"tokenizer={tokenizer!r} cannot be imported: {type(error).__name__}: {error}; check "
            "the names of module and function, and PYTHONPATH"
        ) from error
    try:
        tokens = function(SAMPLE)
    except Exception as error:
        raise ConfigurationError(
            f"tokenizer={tokenizer!r} fails on {SAMPLE!r}: {type(error).__name__}: {error}; "
            "correct the function"
        ) from error
    _check_tokens(tokenizer, tokens, ConfigurationError)
    checked: Callable[[str], list[str]] = function
    return checked


def source_of(tokenizer: str) -> bytes | None:
    """Return the source file of a user's tokenizer, so that a change of it is detected."""
    if tokenizer in BUILT_IN or tokenizer.startswith("regex:"):
        return None
    load_function(tokenizer)
    # built-in modules have no file
    path = getattr(sys.modules[tokenizer.partition(":")[0]], "__file__", None)
    return Path(path).read_bytes() if path else None


def _python_tokenizer(tokenizer: str) -> Tokenizer:
    function = load_function(tokenizer)

    def tokenize(text: str) -> list[str]:
        try:
            tokens = function(text)
        except Exception as error:
            raise InputError(
                f"tokenizer={tokenizer!r} fails on the document that begins {text[:40]!r}: "
                f"{type(error).__name__}: {error}; correct the function"
            ) from error
        _check_tokens(tokenizer, tokens, InputError)
        return tokens

    # workers may not find the user's module, so it is sent to them by value
    module = sys.modules[tokenizer.partition(":")[0]]
    if not _is_installed(module):
        register: Any = cloudpickle.register_pickle_by_value
        register(module)
    # pickled rows, not Arrow, which would need pandas
    return F.udf(tokenize, ArrayType(StringType(), False), useArrow=False)


def _check_tokens(tokenizer: str, tokens: object, kind: type[Exception]) -> None:
    if not isinstance(tokens, list) or not all(isinstance(token, str) for token in tokens):
        found = type(tokens).__name__
        if isinstance(tokens, list):
            wrong = next(token for token in tokens if not isinstance(token, str))
            found = f"list with a {type(wrong).__name__}"
        raise kind(
            f"tokenizer={tokenizer!r} returns a {found} but must return a list of str; correct the "
            "function"
        )


def _is_installed(module: ModuleType) -> bool:
    file = getattr(module, "__file__", None)
    if file is None:
        return True
    folders = {sysconfig.get_path(name) for name in ("stdlib", "platstdlib", "purelib", "platlib")}
    return any(Path(file).is_relative_to(folder) for folder in folders)
