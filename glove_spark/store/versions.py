"""Versions of a model, and a pointer to the current one. This module does not use Spark.

    DIR/                    counts, which follow the corpus
    DIR/versions/NAME/      a model and its vectors: an output folder of its own
    DIR/current             which version is current

``current`` is a symbolic link on a disk, and elsewhere a file that holds the version's name. Both
are replaced in one step: a reader finds the old version or the new one, each of them whole.
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
"""What a version may be called, as a batch may."""

_LONGEST_POINTER = 200
"""Bytes of a file that names a version."""


@dataclass(frozen=True)
class Judgement:
    """The scores of a version, as in its ``scores.json``.

    Attributes
    ----------
    vectors
        Fingerprint of the vectors that were judged.
    questions
        Fingerprint of what was asked; empty where nothing was.
    scores
        Percent by ``analogies/SET`` and ``similarity/SET``.
    judged
        When, ISO 8601 in UTC.
    published
        When it became current for the first time; None for a version that was refused.
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
        """Read that of a version; None where there is none that can be read."""
        file = version / SCORES_FILE
        if not file.exists():
            return None
        try:
            found = cls(**json.loads(file.read_bytes()))
            scores = {str(name): float(score) for name, score in dict(found.scores).items()}
            return replace(found, scores=scores)
        except (ValueError, TypeError):
            # it can be made again
            return None

    def write(self, version: Location) -> None:
        """Write it into a version."""
        (version / SCORES_FILE).write_json(asdict(self))


def version_folder(root: Location, name: str) -> Location:
    """Return the folder of a version.

    Raises
    ------
    ConfigurationError
        If that cannot be the name of a folder.
    """
    if not NAME.fullmatch(name):
        raise ConfigurationError(
            f"version={name!r} must consist of at most 100 letters, digits, '.', '_' and '-', and "
            "begin with a letter or digit; choose another name"
        )
    return root / VERSIONS / name


def current_version(root: Location) -> str | None:
    """Return the name of the version that is current; None where nothing was published.

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
    """Follow ``DIR/current``, alone or with a dataset after it, to the version that it means now.

    A reader that opens several files of a version does this first, so that all are of the same one.
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
        # what a publication left that ended here; by hand, for `delete` would follow the link
        for left in Path(root.path).glob(f".{CURRENT}.*{TEMPORARY}"):
            left.unlink()
        # relative, so that the folder can be moved or mounted elsewhere
        os.symlink(f"{VERSIONS}/{name}", temporary)
        os.replace(temporary, pointer.path)


def made_at(version: Location) -> str:
    """Return when the vectors of a version were made.

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

    Of those published the ``keep`` latest stay. One that was refused stays until another is
    published after it; one that nobody has judged is somebody's work, and stays.

    Returns
    -------
    list of str
        What was deleted.
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
        # without its manifests it is no output folder any more, wherever a crash ends this
        for info in (folder / name).walk(recursive=False):
            if info.base_name.endswith(".manifest.json"):
                (folder / name / info.base_name).delete()
        (folder / name).delete()
    return deleted


def _pointed_at(pointer: Location) -> str | None:
    """Return the version that a pointer means; None where it is none."""
    if pointer.is_local:
        path = Path(pointer.path)
        if path.is_symlink():
            link = os.readlink(path)
            return link.removeprefix(f"{VERSIONS}/") if link.startswith(f"{VERSIONS}/") else None
        return None
    info = pointer.filesystem().get_file_info(pointer.path)
    # a large file of that name is some other file
    if info.type != fs.FileType.File or info.size > _LONGEST_POINTER:
        return None
    name = pointer.read_bytes().decode("utf-8", "replace").strip()
    return name if NAME.fullmatch(name) else None
