"""The options of every stage: the only definition of type, default, rule and help.

The settings of one stage are one dataclass here, and one table in a configuration file.
"""

from __future__ import annotations

import re
from dataclasses import MISSING, dataclass
from typing import Any

from glove_spark.errors import ConfigurationError
from glove_spark.settings.option import Settings, above, at_least, between, matching, one_of, option

COMBINATIONS = ("sum", "word", "context", "concat")
"""How to combine the word and context vectors of a model: their sum, one of them, or both
concatenated."""

_BATCH = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
"""A batch name; it is also the name of a folder."""

_HALF_LIFE = re.compile(r"(?!0+(\.0*)?d)\d+(\.\d+)?d")


def _is_encoding(value: str) -> bool:
    try:
        # some codecs of Python do not encode text
        "".encode(value)
    except (LookupError, ValueError):
        return False
    return True


def _is_tokenizer(value: str) -> bool:
    if value in ("words", "whitespace"):
        return True
    if value.startswith("regex:"):
        return len(value) > len("regex:")
    return re.fullmatch(r"[\w.]+:[\w.]+", value) is not None


def metrics_option() -> Any:
    """Define the option ``metrics``, which several commands have."""
    return option(
        None,
        "write metrics of the run for Prometheus to this file, also if the run fails",
        matching(
            lambda path: path.endswith(".prom"),
            "end in .prom, because Prometheus's textfile collector ignores other files",
        ),
        changes_result=False,
        metavar="FILE",
    )


@dataclass(frozen=True)
class RunSettings(Settings):
    """Input and output folders, and Spark; the same options for every stage."""

    output: str = option(MISSING, "the folder for all results; a path or a URI", metavar="DIR")
    reuse: str | None = option(
        None,
        "single-stage commands: read datasets that are missing in the output folder from this "
        "output folder, so that several models can share the same counts",
        metavar="DIR",
    )
    master: str | None = option(
        None,
        "the Spark master; default: the value from spark-submit or spark-defaults.conf, "
        "otherwise local[*]",
        metavar="URL",
    )
    spark_conf: tuple[str, ...] = option(
        (),
        "a Spark setting, such as spark.driver.memory=4g; you can give several",
        matching(lambda text: "=" in text.strip("="), "be KEY=VALUE"),
        metavar="KEY=VALUE",
    )
    overwrite: bool = option(
        False,
        "single-stage commands: replace a dataset that is damaged or was made with other "
        "settings, instead of stopping with an error",
    )
    verify: bool = option(True, "verify the checksums of datasets from earlier runs before use")
    metrics: str | None = metrics_option()


@dataclass(frozen=True)
class TokenizeSettings(Settings):
    """Read the corpus and split each document into tokens."""

    input: tuple[str, ...] = option(
        MISSING,
        "text to read: files, folders or glob patterns; you can give several",
        metavar="PATH",
    )
    format: str = option(
        "auto",
        "the format of the input files; auto detects it by the content and the extension of a file",
        one_of("auto", "text", "jsonl", "parquet", "orc"),
    )
    encoding: str = option(
        "utf-8",
        "the text encoding, under its Python name, such as latin-1, cp1252 or gb18030; UTF-16 and "
        "UTF-32 are detected by their byte order mark",
        matching(_is_encoding, "be a text encoding that Python knows, such as utf-8 or latin-1"),
        metavar="NAME",
    )
    text_column: str = option("text", "the column or JSON field that contains the text")
    document: str = option(
        "line",
        "plain text: each line is a document, or each file is; windows never cross the end of a "
        "document",
        one_of("line", "file"),
    )
    tokenizer: str = option(
        "words",
        "how text is split: words (letters and digits, with apostrophes inside), whitespace, "
        "regex:PATTERN (every match is a token), or module:function (takes a str, returns a list "
        "of str)",
        matching(_is_tokenizer, "be words, whitespace, regex:PATTERN or module:function"),
    )
    normalize: str = option(
        "nfc",
        "Unicode normalization, so that each word has only one spelling: nfc composes letters and "
        "accents; nfkc also replaces ligatures, full-width letters and similar characters; none "
        "does not change the text",
        one_of("none", "nfc", "nfkc"),
    )
    lowercase: bool = option(True, "convert text to lower case")
    strip_punctuation: bool = option(False, "remove punctuation from both ends of every token")
    min_token_length: int = option(
        1, "drop tokens that have fewer characters than this", at_least(1)
    )


