"""The file formats of vectors: names, readers, writers, and the words that each can represent.

>>> format_of("vectors.vec").name
'word2vec'
>>> format_of("vectors.txt.gz").name
'glove'
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

from pyarrow import fs

from glove_spark.datasets.vocabulary import FILE as WORDS_FILE
from glove_spark.errors import ConfigurationError, InputError, OutputError
from glove_spark.exchange.c_program import CParametersSource
from glove_spark.exchange.centered import centered
from glove_spark.exchange.gensim_file import SUFFIX as GENSIM
from glove_spark.exchange.gensim_file import GensimSource
from glove_spark.exchange.model import ModelSource
from glove_spark.exchange.numpy_file import NumpySource, write_numpy
from glove_spark.exchange.parquet import ParquetSource, write_parquet_file
from glove_spark.exchange.projector import ProjectorSource, write_projector
from glove_spark.exchange.safetensors import SafetensorsSource, write_safetensors
from glove_spark.exchange.source import (
    Chunk,
    RepeatedWordError,
    UndecodableWordsError,
    VectorSource,
    first_of_each,
)
from glove_spark.exchange.streams import GZIP, head_of
from glove_spark.exchange.text import FULL, TextSource, write_text
from glove_spark.exchange.word2vec_binary import BinarySource, is_binary, write_binary
from glove_spark.settings.stages import COMBINATIONS
from glove_spark.settings.vectors import VectorsFormatSettings
from glove_spark.store.compression import ENDINGS
from glove_spark.store.dataset import MARKER, open_dataset
from glove_spark.store.location import Location
from glove_spark.store.manifest import Manifest
from glove_spark.store.versions import resolved

MOST_DECIMALS = 17
"""More decimals have no meaning for a float."""


@dataclass(frozen=True)
class Format:
    """One format.

    Attributes
    ----------
    name, suffix
        Its name, and the ending of its files.
    content
        The content of a file, for messages.
    forbidden
        Characters that words must not contain, as the inside of brackets in a regular expression.
    read
        Opens a file.
    write
        Writes all words of a source: source, target, precision.
    packed
        Whether files may be compressed with gzip.
    """

    name: str
    suffix: str
    content: str
    forbidden: str
    read: Callable[..., VectorSource]
    write: Callable[[VectorSource, Location, str], None]
    packed: bool = False
    holds_bytes: bool = False
    """Whether files contain words as bytes, which may not be UTF-8."""

    def export(self, source: VectorSource, target: Location, precision: str) -> None:
        """Write ``source`` to ``target``.

        Raises
        ------
        InputError
            If the source is damaged, or the format cannot represent a word; then the target is
            unchanged.
        """
        self.write(_HoldableSource(source, self), target, precision)


class _HoldableSource(VectorSource):
    """A source that raises an error for words that a format cannot represent."""

    def __init__(self, source: VectorSource, target: Format) -> None:
        self.shown, self.num_words = source.shown, source.num_words
        self.vector_size = source.vector_size
        self.words, self.place = source.words, source.place  # type: ignore[method-assign]
        # the same list, which is filled while the source is read
        self.undecodable = source.undecodable
        self._source, self._target = source, target

    def chunks(self) -> Iterator[Chunk]:
        forbidden = re.compile(f"[{self._target.forbidden}]" if self._target.forbidden else "(?!)")
        position = 0
        for chunk in self._source.chunks():
            if forbidden.search("".join(chunk.words)) is not None:
                number = next(k for k, word in enumerate(chunk.words) if forbidden.search(word))
                able = [kind.name for kind in FORMATS.values() if not kind.forbidden]
                raise InputError(
                    f"word {chunk.words[number]!r} ({self.place(position + number)} of "
                    f"{self.shown}) contains white space, which {self._target.content} cannot "
                    f"represent; write {' or '.join(able)}"
                )
            position += len(chunk.words)
            yield chunk


_ANY_BLANK = r" \t\n\v\f\r"

FORMATS: dict[str, Format] = {
    kind.name: kind
    for kind in (
        Format(
            "glove",
            ".txt",
            "GloVe text",
            _ANY_BLANK,
            TextSource,
            partial(write_text, header=False),
            packed=True,
            holds_bytes=True,
        ),
        Format(
            "word2vec",
            ".vec",
            "word2vec text",
            _ANY_BLANK,
            TextSource,
            partial(write_text, header=True),
            packed=True,
            holds_bytes=True,
        ),
        Format(
            "word2vec-binary",
            ".bin",
            "word2vec binary",
            r" \n",
            BinarySource,
            write_binary,
            packed=True,
            holds_bytes=True,
        ),
        Format(
            "parquet",
            ".parquet",
            "Parquet word, vector",
            "",
            lambda location: ParquetSource(location.shown, [location]),
            write_parquet_file,
        ),
        Format(
            "npy", ".npy", "a numpy matrix and a file of words", r"\n\r", NumpySource, write_numpy
        ),
        Format(
            "safetensors",
            ".safetensors",
            "safetensors",
            "",
            SafetensorsSource,
            write_safetensors,
        ),
        Format(
            "projector",
            ".tsv",
            "TensorBoard projector, two files",
            r"\t\n\r",
            ProjectorSource,
            write_projector,
        ),
    )
}
"""All formats by name."""


def format_of(path: str | Location, name: str | None = None, *, reading: bool = False) -> Format:
    """Find the format by its name, or by the ending of the file; otherwise it is text.

    Parameters
    ----------
    reading
        Whether the file is read. Several compressions can be read, but only gzip is written.

    Raises
    ------
    ConfigurationError
        If there is no format with this name, or the format of this ending cannot be compressed.
    """
    if name is not None:
        if name not in FORMATS:
            raise ConfigurationError(f"format={name!r} must be one of {', '.join(FORMATS)}")
        return FORMATS[name]
    file = Location.of(path).name
    packing = next((ending for ending in ENDINGS if file.endswith(ending)), "")
    if packing not in ("", GZIP) and not reading:
        raise ConfigurationError(f"{file}: vectors are compressed by gzip only; end it in {GZIP}")
    bare = file.removesuffix(packing)
    found = next((kind for kind in FORMATS.values() if bare.endswith(kind.suffix)), None)
    if found is None:
        return FORMATS["glove"]
    if bare != file and not found.packed:
        raise ConfigurationError(
            f"{file} is {found.content}, which cannot be compressed; omit {packing}"
        )
    return found


def open_vectors(
    path: str | Location,
    format: str | None = None,
    *,
    side: str | None = None,
    vocab: str | Location | None = None,
    encoding_errors: str = VectorsFormatSettings.encoding_errors,
    center: bool = False,
) -> VectorSource:
    """Open vectors: a file of any format, a dataset ``vectors``, or an output folder.

    ``DIR/current`` is resolved once, so another version may be published meanwhile.

    Parameters
    ----------
    format
        A name in `FORMATS`; by default it follows from the ending of the file.
    side
        ``"sum"``, ``"word"``, ``"context"`` or ``"concat"``: take them from the model of an output
        folder, or from the C program's parameters; by default what was exported, or their sum.
    vocab
        The ``vocab.txt`` of the C program; ``path`` then contains the parameters of this program.
    encoding_errors
        For words that are not UTF-8 in text and word2vec files: ``"strict"`` raises an error,
        ``"replace"`` inserts U+FFFD, ``"skip"`` lists them in `undecodable` of the source.
    center
        Subtract the mean vector of all words from every vector; this reads the vectors once more.

    Raises
    ------
    InputError
        If there are no vectors, or they are damaged.
    ConfigurationError
        If ``side`` is given for vectors that have only one.
    """
    found = _open(path, format, side, vocab, encoding_errors)
    return centered(found) if center else found


def _open(
    path: str | Location,
    format: str | None,
    side: str | None,
    vocab: str | Location | None,
    encoding_errors: str,
) -> VectorSource:
    if side is not None and side not in COMBINATIONS:
        raise ConfigurationError(f"side={side!r} must be one of {', '.join(COMBINATIONS)}")
    location = resolved(Location.of(path))
    if vocab is not None:
        return CParametersSource(location, Location.of(vocab), side or "sum")
    kind = location.kind()
    if kind == fs.FileType.NotFound:
        raise InputError(
            f"{location.shown} does not exist; name an output folder or a file of vectors"
        )
    if kind == fs.FileType.Directory:
        if (location / "model.manifest.json").exists() and side is not None:
            return ModelSource(location, side)
        found: VectorSource = _open_folder(location)
    elif format is None and location.name.endswith(GENSIM):
        found = GensimSource(location)
    else:
        chosen = format_of(location, format, reading=True)
        if kind != fs.FileType.File:
            raise InputError(
                f"{location.shown} is a pipe or a device, and vectors are read several times; "
                "write them to a file first"
            )
        head = head_of(location, numpy=chosen.name == "npy")
        if format is None and chosen.holds_bytes:
            binary = is_binary(head)
            if binary is not None:
                chosen = FORMATS["word2vec-binary" if binary else "word2vec"]
        if chosen.holds_bytes and encoding_errors != "strict":
            found = chosen.read(location, encoding_errors)
        else:
            found = chosen.read(location)
    if side is not None:
        raise ConfigurationError(
            f"side={side} needs a model, but {location.shown} contains exported vectors; "
            "name an output folder with a model, or omit --side"
        )
    return found


def _open_folder(location: Location) -> ParquetSource:
    if (location / "vectors.manifest.json").exists():
        location = location / "vectors"
    elif Manifest.read(location) is None:
        files = [
            location / info.base_name
            for info in location.walk(recursive=False)
            if info.base_name.endswith(".parquet") and not info.base_name.startswith((".", "_"))
        ]
        if files:
            return ParquetSource(location.shown, files)
        if (location / "metadata").exists() and (location / "data").exists():
            # a saved Word2VecModel of pyspark.ml has its words and vectors in such a folder
            return _open_folder(location / "data")
        if (location / MARKER).exists():
            location = location / "vectors"
    # a model and a vocabulary have such files of words, without vectors
    parts = [file for file in open_dataset(location).files(".parquet") if file.name != WORDS_FILE]
    if not parts:
        raise InputError(
            f"{location.shown} is not a dataset of vectors; name an output folder, or the dataset "
            "vectors in it"
        )
    return ParquetSource(location.shown, parts)


def convert(
    source: VectorSource,
    target: str | Location,
    format: str | None = None,
    *,
    precision: str = FULL,
    overwrite: bool = False,
    repeated: str = "refuse",
) -> Format:
    """Write vectors in another format, a chunk at a time.

    Parameters
    ----------
    precision
        For text: ``"full"``, the fewest digits that give the same float32, or the number of
        decimals.
    repeated
        ``"first"`` writes the first vector of a word that occurs several times, with one warning;
        ``"refuse"`` raises an error.

    Returns
    -------
    Format
        The format of the file.

    Raises
    ------
    OutputError
        If the target exists and ``overwrite`` is not set.
    """
    if precision != FULL and not (precision.isdecimal() and int(precision) <= MOST_DECIMALS):
        raise ConfigurationError(
            f"precision={precision!r} must be full, or a number of decimals from 0 to "
            f"{MOST_DECIMALS}"
        )
    location = Location.of(target)
    chosen = format_of(location, format)
    kind = location.kind()
    if kind == fs.FileType.Directory:
        raise OutputError(f"{location.shown} is a folder; name a file")
    if kind != fs.FileType.NotFound and not overwrite:
        raise OutputError(f"{location.shown} exists; give --overwrite or another name")
    location.parent.make_folder()
    try:
        chosen.export(source, location, precision)
    except (RepeatedWordError, UndecodableWordsError):
        if repeated == "refuse" and not source.undecodable:
            raise
        # checked last, because it reads all words
        chosen.export(first_of_each(source, repeated=repeated), location, precision)
    return chosen
