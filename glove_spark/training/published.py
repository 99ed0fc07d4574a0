"""Read published vectors of our words, to start training from them."""

from __future__ import annotations

import logging
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from pyarrow import fs

from glove_spark.datasets.vocabulary import Vocabulary
from glove_spark.errors import ConfigurationError, InputError
from glove_spark.exchange.formats import open_vectors
from glove_spark.exchange.held_words import HeldWords, hold_words
from glove_spark.settings.stages import TrainSettings
from glove_spark.store.checksums import file_states
from glove_spark.store.location import Location
from glove_spark.store.manifest import Manifest, fingerprint
from glove_spark.store.versions import resolved

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Published:
    """Published vectors of some of our words, as they are in the file.

    Attributes
    ----------
    shown
        The file, for messages.
    held
        The vectors.
    """

    shown: str
    held: HeldWords

    @property
    def known(self) -> NDArray[np.bool_]:
        """Which words of the vocabulary have a published vector, bool (V,)."""
        return self.held.known

    @property
    def num_known(self) -> int:
        """How many words of the vocabulary have a published vector."""
        return int(np.count_nonzero(self.known))


def known_token_share(known: NDArray[np.bool_], counts: NDArray[np.int64]) -> float:
    """Return the share of known words in all tokens, 0 to 1."""
    return float(counts[known].sum() / max(int(counts.sum()), 1))


def read_published(settings: TrainSettings, vocabulary: Vocabulary) -> Published:
    """Read a file of vectors once, and keep those of the vocabulary.

    Raises
    ------
    InputError
        If the file does not exist, is damaged, or contains something other than numbers.
    ConfigurationError
        If its vectors have another size, or it has none of the words.
    """
    shown = str(settings.warm_start)
    _check_existence(shown)
    source = open_vectors(shown)
    if source.vector_size != settings.vector_size:
        raise ConfigurationError(
            f"vector_size={settings.vector_size} must equal that of warm_start={shown}, which is "
            f"{source.vector_size}; give --vector-size {source.vector_size}, or start from other "
            "vectors"
        )
    found = Published(shown, hold_words(source, vocabulary, settings.warm_start_case))
    if not found.num_known:
        remedy = "" if settings.warm_start_case == "lower" else ", or give --warm-start-case lower"
        raise ConfigurationError(
            f"warm_start={shown} has no vector for any of the {len(vocabulary):,} words; start "
            f"from vectors of the same language and tokenizer{remedy}"
        )
    log.info(
        "train: starts from %s: %s of %s words known, %.1f %% of the tokens; %s new",
        shown,
        f"{found.num_known:,}",
        f"{len(vocabulary):,}",
        100 * known_token_share(found.known, vocabulary.counts),
        f"{len(vocabulary) - found.num_known:,}",
    )
    return found


def published_fingerprint(path: str) -> str:
    """Return a hash of the content of the files of vectors; it does not depend on their path.

    Raises
    ------
    InputError
        If there are none.
    """
    _check_existence(path)
    location = resolved(Location.of(path))
    if location.kind() == fs.FileType.File:
        states = file_states([location, *_companions(location)])
    else:
        for dataset in (location / "vectors", location):
            manifest = Manifest.read(dataset)
            if manifest is not None:
                return manifest.fingerprint
        states = file_states(_parquet_files(location))
    return fingerprint([state.sha256 for state in states])


def _check_existence(path: str) -> None:
    """Raise an error if the path is neither a file nor a folder of vectors."""
    location = resolved(Location.of(path))
    kind = location.kind()
    if kind == fs.FileType.File:
        return
    folder = kind == fs.FileType.Directory
    is_vectors = folder and (
        location.name == "vectors"
        or Manifest.location(location / "vectors").exists()
        or (Manifest.read(location) is None and _parquet_files(location))
    )
    if not is_vectors:
        raise InputError(
            f"warm_start={path} is not a model; name an output folder that train has written, the "
            "folder model in it, or a file of vectors"
        )


def _companions(file: Location) -> list[Location]:
    """List the files that belong to a file of vectors: words, metadata, a separate matrix."""
    stem = file.name.rpartition(".")[0]
    if file.name.endswith(".kv"):
        wanted = f"{file.name}."
    elif file.name.endswith((".npy", ".tsv")):
        wanted = f"{stem}."
    else:
        return []
    endings = (".words.txt", ".metadata.tsv", ".npy")
    names = sorted(
        info.base_name
        for info in file.parent.walk(recursive=False)
        if info.base_name.startswith(wanted)
        and info.base_name.endswith(endings)
        and info.base_name != file.name
    )
    return [file.parent / name for name in names]


def _parquet_files(folder: Location) -> list[Location]:
    return sorted(
        (
            folder / info.base_name
            for info in folder.walk(recursive=False)
            if info.base_name.endswith(".parquet") and not info.base_name.startswith((".", "_"))
        ),
        key=lambda file: file.name,
    )
