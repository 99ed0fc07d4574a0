"""The options of every stage: the one definition of type, default, rule and help.

The settings of one stage are one dataclass, and one table of a configuration file.
"""

from __future__ import annotations

import re
from dataclasses import MISSING, dataclass
from typing import Any

from glove_spark.errors import ConfigurationError
from glove_spark.settings.option import Settings, above, at_least, between, matching, one_of, option

COMBINATIONS = ("sum", "word", "context", "concat")
"""Which vectors are made of a model's two sides: word + context, one of them, or one after the
other."""

_BATCH = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
"""It becomes the name of a folder."""

_HALF_LIFE = re.compile(r"(?!0+(\.0*)?d)\d+(\.\d+)?d")


def _is_encoding(value: str) -> bool:
    try:
        # not every codec is one of text
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
        "write what the run did, also if it failed, to this file, for Prometheus",
        matching(lambda path: path.endswith(".prom"), "end in .prom, as its collector wants"),
        changes_result=False,
        metavar="FILE",
    )


@dataclass(frozen=True)
class RunSettings(Settings):
    """Where a run reads, writes and computes; the same for every stage."""

    output: str = option(MISSING, "the folder of all results; a path or URI", metavar="DIR")
    reuse: str | None = option(
        None,
        "single stages: where to find inputs that output lacks, so that models share one count",
        metavar="DIR",
    )
    master: str | None = option(
        None,
        "Spark's master; default: what spark-submit or spark-defaults.conf set, else local[*]",
        metavar="URL",
    )
    spark_conf: tuple[str, ...] = option(
        (),
        "a setting of Spark, such as spark.driver.memory=4g; repeatable",
        matching(lambda text: "=" in text.strip("="), "be KEY=VALUE"),
        metavar="KEY=VALUE",
    )
    overwrite: bool = option(
        False,
        "single stages: redo a dataset that other settings made or that is damaged, "
        "instead of refusing",
    )
    verify: bool = option(True, "compare the checksums of what earlier runs made before it is used")
    metrics: str | None = metrics_option()


@dataclass(frozen=True)
class TokenizeSettings(Settings):
    """From a corpus to one row of tokens a document."""

    input: tuple[str, ...] = option(
        MISSING, "files, folders or globs of text; repeatable", metavar="PATH"
    )
    format: str = option(
        "auto",
        "what the input holds; auto goes by the file's ending",
        one_of("auto", "text", "jsonl", "parquet", "orc"),
    )
    encoding: str = option(
        "utf-8",
        "the text's encoding, a name of Python's such as latin-1, cp1252 or gb18030; UTF-16 and "
        "UTF-32 with a byte order mark are recognised by themselves",
        matching(_is_encoding, "be an encoding of text that Python knows"),
        metavar="NAME",
    )
    text_column: str = option("text", "the column or JSON field that holds the text")
    document: str = option(
        "line",
        "plain text: one document a line, or one a file; windows never cross a document",
        one_of("line", "file"),
    )
    tokenizer: str = option(
        "words",
        "words (letters and digits with inner apostrophes), whitespace, regex:PATTERN, "
        "or module:function from str to a list of str",
        matching(_is_tokenizer, "be words, whitespace, regex:PATTERN or module:function"),
    )
    normalize: str = option(
        "nfc",
        "the text's Unicode normal form, so that a word has one spelling: nfc joins letters and "
        "accents, nfkc also folds wide letters, ligatures and the like; none leaves it as it is",
        one_of("none", "nfc", "nfkc"),
    )
    lowercase: bool = option(True, "fold to lower case")
    strip_punctuation: bool = option(False, "strip punctuation from both ends of every token")
    min_token_length: int = option(1, "drop tokens of fewer characters", at_least(1))


@dataclass(frozen=True)
class VocabularySettings(Settings):
    """Which words get a vector."""

    min_count: int = option(5, "drop words seen fewer times", at_least(1))
    max_vocabulary: int | None = option(None, "keep only so many most frequent words", at_least(2))
    drop_most_frequent: int = option(0, "drop so many of the most frequent words", at_least(0))
    stop_words: str | None = option(None, "a file of words to drop, one a line", metavar="FILE")
    unk: str | None = option(
        None,
        "out-of-vocabulary tokens: keep (they become the word <unk>), drop, or average (dropped; "
        "<unk> gets the mean vector of the rarest words at export); default drop, "
        "and a corpus that holds <unk> itself is refused",
        one_of("keep", "drop", "average"),
    )