@dataclass(frozen=True)
class VocabularySettings(Settings):
    """Choose the words that get a vector."""

    min_count: int = option(5, "drop words that occur fewer times than this", at_least(1))
    max_vocabulary: int | None = option(
        None, "keep at most this number of words, the most frequent ones", at_least(2)
    )
    drop_most_frequent: int = option(0, "drop this number of the most frequent words", at_least(0))
    stop_words: str | None = option(
        None, "a file with words to drop, one word per line", metavar="FILE"
    )
    unk: str | None = option(
        None,
        "what to do with out-of-vocabulary tokens: keep (replace them by the word <unk>), drop, or "
        "average (drop them, and export the mean vector of the rarest words as <unk>); default: "
        "drop, with an error if the corpus contains the token <unk>",
        one_of("keep", "drop", "average"),
    )


@dataclass(frozen=True)
class CooccurrenceSettings(Settings):
    """Count co-occurrences in windows of text."""

    window_size: int = option(
        10, "the number of context words on each side of a word", between(1, 1000)
    )
    symmetric: bool = option(
        True,
        "symmetric window: count context words on both sides; --left-only counts only those "
        "before the word",
        opposite="--left-only",
    )
    weighting: str = option(
        "harmonic",
        "a pair of words at distance d adds 1/d (harmonic) or 1 (flat) to its count",
        one_of("harmonic", "flat"),
    )
    out_of_vocabulary: str = option(
        "close",
        "out-of-vocabulary tokens: remove them before windows are formed (close), or let them "
        "take up a position in the window (keep)",
        one_of("close", "keep"),
    )
    subsample_tokens: float | None = option(
        None,
        "before windows are formed, randomly drop tokens of words whose share of all tokens is "
        "larger than this, as word2vec does with 1e-3 to 1e-5; windows treat dropped tokens as "
        "out-of-vocabulary tokens; default: drop none",
        between(1e-12, 1),
    )
    subsample_seed: int | None = option(
        None, "the random seed for --subsample-tokens; default: 1", between(0, 2**63 - 1)
    )


@dataclass(frozen=True)
class BlocksSettings(Settings):
    """Divide the co-occurrence matrix into a grid of cells and each cell into batches."""

    num_blocks: int | None = option(
        None,
        "divide the matrix into a grid of this number of row blocks and as many column blocks; "
        "the cells of the grid are trained in parallel; default: the number of Spark's cores, at "
        "most 128, but more for very large matrices (docs/SCALE.md)",
        between(1, 4096),
    )
    held_out: float = option(
        0.0,
        "the share of the nonzeros that is not used for training; train reports their cost after "
        "every epoch; 0: none",
        between(0, 0.5),
    )
    half_life: str | None = option(
        None,
        "for counts made by glove-spark update: give older batches less weight; a batch this many "
        "days older than the newest one counts half, a batch twice as old a quarter, and so on; "
        "default: all batches count in full",
        matching(
            lambda text: _HALF_LIFE.fullmatch(text) is not None,
            "be a number of days above 0, such as 90d",
        ),
        metavar="DAYS",
    )


def half_life_days(text: str) -> float:
    """Return the number of days in a half-life.

    >>> half_life_days("90d")
    90.0
    """
    return float(text.removesuffix("d"))


