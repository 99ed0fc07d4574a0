"""The options of commands that read vectors, defined in the same way as those of the stages."""

from __future__ import annotations

from dataclasses import MISSING, dataclass

from glove_spark.errors import ConfigurationError
from glove_spark.settings.option import Settings, at_least, between, one_of, option
from glove_spark.settings.stages import COMBINATIONS


@dataclass(frozen=True, kw_only=True)
class VectorsFormatSettings(Settings):
    """How to read a file of vectors."""

    format: str | None = option(
        None, "the format of the file, if its extension does not tell it", metavar="NAME"
    )
    vocab: str | None = option(
        None,
        "the C program's vocab.txt; needed if the file contains the C program's binary parameters "
        "(float64)",
        metavar="FILE",
    )
    repeated_words: str = option(
        "first",
        "if a word has several vectors: use its first vector and warn (first), or stop with an "
        "error (refuse)",
        one_of("first", "refuse"),
    )
    encoding_errors: str = option(
        "strict",
        "if a word is not valid UTF-8: stop with an error (strict), replace the invalid bytes by "
        "U+FFFD (replace), or omit the word and warn (skip)",
        one_of("strict", "replace", "skip"),
    )


@dataclass(frozen=True, kw_only=True)
class VectorsSettings(VectorsFormatSettings):
    """The vectors to read."""

    vectors: str = option(
        MISSING,
        "the vectors to read: an output folder, or a file in any format that convert reads",
        metavar="PATH",
    )


@dataclass(frozen=True, kw_only=True)
class QuestionsSettings(Settings):
    """The questions that vectors are scored with."""

    analogies: str | None = option(
        None,
        "analogy questions: a file, or a folder of .txt files, with four words per line; files "
        "whose names begin with gram count as syntactic, others as semantic",
        metavar="PATH",
    )
    similarity: tuple[str, ...] = option(
        (),
        "word similarities: files, or folders of .txt files, with 'word word score' on each line",
        metavar="PATH",
    )


@dataclass(frozen=True, kw_only=True)
class EvaluateSettings(QuestionsSettings, VectorsSettings):
    """What to score, and how."""

    missing: str = option(
        "skip",
        "if a word of a question or pair has no vector: omit the question (skip), or count an "
        "analogy as wrong and a similarity as cosine 0 (wrong)",
        one_of("skip", "wrong"),
    )
    sides: tuple[str, ...] = option(
        (),
        "score these vectors of a model and show them side by side: sum (word + context vector), "
        "word, context, or concat (both concatenated); default: the exported vectors",
        one_of(*COMBINATIONS),
    )
    center: bool = option(False, "subtract the mean vector of all words before scoring")
    keep_case: bool = option(False, "do not convert the words of the questions to lower case")
    json: bool = option(False, "print JSON instead of a table")
    on_spark: bool = option(False, "distribute the work with Spark, for millions of words")
    master: str | None = option(None, "the Spark master, with --on-spark", metavar="URL")

    def check_together(self) -> None:
        """Check that there are questions, and that ``master`` comes with ``on_spark``."""
        if not self.analogies and not self.similarity:
            raise ConfigurationError("nothing to score; give --analogies PATH or --similarity PATH")
        if self.master and not self.on_spark:
            raise ConfigurationError(
                f"master={self.master} has no effect without --on-spark; add --on-spark, or omit "
                "--master"
            )


@dataclass(frozen=True, kw_only=True)
class NeighborsSettings(VectorsSettings):
    """The words whose neighbours to list."""

    words: tuple[str, ...] = option(
        MISSING, "the words whose neighbours to list", metavar="WORD", positional=True
    )
    cache: str | None = option(
        None,
        "keep a memory-mapped copy of the vectors in this folder; the first use writes the copy, "
        "and later uses start faster",
        metavar="DIR",
    )
    number: int = option(
        10, "the number of neighbours to list", at_least(1), short="-n", metavar="N"
    )


@dataclass(frozen=True, kw_only=True)
class AnalogySettings(NeighborsSettings):
    """The analogy to answer."""

    words: tuple[str, ...] = option(
        MISSING,
        "the three words A, B and C of the question: A is to B as C is to which word?",
        metavar="WORD",
        positional=True,
        count=3,
    )
    method: str = option(
        "3cosadd",
        "the scoring method: add cosines (3cosadd) or multiply them (3cosmul)",
        one_of("3cosadd", "3cosmul"),
    )


@dataclass(frozen=True, kw_only=True)
class RatioSettings(Settings):
    """The words whose co-occurrence probabilities to compare."""

    i: str = option(MISSING, "the first word, such as ice", metavar="I", positional=True)
    j: str = option(MISSING, "the second word, such as steam", metavar="J", positional=True)
    probes: tuple[str, ...] = option(
        MISSING,
        "context words, such as solid, gas, water",
        metavar="K",
        positional=True,
    )
    counts: str = option(
        MISSING, "an output folder with the datasets vocabulary and cooccurrence", metavar="DIR"
    )