@dataclass(frozen=True)
class CooccurrenceSettings(Settings):
    """What counts as occurring together."""

    window_size: int = option(10, "context words on each side", between(1, 1000))
    symmetric: bool = option(
        True, "count context on both sides, or only on the left", opposite="--left-only"
    )
    weighting: str = option(
        "harmonic",
        "a pair at distance d counts 1/d (harmonic) or 1 (flat)",
        one_of("harmonic", "flat"),
    )
    out_of_vocabulary: str = option(
        "close",
        "windows close up over out-of-vocabulary tokens, or these keep their place",
        one_of("close", "keep"),
    )
    subsample_tokens: float | None = option(
        None,
        "drop tokens of words with a larger share of all tokens before windows are formed, as "
        "word2vec does, who uses 1e-3 to 1e-5; windows treat them as out of vocabulary; default: "
        "drop none",
        between(1e-12, 1),
    )
    subsample_seed: int | None = option(
        None, "seed of that draw; default: 1", between(0, 2**63 - 1)
    )


@dataclass(frozen=True)
class BlocksSettings(Settings):
    """How the nonzeros are dealt to cells and cut into batches."""

    num_blocks: int | None = option(
        None,
        "the nonzeros are dealt into a grid of so many by so many cells, trained in parallel; "
        "default: Spark's cores, at most 128, and more for very large matrices",
        between(1, 4096),
    )
    held_out: float = option(
        0.0,
        "share of the nonzeros kept out of training; train reports their cost after every epoch; "
        "0 is none",
        between(0, 0.5),
    )
    half_life: str | None = option(
        None,
        "batches (glove-spark update) of so many days before the newest count half, of twice as "
        "many a quarter, and so on; default: all count in full",
        matching(lambda text: _HALF_LIFE.fullmatch(text) is not None, "be days, such as 90d"),
        metavar="DAYS",
    )


def half_life_days(text: str) -> float:
    """Read the days of a half-life.

    >>> half_life_days("90d")
    90.0
    """
    return float(text.removesuffix("d"))