@dataclass(frozen=True)
class TrainSettings(Settings):
    """Train the model: the objective, the optimizer and the schedule."""

    vector_size: int = option(100, "the number of dimensions of a vector", between(1, 4096))
    epochs: int = option(
        5, "the number of passes over the nonzeros of the co-occurrence matrix", at_least(1)
    )
    learning_rate: float = option(0.5, "the learning rate in the first epoch", above(0))
    final_learning_rate: float = option(
        0.05,
        "the learning rate in the last epoch; between the first and the last epoch it decays "
        "linearly",
        above(0),
    )
    damping: float = option(
        0.3,
        "reduce the update of a row where its curvature in the batch is large; a larger value "
        "reduces it more; 0: no damping",
        at_least(0),
    )
    x_max: float = option(
        20.0, "co-occurrence counts of at least this value get full weight", above(0)
    )
    alpha: float = option(
        0.75, "counts x below x_max get the weight (x / x_max) ** alpha", between(0, 2)
    )
    subsample: float = option(
        1e-4,
        "reduce the weight of words whose share of all tokens is larger than this; 0: do not",
        between(0, 1),
    )
    unobserved: float = option(
        2.0,
        "the weight of the term of the cost that pulls all pairs of words, also those that never "
        "co-occur, towards statistical independence; 0: omit the term",
        between(0, 1000),
    )
    biases: str = option(
        "anchored",
        "anchored (fixed by the total counts of the words, so that vectors model pointwise mutual "
        "information) or trained",
        one_of("anchored", "trained"),
    )
    context_smoothing: float = option(
        0.5,
        "anchored biases: the exponent of the total count of a context word",
        between(0, 1),
    )
    optimizer: str = option(
        "adagrad",
        "adagrad or adam (Kingma and Ba 2015: two moments per coordinate, with bias correction), "
        "which needs a small learning rate, such as 0.005",
        one_of("adagrad", "adam"),
    )
    adagrad: str = option(
        "row",
        "AdaGrad keeps one accumulator per word (row) or one per coordinate of its vector "
        "(element)",
        one_of("row", "element"),
    )
    schedule: str = option(
        "auto",
        "stratified (the result equals sequential training; one round per block), averaging (few "
        "rounds; replicas of a block are merged after each) or auto (stratified up to 64 "
        "blocks, averaging above)",
        one_of("auto", "stratified", "averaging"),
    )
    syncs_per_epoch: int | None = option(
        None,
        "averaging: how often replicas are merged per epoch, at most once per block; default: "
        "the number of blocks / 2, at least 4 and at most 16",
        at_least(1),
    )
    row_tasks: int | None = option(
        None,
        "averaging: the number of tasks that train the same row block at the same time, at most "
        "the number of blocks / merges; 2 to 4 are for clusters with more cores than blocks, and "
        "more can lower the quality; default: 4 if there are at least 128 blocks whose cells have "
        "2 million nonzeros on average, otherwise 1",
        at_least(1),
    )
    tolerance: float = option(
        0.0,
        "stop early if an epoch lowers the cost by less than this share; 0: never stop early",
        at_least(0),
    )
    seed: int = option(1, "the random seed", between(0, 2**63 - 1))
    warm_start: str | None = option(
        None,
        "start from another model (its output folder, or the dataset model in it) or from "
        "published vectors in any format that convert reads; words are matched by their spelling; "
        "default: start from random vectors",
        metavar="MODEL|FILE",
        external=True,
    )
    warm_start_case: str = option(
        "exact",
        "warm start from published vectors: match words by their exact spelling (exact), or also "
        "ignore case if there is no exact match (lower)",
        one_of("exact", "lower"),
    )
    new_words: str = option(
        "auto",
        "warm start: how to initialize words that the other model does not have: with random "
        "vectors (random) or with the average vector of their context words (average); auto is "
        "average for published vectors and random for a model",
        one_of("auto", "random", "average"),
    )
    stay: float = option(
        0.0,
        "warm start: the factor mu of the penalty mu |v - r|^2, which keeps the vector v of a "
        "known word near the vector r that it starts from; 0: no penalty",
        between(0, 1e6),
    )
    probe: tuple[str, ...] = option(
        (),
        "show the nearest neighbours of these words after every epoch",
        changes_result=False,
        metavar="WORD",
        comma_separated=True,
    )
    keep_epochs: int = option(
        2,
        "the number of checkpoints to keep on disk; there is one per epoch",
        at_least(1),
        changes_result=False,
    )

    @property
    def accumulators(self) -> str:
        """The kind of a word's optimizer state: row, element, or adam."""
        return "adam" if self.optimizer == "adam" else self.adagrad

    def check_together(self) -> None:
        """Check that ``stay`` has a warm start, and that ``optimizer`` fits the other options."""
        if self.stay > 0 and self.warm_start is None:
            raise ConfigurationError(
                f"stay={self.stay:g} needs a warm start: it keeps words near the vectors that they "
                "start from; give --warm-start, or omit --stay"
            )
        if self.optimizer != "adam":
            return
        if self.unobserved > 0 or self.stay > 0:
            name, value = (
                ("unobserved", self.unobserved) if self.unobserved else ("stay", self.stay)
            )
            raise ConfigurationError(
                f"optimizer=adam cannot be combined with {name}={value:g}, whose step needs the "
                f"accumulator of AdaGrad; give --{name} 0, or --optimizer adagrad"
            )
        if self.schedule == "averaging":
            raise ConfigurationError(
                "optimizer=adam cannot be combined with schedule=averaging, because the moments of "
                "replicas cannot be added up; give --schedule stratified, or --optimizer adagrad"
            )


