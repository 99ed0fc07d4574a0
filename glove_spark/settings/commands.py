"""The options of the commands beside the stages, defined as those of the stages are.

Each class has the options of one command, or of several that share them. The functions behind the
commands take their defaults from here.
"""

from __future__ import annotations

from dataclasses import MISSING, dataclass

from glove_spark.errors import ConfigurationError
from glove_spark.settings.option import Settings, at_least, between, one_of, option
from glove_spark.settings.stages import COMBINATIONS, TrainSettings, metrics_option


@dataclass(frozen=True, kw_only=True)
class VectorsFormatSettings(Settings):
    """What a file of vectors is."""

    format: str | None = option(
        None, "the file's format, where its ending does not say it", metavar="NAME"
    )
    vocab: str | None = option(
        None,
        "vocab.txt: the file holds parameters of the C program, float64",
        metavar="FILE",
    )
    repeated_words: str = option(
        "first",
        "of a word that has several vectors, take the first with a warning (first), or refuse the "
        "file",
        one_of("first", "refuse"),
    )
    encoding_errors: str = option(
        "strict",
        "words that are not UTF-8: refuse the file (strict), put U+FFFD for what is none "
        "(replace), or leave them out with a warning (skip)",
        one_of("strict", "replace", "skip"),
    )


@dataclass(frozen=True, kw_only=True)
class VectorsSettings(VectorsFormatSettings):
    """Which vectors a command reads."""

    vectors: str = option(
        MISSING, "an output folder, or a file in any format that convert reads", metavar="PATH"
    )


@dataclass(frozen=True, kw_only=True)
class QuestionsSettings(Settings):
    """The questions by which vectors are scored."""

    analogies: str | None = option(
        None,
        "a file, or a folder of .txt files, with four words per line; files whose names begin "
        "with gram are syntactic",
        metavar="PATH",
    )
    similarity: tuple[str, ...] = option(
        (), "files of 'word word score', or folders of .txt files", metavar="PATH"
    )


@dataclass(frozen=True, kw_only=True)
class EvaluateSettings(QuestionsSettings, VectorsSettings):
    """What is scored, and how."""

    missing: str = option(
        "skip",
        "a question or pair with a word that has no vector is left out (skip), or counts as "
        "answered wrongly and as of cosine 0 (wrong)",
        one_of("skip", "wrong"),
    )
    sides: tuple[str, ...] = option(
        (),
        "score these vectors of a model side by side: word + context, word or context vectors, "
        "or concat (both, one after the other); default: the vectors that were exported",
        one_of(*COMBINATIONS),
    )
    center: bool = option(False, "subtract the mean vector of all words first")
    keep_case: bool = option(False, "ask for words in the case they are written in")
    json: bool = option(False, "print JSON instead of a table")
    on_spark: bool = option(False, "spread the work over Spark's tasks, for millions of words")
    master: str | None = option(None, "Spark's master, with --on-spark", metavar="URL")

    def check_together(self) -> None:
        """Check that there is something to score."""
        if not self.analogies and not self.similarity:
            raise ConfigurationError("nothing to score; give --analogies PATH or --similarity PATH")
        if self.master and not self.on_spark:
            raise ConfigurationError(f"master={self.master} is of use with --on-spark only")


@dataclass(frozen=True, kw_only=True)
class NeighborsSettings(VectorsSettings):
    """Which words are asked for."""

    words: tuple[str, ...] = option(MISSING, "words", metavar="WORD", positional=True)
    cache: str | None = option(
        None,
        "map a copy of the vectors in this folder into memory instead of reading them; the copy "
        "is made the first time",
        metavar="DIR",
    )
    number: int = option(10, "how many words to list", at_least(1), short="-n", metavar="N")


@dataclass(frozen=True, kw_only=True)
class AnalogySettings(NeighborsSettings):
    """The analogy that is asked for."""

    words: tuple[str, ...] = option(
        MISSING, "A, B and C: A is to B as C is to ?", metavar="WORD", positional=True, count=3
    )
    method: str = option(
        "3cosadd", "add cosines (3cosadd) or multiply them", one_of("3cosadd", "3cosmul")
    )


@dataclass(frozen=True, kw_only=True)
class RatioSettings(Settings):
    """The words whose co-occurrence probabilities are compared."""

    i: str = option(MISSING, "a word", metavar="I", positional=True)
    j: str = option(MISSING, "another word", metavar="J", positional=True)
    probes: tuple[str, ...] = option(
        MISSING, "words that occur with both", metavar="K", positional=True
    )
    counts: str = option(
        MISSING, "an output folder with the datasets vocabulary and cooccurrence", metavar="DIR"
    )


