"""Versions of a model, and a pointer to the current one. This module does not use Spark.

    DIR/                    counts, which are updated with the corpus
    DIR/versions/NAME/      a model and its vectors, in a separate output folder
    DIR/current             the current version

``current`` is a symbolic link on a disk, and elsewhere a file with the name of the version. Both
are replaced in one step, so a reader finds either the old version or the new one, and it is
complete.
"""

from __future__ import annotations

import json
import os
import re
import uuid
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime, timezone
from pathlib import Path

from pyarrow import fs

from glove_spark.errors import ConfigurationError, InputError, OutputError
from glove_spark.store.dataset import manifest_of
from glove_spark.store.location import TEMPORARY, Location, writing
from glove_spark.store.manifest import Dataset, Manifest

VERSIONS = "versions"
CURRENT = "current"
SCORES_FILE = "scores.json"

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
"""The rule for names of versions; it is that for batches."""

_LONGEST_POINTER = 200
"""The largest size, in bytes, of a file that names a version."""


@dataclass(frozen=True)
class Judgement:
    """The scores of a version, as in its ``scores.json``.

    Attributes
    ----------
    vectors
        Fingerprint of the vectors that were scored.
    questions
        Fingerprint of the questions; empty if there were none.
    scores
        Percent by ``analogies/SET`` and ``similarity/SET``.
    judged
        Time of scoring, ISO 8601 in UTC.
    published
        Time when it first became current; None for a version that was refused.
    """

    vectors: str
    questions: str = ""
    scores: Mapping[str, float] = field(default_factory=dict)
    judged: str = field(
        default_factory=lambda: datetime.now(timezone.utc).isoformat(timespec="microseconds")
    )
    published: str | None = None

    @classmethod
    def read(cls, version: Location) -> Judgement | None:
        """Read the scores of a version; None if they are missing or cannot be read."""
        file = version / SCORES_FILE
        if not file.exists():
            return None
        try:
            found = cls(**json.loads(file.read_bytes()))
            scores = {str(name): float(score) for name, score in dict(found.scores).items()}
            return replace(found, scores=scores)
        except (ValueError, TypeError):
            # it can be computed again
            return None

    def write(self, version: Location) -> None:
        """Write it to the folder of a version."""
        (version / SCORES_FILE).write_json(asdict(self))


def version_folder(root: Location, name: str) -> Location:
    """Return the folder of a version.

    Raises
    ------
    ConfigurationError
        If the name is not valid.
    """
    if not NAME.fullmatch(name):
        raise ConfigurationError(
            f"version={name!r} must consist of at most 100 letters, digits, '.', '_' and '-', and "
            "begin with a letter or digit; choose another name"
        )
    return root / VERSIONS / name


def current_version(root: Location) -> str | None:
    """Return the name of the current version; None if nothing was published.

    Raises
    ------
    OutputError
        If ``current`` is something else.
    """
    pointer = root / CURRENT
    name = _pointed_at(pointer)
    if name is None and (pointer.exists() or (pointer.is_local and os.path.lexists(pointer.path))):
        raise OutputError(
            f"{pointer.shown} is not a file that points to a version; move it away, so that "
            "publish can write it"
        )
    return name


def resolved(location: Location) -> Location:
    """Resolve ``DIR/current``, with or without a dataset after it, to the folder of the version.

    A reader that opens several files does this first, so that all are of the same version.
    """
    for pointer, rest in ((location, ()), (location.parent, (location.name,))):
        if pointer.name == CURRENT and (name := _pointed_at(pointer)):
            return Location("/".join((pointer.parent.uri, VERSIONS, name, *rest)))
    return location


def make_current(root: Location, name: str) -> None:
    """Point ``current`` to a version, in one step."""
    pointer = root / CURRENT
    if not pointer.is_local:
        pointer.write_bytes(f"{name}\n".encode())
        return
    temporary = f"{root.path}/.{CURRENT}.{uuid.uuid4().hex[:12]}{TEMPORARY}"
    with writing(pointer):
        # left by a publication that was interrupted here; not by `delete`, which follows the link
        for left in Path(root.path).glob(f".{CURRENT}.*{TEMPORARY}"):
            left.unlink()
        # a relative link, so that the folder can be moved or mounted elsewhere
        os.symlink(f"{VERSIONS}/{name}", temporary)
        os.replace(temporary, pointer.path)


def made_at(version: Location) -> str:
    """Return the time when the vectors of a version were made.

    Raises
    ------
    InputError
        If it has none.
    """
    return vectors_of(version).manifest.created


def vectors_of(version: Location) -> Dataset:
    """Return the dataset of a version's vectors.

    Raises
    ------
    InputError
        If it has none.
    """
    manifest: Manifest | None = manifest_of(version / "vectors")
    if manifest is None:
        raise InputError(f"{version.shown} contains no vectors; first run export for it")
    return Dataset(version / "vectors", manifest)


def prune(root: Location, keep: int) -> list[str]:
    """Delete versions that are no longer wanted, never the current one.

    The ``keep`` latest published versions stay. A refused version stays until another one is
    published after it. A version that was never scored is the user's own work, and stays.

    Returns
    -------
    list of str
        The names of the deleted versions.
    """
    current = current_version(root)
    folder = root / VERSIONS
    judged: dict[str, Judgement] = {}
    for info in folder.walk(recursive=False):
        if info.type == fs.FileType.Directory:
            judgement = Judgement.read(folder / info.base_name)
            if judgement is not None:
                judged[info.base_name] = judgement
    order = sorted(
        (name for name, found in judged.items() if found.published and name != current),
        key=lambda name: str(judged[name].published),
    )
    kept = set(order[len(order) - (keep - 1) :] if keep > 1 else ())
    latest = max((str(found.published or "") for found in judged.values()), default="")
    kept |= {
        name for name, found in judged.items() if not found.published and found.judged > latest
    }
    deleted = sorted(set(judged) - kept - {current})
    for name in deleted:
        # without manifests it is no longer an output folder, even if a crash interrupts the
        # deletion
        for info in (folder / name).walk(recursive=False):
            if info.base_name.endswith(".manifest.json"):
                (folder / name / info.base_name).delete()
        (folder / name).delete()
    return deleted


def _pointed_at(pointer: Location) -> str | None:
    """Return the version that a pointer names; None if it is not a pointer."""
    if pointer.is_local:
        path = Path(pointer.path)
        if path.is_symlink():
            link = os.readlink(path)
            return link.removeprefix(f"{VERSIONS}/") if link.startswith(f"{VERSIONS}/") else None
        return None
    info = pointer.filesystem().get_file_info(pointer.path)
    # a large file with that name is not a pointer
    if info.type != fs.FileType.File or info.size > _LONGEST_POINTER:
        return None
    name = pointer.read_bytes().decode("utf-8", "replace").strip()
    return name if NAME.fullmatch(name) else None