@dataclass(frozen=True)
class ExportSettings(Settings):
    """Write vectors from the model."""

    vectors: str = option(
        "sum",
        "the vectors to write: sum (word + context vector), word, context, or concat (word and "
        "context vector concatenated, with twice as many dimensions)",
        one_of(*COMBINATIONS),
    )
    center: bool = option(False, "subtract the mean vector of all words from every vector")


@dataclass(frozen=True)
class UpdateSettings(Settings):
    """Incremental updates: add a batch of text to the counts, or remove one."""

    batch: str | None = option(
        None,
        "add the input as a batch with this name; a date is a good name, such as 2026-11-20",
        matching(
            lambda text: _BATCH.fullmatch(text) is not None,
            "consist of at most 100 letters, digits, '.', '_' and '-', and begin with a letter or "
            "digit",
        ),
        metavar="NAME",
    )
    replace: bool = option(
        False, "if a batch with this name exists, remove it and count the input again"
    )
    skip_existing: bool = option(
        False, "skip a batch that was already added with the same text, instead of an error"
    )
    remove: str | None = option(
        None, "remove the batch with this name from the counts", metavar="NAME"
    )
    compact: bool = option(
        False, "merge the files of all batches, so that later stages open fewer files"
    )
    rerank: bool = option(
        False,
        "assign new word ids in order of frequency, as in a vocabulary that was counted at once; "
        "words that now occur fewer than min_count times are removed",
    )
    compact_after: int = option(
        64, "compact after this many new batches; 0 disables it", at_least(0)
    )
    grow: bool = option(
        True,
        "add a new word to the vocabulary when all batches together contain it min_count times",
    )

    def check_together(self) -> None:
        """Check that exactly one action is given."""
        asked = [
            name
            for name, value in (
                ("batch", self.batch),
                ("remove", self.remove),
                ("compact", self.compact),
                ("rerank", self.rerank),
            )
            if value
        ]
        if len(asked) != 1:
            raise ConfigurationError(
                "update takes exactly one of --batch (add a batch), --remove (remove one), "
                "--compact (merge files) and --rerank (assign new ids); given: "
                f"{', '.join('--' + name for name in asked) or 'none of them'}; give one"
            )
