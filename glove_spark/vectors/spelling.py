"""Find words whose spelling is similar to an unknown word."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress

from glove_spark.errors import UnknownWordError


def unknown_word(word: str, words: Sequence[str], kind: str) -> UnknownWordError:
    """Return the error for a word that is not in ``words``, which are of a ``kind``."""
    near = near_spellings(word, words)
    advice = f"; near spellings: {', '.join(near)}" if near else ""
    return UnknownWordError(f"word {word!r} is not among the {len(words):,} words {kind}{advice}")


def near_spellings(word: str, words: Sequence[str], limit: int = 5) -> list[str]:
    """Return the words that differ from ``word`` by a few typing errors, nearest first.

    An error is an inserted, missing or wrong letter, or two swapped letters (optimal string
    alignment). Case is ignored. Words of up to 4 letters may differ by one error, of up to 8 by
    two, longer ones by three. Words of the same distance stay in order of frequency.

    >>> near_spellings("tyrany", ["liberty", "tyrant", "tyranny", "TYRANY"])
    ['TYRANY', 'tyrant', 'tyranny']
    """
    # the driver of a cluster may lack it; suggestions are not important enough for an error
    with suppress(ImportError):
        from rapidfuzz.distance import OSA
        from rapidfuzz.process import extract_iter

        wanted = word.casefold()
        allowed = 1 if len(wanted) <= 4 else 2 if len(wanted) <= 8 else 3
        # an empty word is similar to every short one
        choices = (other.casefold() or None for other in words)
        near = extract_iter(wanted, choices, scorer=OSA.distance, score_cutoff=allowed)
        found = sorted((distance, position) for _, distance, position in near)
        return [words[position] for _, position in found[:limit]]
    return []