@dataclass(frozen=True, kw_only=True)
class PageSettings(QuestionsSettings):
    """What a report shows."""

    reuse: str | None = option(None, "where to find datasets that the folder lacks", metavar="DIR")
    title: str = option("", "the page's title; default: the folder's name")
    neighbors: tuple[str, ...] = option(
        (), "list the neighbours of these words; default: some are chosen", metavar="WORD"
    )
    ratio: tuple[str, ...] = option(
        (),
        "words I J K...: the ratios of P(K|I) and P(K|J); default: those of ice and steam",
        metavar="WORD",
    )
    map: str = option(
        "auto",
        "how words are placed on the map; auto is UMAP where it is installed "
        "(pip install 'glove_spark[umap]'), and else PCA",
        one_of("auto", "umap", "pca"),
    )
    # browsers draw a dot per word, and the page takes some 160 bytes per word
    map_words: int = option(
        3000, "how many of the most frequent words are on the map", between(2, 10_000)
    )
    seed: int = option(1, "UMAP's seed", between(0, 2**32 - 1))
    compare_with: str | None = option(
        None,
        "show what moved since, and new words: an output folder, or vectors in any format",
        metavar="OLD",
    )
    keep_case: bool = option(False, "ask questions in the case they are written in")

    def check_together(self) -> None:
        """Check that a ratio has the words it needs."""
        if 0 < len(self.ratio) < 3:
            raise ConfigurationError(
                f"ratio={' '.join(self.ratio)} must be at least three words: I, J and one or more K"
            )


@dataclass(frozen=True, kw_only=True)
class ReportSettings(PageSettings):
    """Which folder is reported on, and where the page goes."""

    folder: str = option(MISSING, "an output folder", metavar="DIR", positional=True)
    output: str | None = option(
        None, "the page to write; default: report.html in DIR", metavar="FILE"
    )


@dataclass(frozen=True, kw_only=True)
class PlotNeighborsSettings(VectorsSettings):
    """Which words are drawn, and how."""

    words: tuple[str, ...] = option(MISSING, "words", metavar="WORD", positional=True)
    number: int = option(12, "how many neighbours to draw", at_least(1), short="-n", metavar="N")
    output: str = option(".", "the folder to write to", metavar="DIR")
    theme: str = option(
        "both",
        "of PNG files; HTML follows the reader's and can be switched",
        one_of("light", "dark", "both"),
    )
    only: str | None = option(
        None, "write one of the two kinds of files; default: both", one_of("html", "png")
    )


@dataclass(frozen=True, kw_only=True)
class DriftSettings(Settings):
    """Which two sets of vectors are compared."""

    old: str = option(
        MISSING,
        "an output folder, or a file in any format that convert reads",
        metavar="OLD",
        positional=True,
    )
    new: str = option(MISSING, "the same, of a later day", metavar="NEW", positional=True)
    number: int = option(
        20,
        "how many words that moved, and new words, to list at most",
        at_least(1),
        short="-n",
        metavar="N",
    )
    among: int = option(
        10_000, "look for words that moved among so many of the most frequent", at_least(1)
    )
    json: bool = option(False, "print JSON instead of text")


@dataclass(frozen=True, kw_only=True)
class WrittenVectorsSettings(Settings):
    """How vectors are written."""

    to: str | None = option(
        None, "the format of TARGET, where its ending does not say it", metavar="NAME"
    )
    precision: str = option(
        "full",
        "of text: the fewest digits that give the same float32 back (full), or the number of "
        "decimals; the C program writes 6",
        metavar="full|N",
    )
    overwrite: bool = option(False, "replace TARGET if it exists")


@dataclass(frozen=True, kw_only=True)
class ConvertSettings(WrittenVectorsSettings, VectorsFormatSettings):
    """What is converted, and into what."""

    source: str = option(MISSING, "an output folder, or a file", metavar="SOURCE", positional=True)
    target: str = option(MISSING, "the file to write", metavar="TARGET", positional=True)
    side: str | None = option(
        None,
        "take word + context, word or context vectors of the model in an output folder, or concat "
        "(both, one after the other); default: the vectors that were exported",
        one_of(*COMBINATIONS),
    )
    center: bool = option(False, "subtract the mean vector of all words")


@dataclass(frozen=True, kw_only=True)
class AlignSettings(WrittenVectorsSettings):
    """Which vectors are turned onto which."""

    old: str = option(
        MISSING,
        "an output folder, or a file in any format that convert reads",
        metavar="OLD",
        positional=True,
    )
    new: str = option(
        MISSING, "the same; the vectors that are turned", metavar="NEW", positional=True
    )
    target: str = option(MISSING, "the file to write", metavar="TARGET", positional=True)
    number: int = option(
        20,
        "how many words that moved, and new words, to list",
        at_least(1),
        short="-n",
        metavar="N",
    )
    among: int = option(
        10_000, "look for words that moved among so many of the most frequent", at_least(1)
    )


