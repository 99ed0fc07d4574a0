"""Tokenizers for scripts without spaces between words, for ``--tokenizer module:function``.

The extra `cjk` must be installed on the executors: ``pip install 'glove_spark[cjk]'``.
"""

from __future__ import annotations

import unicodedata
from functools import lru_cache
from typing import Any

from glove_spark.extras import require

_SCRIPTS = ("CJK", "HIRAGANA", "KATAKANA", "THAI", "LAO", "KHMER", "MYANMAR", "TIBETAN")


def is_written_without_blanks(letter: str) -> bool:
    """Return whether a letter belongs to a script without spaces between words.

    >>> [is_written_without_blanks(letter) for letter in ("東", "ข", "a", "가")]
    [True, True, False, False]
    """
    return unicodedata.name(letter, "").startswith(_SCRIPTS)


def chinese(text: str) -> list[str]:
    """Segment Chinese into words with jieba; drop spaces and punctuation."""
    cut = require("jieba", "cjk", "tokenizer=glove_spark.corpus.segmenters:chinese").cut
    return [word for word in cut(text) if _is_word(word)]


def japanese(text: str) -> list[str]:
    """Segment Japanese into words with Janome, keep their written form, and drop punctuation."""
    return [word for word in _janome().tokenize(text, wakati=True) if _is_word(word)]


@lru_cache(maxsize=1)
def _janome() -> Any:
    module = require("janome.tokenizer", "cjk", "tokenizer=glove_spark.corpus.segmenters:japanese")
    return module.Tokenizer()


def _is_word(word: str) -> bool:
    return any(letter.isalnum() for letter in word)
