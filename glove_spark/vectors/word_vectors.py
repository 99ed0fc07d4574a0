"""Word vectors: neighbours, analogies, similarities. Methods have the same names as in gensim.

>>> import numpy as np
>>> vectors = WordVectors(["man", "woman", "king", "queen"],
...                       np.array([[0, 1], [0, -1], [1, 1], [1, -1]], np.float32))
>>> vectors.analogy("man", "king", "woman", topn=1)[0][0]
'queen'
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from glove_spark.errors import InputError, UnknownWordError
from glove_spark.exchange.formats import convert, open_vectors
from glove_spark.exchange.mapped_copy import open_mapped
from glove_spark.exchange.source import (
    MemorySource,
    VectorSource,
    checked,
    refuse_duplicates,
    repeated_positions,
    warn_of_dropped,
)
from glove_spark.exchange.text import FULL
from glove_spark.kernels.analogies import COSMUL_EPSILON, SMALLEST_NORM
from glove_spark.settings.vectors import VectorsFormatSettings
from glove_spark.store.location import Location
from glove_spark.vectors.spelling import unknown_word

Query: TypeAlias = "str | int | NDArray[np.float32] | tuple[Any, float]"
"""A word that has a vector, or a vector."""

BLOCK_ROWS = 1 << 16
"""Rows scored at once; of a matrix on disk, so many are in memory."""


class WordVectors:
    """Words and their vectors.

    Parameters
    ----------
    words
        The words in the order of ids, the most frequent first.
    vectors
        float32 (n, d), in memory or memory-mapped; it is not changed.
    """

    def __init__(self, words: Sequence[str], vectors: NDArray[np.float32]) -> None:
        if len(words) != len(vectors):
            raise ValueError(
                f"there are {len(words)} words but {len(vectors)} vectors; give one vector per word"
            )
        self.words = list(words)
        self.vectors = vectors

    @classmethod
    def load(
        cls,
        path: str | Location,
        format: str | None = None,
        *,
        side: str | None = None,
        vocab: str | Location | None = None,
        center: bool = False,
        cache: str | Location | None = None,
        repeated_words: str = VectorsFormatSettings.repeated_words,
        encoding_errors: str = VectorsFormatSettings.encoding_errors,
    ) -> WordVectors:
        """Load vectors from a file of any format, or from an output folder.

        ``.npy`` and safetensors files are memory-mapped. Other formats are read in chunks into one
        array, or copied to the folder ``cache``, from where they are memory-mapped.

        Parameters
        ----------
        path, format, side, vocab, center
            As in `glove_spark.exchange.formats.open_vectors`.
        cache
            A folder for a copy that can be memory-mapped; the first use writes the copy.
        repeated_words
            ``"first"``: use the first vector of a word that occurs several times, and warn, as
            gensim does; ``"refuse"``: raise an error.
        encoding_errors
            For words that are not UTF-8: ``"strict"`` raises an error, ``"replace"`` replaces the
            invalid bytes by U+FFFD, ``"skip"`` omits the words.

        Raises
        ------
        InputError
            If there are no vectors at ``path``, or the file is damaged.
        """
        if cache is not None:
            return cls.read(open_mapped(path, cache, format, side=side, vocab=vocab, center=center))
        source = open_vectors(
            path, format, side=side, vocab=vocab, encoding_errors=encoding_errors, center=center
        )
        return cls.read(source, repeated_words=repeated_words)

    @classmethod
    def read(cls, source: VectorSource, *, repeated_words: str = "first") -> WordVectors:
        """Read vectors from a source; memory-map them if possible."""
        vectors = source.matrix()
        if vectors is not None:
            words = [word for part in source.words() for word in part]
        else:
            words = []
            vectors = np.empty((source.num_words, source.vector_size), np.float32)
            for chunk in checked(source, repeated="first"):
                vectors[len(words) : len(words) + len(chunk.words)] = chunk.rows
                words += chunk.words
        repeated = repeated_positions(words) if len(set(words)) < len(words) else []
        if repeated and repeated_words == "refuse":
            refuse_duplicates(source, enumerate(words))
        dropped = {*repeated, *source.undecodable}
        if not dropped:
            return cls(words, vectors)
        warn_of_dropped(source, len(source.undecodable), len(dropped) - len(source.undecodable))
        kept = [position for position in range(len(words)) if position not in dropped]
        return cls([words[position] for position in kept], np.asarray(vectors[kept]))

    def save(
        self,
        path: str | Location,
        format: str | None = None,
        *,
        precision: str = FULL,
        overwrite: bool = False,
    ) -> None:
        """Write the vectors in any format, as `glove_spark.exchange.formats.convert` does."""
        source = MemorySource(self.words, self.vectors)
        convert(source, path, format, precision=precision, overwrite=overwrite)

    @property
    def index_to_key(self) -> list[str]:
        """The words, in order."""
        return self.words

    @cached_property
    def key_to_index(self) -> dict[str, int]:
        """Position of every word."""
        return {word: position for position, word in enumerate(self.words)}

    @property
    def vector_size(self) -> int:
        """Number of dimensions, d."""
        return int(self.vectors.shape[1])

    @cached_property
    def norms(self) -> NDArray[np.float32]:
        """Euclidean length of every vector, float32 (n,).

        Raises
        ------
        InputError
            If a vector is not finite.
        """
        found = np.empty(len(self), np.float32)
        for start in range(0, len(self), BLOCK_ROWS):
            rows = np.asarray(self.vectors[start : start + BLOCK_ROWS])
            found[start : start + len(rows)] = np.linalg.norm(rows, axis=1)
        if not np.isfinite(found).all():
            word = self.words[int(np.argmin(np.isfinite(found)))]
            raise InputError(
                f"the vector of {word!r} is not finite; make its file again, or choose another word"
            )
        return found

    def __contains__(self, word: object) -> bool:
        return word in self.key_to_index

    def __len__(self) -> int:
        return len(self.words)

    def __iter__(self) -> Iterator[str]:
        return iter(self.words)

    def __getitem__(self, key: str | int | Sequence[str | int]) -> NDArray[np.float32]:
        """Return the vector of a word or position, (d,), or the vectors of several, (n, d)."""
        if isinstance(key, (str, int, np.integer)):
            return self.get_vector(key)
        return np.stack([self.get_vector(word) for word in key])

    def index_of(self, word: str | int) -> int:
        """Return the position of a word; a position is returned unchanged.

        Raises
        ------
        UnknownWordError
            If the word has no vector; the message lists similar spellings.
        """
        if isinstance(word, (int, np.integer)):
            if not 0 <= word < len(self):
                raise UnknownWordError(
                    f"position={word} must be from 0 to {len(self) - 1:,}; give a word or a valid "
                    "position"
                )
            return int(word)
        position = self.key_to_index.get(word)
        if position is None:
            raise unknown_word(word, self.words, "with a vector")
        return position

    def get_vector(self, word: str | int, norm: bool = False) -> NDArray[np.float32]:
        """Return a copy of a word's vector, (d,); with ``norm`` scaled to length 1."""
        vector = np.array(self.vectors[self.index_of(word)], dtype=np.float32)
        return _unit(vector) if norm else vector

    def most_similar(
        self,
        positive: Query | Sequence[Query] = (),
        negative: Query | Sequence[Query] = (),
        topn: int | None = 10,
        restrict_vocab: int | None = None,
    ) -> Any:
        """Return the words nearest to ``positive`` minus ``negative`` (3CosAdd).

        Parameters
        ----------
        positive, negative
            A word, a position or a vector, or several of them. Each is scaled to length 1. In a
            pair ``(word, w)`` it is multiplied by w, which includes the sign, as in gensim. These
            words are not among the answers.
        topn
            The number of answers; None returns the cosines of all words instead, float32 (V,).
        restrict_vocab
            Consider only this number of the most frequent words as answers.

        Returns
        -------
        list
            Pairs of word and cosine, nearest first; of equal cosines, the more frequent word first.

        Raises
        ------
        UnknownWordError
            If a word has no vector.
        """
        added, taken = _queries(positive), _queries(negative)
        if not added and not taken:
            raise InputError("most_similar needs at least one word or vector; give one")
        query = np.zeros(self.vector_size, np.float32)
        for items, sign in ((added, 1.0), (taken, -1.0)):
            for item in items:
                word, weight = item if isinstance(item, tuple) else (item, sign)
                query += np.float32(weight) * self._unit_of(word)
        cosines = self._cosines(_unit(query), restrict_vocab)
        return cosines if topn is None else self._best(cosines, added + taken, topn)

    def most_similar_cosmul(
        self,
        positive: Query | Sequence[Query] = (),
        negative: Query | Sequence[Query] = (),
        topn: int | None = 10,
        restrict_vocab: int | None = None,
    ) -> Any:
        """Return words near to positive and far from negative words, by a product (3CosMul).

        Levy and Goldberg 2014: the product of the cosines to ``positive``, divided by the product
        of those to ``negative``, with cosines scaled to 0..1. Arguments are as in `most_similar`.
        """
        added, taken = _queries(positive), _queries(negative)
        if not added:
            raise InputError(
                "most_similar_cosmul needs at least one positive word or vector; give one"
            )
        if any(isinstance(item, tuple) for item in added + taken):
            raise InputError("most_similar_cosmul takes no weights; give words without weights")
        scores = np.ones(min(restrict_vocab or len(self), len(self)), np.float32)
        for item in added:
            scores *= (1 + self._cosines(self._unit_of(item), restrict_vocab)) / 2
        if taken:
            far = np.ones_like(scores)
            for item in taken:
                far *= (1 + self._cosines(self._unit_of(item), restrict_vocab)) / 2
            scores /= far + COSMUL_EPSILON
        return scores if topn is None else self._best(scores, added + taken, topn)

    def analogy(
        self, a: str, b: str, c: str, topn: int = 10, method: str = "3cosadd"
    ) -> list[tuple[str, float]]:
        """Answer "a is to b as c is to ?", best first; by ``3cosadd`` or ``3cosmul``."""
        answer = {"3cosadd": self.most_similar, "3cosmul": self.most_similar_cosmul}[method]
        found: list[tuple[str, float]] = answer([b, c], [a], topn)
        return found

    def similarity(self, first: str, second: str) -> float:
        """Return the cosine of two words."""
        cosine = self.get_vector(first, norm=True) @ self.get_vector(second, norm=True)
        return float(np.clip(cosine, -1, 1))

    def n_similarity(self, first: Iterable[str], second: Iterable[str]) -> float:
        """Return the cosine between the means of two sets of words."""
        one, other = (_unit(self[list(words)].mean(axis=0)) for words in (first, second))
        return float(np.clip(one @ other, -1, 1))

    def doesnt_match(self, words: Iterable[str]) -> str:
        """Return the word that is farthest from the mean of all, each at length 1."""
        given = list(words)
        if not given:
            raise InputError("doesnt_match needs at least one word; give a list of words")
        vectors = np.stack([self.get_vector(word, norm=True) for word in given])
        return given[int(np.argmin(vectors @ vectors.mean(axis=0)))]

    def _unit_of(self, item: Query) -> NDArray[np.float32]:
        if isinstance(item, (str, int, np.integer)):
            return self.get_vector(item, norm=True)
        return _unit(np.asarray(item, np.float32))

    def _cosines(
        self, unit: NDArray[np.float32], restrict_vocab: int | None
    ) -> NDArray[np.float32]:
        """Return the cosine of every word with a vector of length 1."""
        count = min(restrict_vocab or len(self), len(self))
        found = np.empty(count, np.float32)
        for start in range(0, count, BLOCK_ROWS):
            stop = min(start + BLOCK_ROWS, count)
            found[start:stop] = np.asarray(self.vectors[start:stop]) @ unit
        found /= np.maximum(self.norms[:count], SMALLEST_NORM)
        # rounding may exceed the bounds a little
        return np.clip(found, -1, 1, out=found)

    def _best(
        self, scores: NDArray[np.float32], asked: Sequence[Query], topn: int
    ) -> list[tuple[str, float]]:
        words = [item[0] if isinstance(item, tuple) else item for item in asked]
        own = [
            self.index_of(word)  # type: ignore[arg-type]
            for word in words
            if isinstance(word, (str, int, np.integer))
        ]
        own = [position for position in own if position < len(scores)]
        scores[own] = -np.inf
        count = min(topn, len(scores) - len(set(own)))
        if count <= 0:
            return []
        # all words at least as good as the last one, sorted by score and position
        least = np.partition(scores, len(scores) - count)[len(scores) - count]
        near = np.flatnonzero(scores >= least)
        best = near[np.argsort(-scores[near], kind="stable")][:count]
        return [(self.words[k], float(scores[k])) for k in best]


def _queries(given: Query | Sequence[Query]) -> list[Query]:
    one = isinstance(given, (str, int, np.integer))
    if one or (isinstance(given, np.ndarray) and given.ndim == 1):
        return [given]  # type: ignore[list-item]
    items = list(given)  # type: ignore[arg-type]
    for item in items:
        if isinstance(item, tuple) and not (len(item) == 2 and np.isscalar(item[1])):
            raise InputError(f"{item!r} must be a word, a vector or a pair (word, weight)")
    return items


def _unit(vector: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the vector at length 1; a zero vector stays zero."""
    norm = max(float(np.linalg.norm(vector)), SMALLEST_NORM)
    return np.asarray(vector / np.float32(norm), np.float32)