@dataclass(frozen=True, kw_only=True)
class ImportCSettings(Settings):
    """Which files of the C program become datasets."""

    vocab: str = option(MISSING, "the program's vocab.txt", metavar="FILE")
    cooccurrence: str | None = option(None, "cooccurrence.bin, shuffled or not", metavar="FILE")
    parameters: str | None = option(None, "float64, of -binary 1 or 2", metavar="FILE")
    gradsq: str | None = option(None, "accumulators, with --parameters", metavar="FILE")
    output: str = option(MISSING, "the output folder", metavar="DIR")
    overwrite: bool = option(False, "replace existing datasets")

    def check_together(self) -> None:
        """Check that there is something to import."""
        if not self.cooccurrence and not self.parameters:
            raise ConfigurationError(
                "nothing to import; give --cooccurrence FILE or --parameters FILE"
            )


@dataclass(frozen=True, kw_only=True)
class ExportCSettings(Settings):
    """Which files are written for the C program."""

    source: str = option(MISSING, "an output folder", metavar="DIR", positional=True)
    vocab: str | None = option(None, "write vocab.txt", metavar="FILE")
    cooccurrence: str | None = option(None, "write cooccurrence.bin", metavar="FILE")
    parameters: str | None = option(None, "write the last epoch's parameters", metavar="FILE")
    gradsq: str | None = option(None, "write the last epoch's accumulators", metavar="FILE")
    overwrite: bool = option(False, "replace existing files")


@dataclass(frozen=True, kw_only=True)
class PublishSettings(QuestionsSettings):
    """Which version becomes the current one, and on what condition."""

    output: str = option(MISSING, "the folder of the counts and the versions", metavar="DIR")
    version: str = option(MISSING, "the version's folder in DIR/versions", metavar="NAME")
    keep: int | None = option(
        None,
        "delete all but the N latest published versions; default: none is deleted",
        at_least(1),
        metavar="N",
    )
    margin: float = option(
        1.0,
        "how many points the analogies, or the mean of the similarities, may fall below the "
        "current version's; less than 0 demands progress",
        metavar="POINTS",
    )
    rollback: bool = option(
        False, "publish a version older than the current one; its quality is not compared"
    )
    metrics: str | None = metrics_option()


@dataclass(frozen=True, kw_only=True)
class BatchesSettings(Settings):
    """Whose batches are listed."""

    folder: str = option(
        MISSING, "the output folder of the updates", metavar="DIR", positional=True
    )
    json: bool = option(False, "print one JSON object per batch")


@dataclass(frozen=True, kw_only=True)
class VerifySettings(Settings):
    """What is verified."""

    folder: str = option(MISSING, "an output folder", metavar="DIR", positional=True)


@dataclass(frozen=True, kw_only=True)
class DemoSettings(Settings):
    """Where the demonstration works."""

    output: str = option("demo-output", "the folder to write to", metavar="DIR")
    master: str | None = option(None, "Spark's master; default: local[*]", metavar="URL")


@dataclass(frozen=True, kw_only=True)
class DailySettings(Settings):
    """A day's run by scripts/daily.sh or conf/airflow/glove_daily.py: GLOVE_DAILY_<NAME>.

    Neither can import this where it runs; a test holds that their defaults are these.
    """

    margin: float = option(PublishSettings.margin, "points that the scores may fall by")
    keep: int = option(7, "published versions that stay", at_least(1))
    epochs: int = option(
        TrainSettings.epochs, "epochs of a model that starts from nothing", at_least(1)
    )
    warm_epochs: int = option(
        3, "epochs of a model that starts from the current version; 0: none does", at_least(0)
    )


COMMANDS: dict[str, type[Settings]] = {
    "batches": BatchesSettings,
    "evaluate": EvaluateSettings,
    "neighbors": NeighborsSettings,
    "analogy": AnalogySettings,
    "ratio": RatioSettings,
    "convert": ConvertSettings,
    "import-c": ImportCSettings,
    "export-c": ExportCSettings,
    "drift": DriftSettings,
    "align": AlignSettings,
    "report": ReportSettings,
    "plot-neighbors": PlotNeighborsSettings,
    "verify": VerifySettings,
    "publish": PublishSettings,
    "demo": DemoSettings,
}
"""The commands beside the stages and their options."""