@dataclass(frozen=True, kw_only=True)
class PageSettings(QuestionsSettings):
    """What the report page shows."""

    reuse: str | None = option(
        None,
        "read datasets that are missing in the output folder from this output folder",
        metavar="DIR",
    )
    title: str = option("", "the title of the page; default: the name of the folder")
    neighbors: tuple[str, ...] = option(
        (),
        "list the nearest neighbours of these words; default: words chosen from the vocabulary",
        metavar="WORD",
    )
    ratio: tuple[str, ...] = option(
        (),
        "words I J K...: show P(K|I) / P(K|J) for every K; default: the paper's example, ice and "
        "steam",
        metavar="WORD",
    )
    map: str = option(
        "auto",
        "how to place words on the map; auto is UMAP if it is installed "
        "(pip install 'glove_spark[umap]'), otherwise PCA",
        one_of("auto", "umap", "pca"),
    )
    # browsers draw one dot per word, and the page needs about 160 bytes per word
    map_words: int = option(
        3000, "show this number of the most frequent words on the map", between(2, 10_000)
    )
    seed: int = option(1, "the random seed of UMAP", between(0, 2**32 - 1))
    compare_with: str | None = option(
        None,
        "show new words, and words that moved since these older vectors: an output folder, or a "
        "file in any format that convert reads",
        metavar="OLD",
    )
    keep_case: bool = option(False, "do not convert the words of the questions to lower case")

    def check_together(self) -> None:
        """Check that a ratio has at least three words."""
        if 0 < len(self.ratio) < 3:
            raise ConfigurationError(
                f"ratio={' '.join(self.ratio)} must be at least three words: I, J and one or more "
                "K; add words, or omit --ratio"
            )


@dataclass(frozen=True, kw_only=True)
class ReportSettings(PageSettings):
    """The folder to report on, and the page to write."""

    folder: str = option(MISSING, "the output folder to report on", metavar="DIR", positional=True)
    output: str | None = option(
        None, "the file to write; default: report.html in DIR", metavar="FILE"
    )


@dataclass(frozen=True, kw_only=True)
class PlotNeighborsSettings(VectorsSettings):
    """The words to draw, and how."""

    words: tuple[str, ...] = option(
        MISSING, "the words to draw; each gets its own files", metavar="WORD", positional=True
    )
    number: int = option(
        12, "the number of neighbours to draw", at_least(1), short="-n", metavar="N"
    )
    output: str = option(".", "the folder to write the pictures to", metavar="DIR")
    theme: str = option(
        "both",
        "the colours of PNG files; HTML files follow the browser's theme, and the reader can "
        "switch it",
        one_of("light", "dark", "both"),
    )
    only: str | None = option(
        None, "write only HTML files or only PNG files; default: both", one_of("html", "png")
    )


@dataclass(frozen=True, kw_only=True)
class MovedWordsSettings(Settings):
    """Which of the words that moved are listed."""

    number: int = option(
        20,
        "list at most this number of words that moved, and of new words",
        at_least(1),
        short="-n",
        metavar="N",
    )
    among: int = option(
        10_000,
        "look for words that moved only among this number of the most frequent words",
        at_least(1),
    )


@dataclass(frozen=True, kw_only=True)
class DriftSettings(MovedWordsSettings):
    """The two sets of vectors to compare."""

    old: str = option(
        MISSING,
        "the older vectors: an output folder, or a file in any format that convert reads",
        metavar="OLD",
        positional=True,
    )
    new: str = option(
        MISSING, "the newer vectors: also a folder or file", metavar="NEW", positional=True
    )
    json: bool = option(False, "print JSON instead of text")


@dataclass(frozen=True, kw_only=True)
class WrittenVectorsSettings(Settings):
    """How to write vectors."""

    to: str | None = option(
        None, "the format of TARGET, if its extension does not tell it", metavar="NAME"
    )
    precision: str = option(
        "full",
        "text formats: write as many digits as are needed to read back the same float32 (full), "
        "or this number of decimals; the C program writes 6",
        metavar="full|N",
    )
    overwrite: bool = option(False, "replace TARGET if it exists")


@dataclass(frozen=True, kw_only=True)
class ConvertSettings(WrittenVectorsSettings, VectorsFormatSettings):
    """What to convert, and to which format."""

    source: str = option(
        MISSING,
        "the vectors to convert: an output folder, or a file",
        metavar="SOURCE",
        positional=True,
    )
    target: str = option(MISSING, "the file to write", metavar="TARGET", positional=True)
    side: str | None = option(
        None,
        "of the model in an output folder, take sum (word + context vector), word, context, or "
        "concat (both concatenated); default: the exported vectors",
        one_of(*COMBINATIONS),
    )
    center: bool = option(False, "subtract the mean vector of all words from every vector")


@dataclass(frozen=True, kw_only=True)
class AlignSettings(WrittenVectorsSettings, MovedWordsSettings):
    """The vectors to align."""

    old: str = option(
        MISSING,
        "the vectors to align to: an output folder, or a file in any format that convert reads",
        metavar="OLD",
        positional=True,
    )
    new: str = option(
        MISSING,
        "the vectors to rotate: also a folder or file",
        metavar="NEW",
        positional=True,
    )
    target: str = option(
        MISSING, "the file to write the rotated vectors to", metavar="TARGET", positional=True
    )