@dataclass(frozen=True)
class TrainSettings(Settings):
    """The objective, the update and the order of work."""

    vector_size: int = option(100, "dimensions of a vector", between(1, 4096))
    epochs: int = option(5, "passes over the nonzeros", at_least(1))
    learning_rate: float = option(0.5, "step size of the first epoch", above(0))
    final_learning_rate: float = option(
        0.05, "step size of the last epoch; falls by equal factors an epoch", above(0)
    )
    damping: float = option(
        0.1, "how much a step shrinks with its row's curvature in the batch; 0 is none", at_least(0)
    )
    x_max: float = option(20.0, "counts from here on have full weight", above(0))
    alpha: float = option(0.75, "exponent of the weight of smaller counts", between(0, 2))
    subsample: float = option(
        1e-4, "words with a larger share of all tokens weigh less; 0 is off", between(0, 1)
    )
    unobserved: float = option(
        2.0,
        "weight of the term that draws every word to independence from all others, met or not; "
        "0 leaves the term out",
        between(0, 1000),
    )
    biases: str = option(
        "anchored",
        "anchored (fixed by the words' total counts, so that vectors model pointwise mutual "
        "information) or trained",
        one_of("anchored", "trained"),
    )
    context_smoothing: float = option(
        0.75,
        "anchored biases: the exponent of a context word's total count",
        between(0, 1),
    )
    optimizer: str = option(
        "adagrad",
        "adagrad, or adam (Kingma and Ba 2015: two moments per coordinate, corrected for their "
        "start, in the same batches), which needs a small learning rate, such as 0.005",
        one_of("adagrad", "adam"),
    )
    adagrad: str = option(
        "row", "one accumulator a word (row) or a coordinate (element)", one_of("row", "element")
    )
    schedule: str = option(
        "auto",
        "stratified (as if one after another, as many rounds as blocks), averaging (few rounds, "
        "after which replicas are merged) or auto (stratified up to 64 blocks)",
        one_of("auto", "stratified", "averaging"),
    )
    syncs_per_epoch: int | None = option(
        None,
        "averaging: merges in an epoch, at most as many as blocks; default: an eighth of the "
        "blocks, at least 4",
        at_least(1),
    )
    row_tasks: int = option(
        1,
        "averaging: tasks that share a block of words in a round, for more cores than blocks",
        at_least(1),
    )
    tolerance: float = option(
        0.0, "stop when an epoch lowers the cost by less than this share; 0 is never", at_least(0)
    )
    seed: int = option(1, "seed of everything random", between(0, 2**63 - 1))
    warm_start: str | None = option(
        None,
        "start from another model (an output folder, or the model in it), or from published "
        "vectors in any format that convert reads; words are recognised by their spelling; "
        "default: from random vectors",
        metavar="MODEL|FILE",
        external=True,
    )
    warm_start_case: str = option(
        "exact",
        "published vectors: recognise words as they are spelt (exact), or words that are not found "
        "so without regard to case (lower)",
        one_of("exact", "lower"),
    )
    new_words: str = option(
        "auto",
        "warm start: words that are new start at random, or at the average of their contexts' "
        "vectors; auto is average after published vectors and random after a model",
        one_of("auto", "random", "average"),
    )
    stay: float = option(
        0.0,
        "warm start: mu of mu |v - r|^2, which keeps a known word's vector v near the vector r "
        "that it starts from; 0 is off",
        between(0, 1e6),
    )
    probe: tuple[str, ...] = option(
        (),
        "show these words' neighbours after every epoch",
        changes_result=False,
        metavar="WORD",
        comma_separated=True,
    )
    keep_epochs: int = option(
        2, "how many of the last epochs stay on disk", at_least(1), changes_result=False
    )

    @property
    def accumulators(self) -> str:
        """What a word's state is: row, element, or adam."""
        return "adam" if self.optimizer == "adam" else self.adagrad

    def check_together(self) -> None:
        """Check that words have something to stay near, and what adam can be combined with."""
        if self.stay > 0 and self.warm_start is None:
            raise ConfigurationError(
                f"stay={self.stay:g} keeps words near the vectors that they start from, and there "
                "are none; give --warm-start, or omit --stay"
            )
        if self.optimizer != "adam":
            return
        if self.unobserved > 0 or self.stay > 0:
            name, value = (
                ("unobserved", self.unobserved) if self.unobserved else ("stay", self.stay)
            )
            raise ConfigurationError(
                f"optimizer=adam has no accumulator that tells how far {name}={value:g} may draw a "
                f"word; give --{name} 0, or --optimizer adagrad"
            )
        if self.schedule == "averaging":
            raise ConfigurationError(
                "optimizer=adam keeps moments, of which replicas have no sum, as "
                "schedule=averaging needs it; give --schedule stratified, or --optimizer adagrad"
            )


@dataclass(frozen=True)
class ExportSettings(Settings):
    """Which vectors are written, and how."""

    vectors: str = option(
        "sum",
        "sum (word + context), word or context vectors, or concat (word and context vector one "
        "after the other, twice as many numbers)",
        one_of(*COMBINATIONS),
    )
    center: bool = option(False, "subtract the mean vector of all words from every vector")


@dataclass(frozen=True)
class UpdateSettings(Settings):
    """What an update does to the counts of a corpus that is followed batch by batch."""

    batch: str | None = option(
        None,
        "add the input as a batch of this name; best a day, such as 2026-11-20",
        matching(
            lambda text: _BATCH.fullmatch(text) is not None,
            "be of letters, digits, '.', '_' and '-', at most 100, a letter or digit first",
        ),
        metavar="NAME",
    )
    replace: bool = option(
        False, "take out the batch of that name, if there is one, and count anew"
    )
    skip_existing: bool = option(
        False, "a batch that is there with the same text is done, not an error"
    )
    remove: str | None = option(
        None, "take the batch of this name out of the counts", metavar="NAME"
    )
    compact: bool = option(False, "add all batches up, so that later stages open fewer files")
    rerank: bool = option(
        False,
        "give ids by frequency again, as a vocabulary counted at once has them; words that are "
        "below min_count by now leave it",
    )
    compact_after: int = option(
        64, "do so whenever so many batches are not added up; 0 is never", at_least(0)
    )
    grow: bool = option(
        True, "let words enter the vocabulary once all batches hold min_count of them"
    )

    def check_together(self) -> None:
        """Check that one thing is asked for."""
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
                "an update adds a --batch, or takes one out by --remove, or adds all up by "
                "--compact, or orders ids by --rerank; give one of them, given: "
                f"{', '.join(asked) or 'none'}"
            )
