"""Manifests: what a dataset contains, how it was made, and whether it is complete.

A dataset ``DIR/name`` is published by moving its files into place and then
writing ``DIR/name.manifest.json``. The manifest is the commit point: without it
there is no dataset, even if there are files. See docs/FORMATS.md.
"""

from __future__ import annotations

import hashlib
import json
import platform
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime, timezone
from importlib.metadata import version
from typing import Any

from pyarrow import fs

from glove_spark import __version__
from glove_spark.errors import DatasetError
from glove_spark.store.checksums import FileState, Hasher, file_states
from glove_spark.store.location import TEMPORARY, Location

SUFFIX = ".manifest.json"

MANIFEST_VERSION = 2
"""The version of the manifest's own layout; version 1 had sizes but no checksums."""


def fingerprint(content: Any) -> str:
    """Hash JSON content: the same content gives the same 32 hexadecimal digits."""
    canonical = json.dumps(content, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()[:32]


def software_versions() -> dict[str, str]:
    """Return the versions of the packages that make a dataset, by name."""
    packages = {name: version(name) for name in ("pyspark", "numpy", "scipy", "pyarrow")}
    # executors may run the package from a zip file, without package metadata
    return {"glove_spark": __version__, **packages, "python": platform.python_version()}


@dataclass(frozen=True)
class Recipe:
    """Everything that determines a dataset's content.

    Attributes
    ----------
    stage
        The stage that makes it, for example ``"cooccurrence"``.
    format_version
        Version of the dataset's layout.
    settings
        The stage's options that change the result.
    inputs
        Fingerprint of every input by its name.
    """

    stage: str
    format_version: int
    settings: Mapping[str, Any]
    inputs: Mapping[str, str]

    @property
    def fingerprint(self) -> str:
        """The hash of the recipe; equal recipes make equal datasets."""
        return fingerprint(asdict(self))

    def differences(self, other: Recipe) -> list[str]:
        """Describe how ``other`` (the wanted recipe) differs from this one (the existing)."""
        found = []
        if self.format_version != other.format_version:
            found.append(f"format version {self.format_version} is now {other.format_version}")
        for name in sorted({*self.settings, *other.settings}):
            before, after = self.settings.get(name), other.settings.get(name)
            if before != after:
                found.append(f"{name} was {_shown(before)} and is now {_shown(after)}")
        for name in sorted({*self.inputs, *other.inputs}):
            if self.inputs.get(name) != other.inputs.get(name):
                found.append(f"{name} has changed")
        return found


def _shown(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 80 else text[:77] + "..."


@dataclass(frozen=True)
class Manifest:
    """The record next to a published dataset.

    Attributes
    ----------
    recipe
        Everything that determined the content.
    files
        State of every file, by its path within the dataset; the empty path
        where the dataset is a single file.
    facts
        Facts about the content: row counts, sums, shapes.
    timings
        Seconds by name.
    lineage
        Fingerprint of every dataset that this one was made from, directly or indirectly.
    software
        Versions that made it.
    created
        ISO 8601 time in UTC.
    """

    recipe: Recipe
    files: Mapping[str, FileState]
    facts: Mapping[str, Any]
    timings: Mapping[str, float] = field(default_factory=dict)
    lineage: Mapping[str, str] = field(default_factory=dict)
    software: Mapping[str, str] = field(default_factory=software_versions)
    created: str = field(
        default_factory=lambda: datetime.now(timezone.utc).isoformat(timespec="seconds")
    )

    @property
    def fingerprint(self) -> str:
        """Fingerprint of the recipe, by which later stages identify this dataset."""
        return self.recipe.fingerprint

    @classmethod
    def location(cls, dataset: Location) -> Location:
        """Return the location of the manifest of ``dataset``."""
        return dataset.parent / (dataset.name + SUFFIX)

    def write(self, dataset: Location) -> None:
        """Write it next to ``dataset``, which exists from then on."""
        recipe = asdict(self.recipe)
        content = {
            "manifest_version": MANIFEST_VERSION,
            "dataset": dataset.name,
            "stage": recipe["stage"],
            "format_version": recipe["format_version"],
            "fingerprint": self.fingerprint,
            "settings": recipe["settings"],
            "inputs": recipe["inputs"],
            "lineage": dict(self.lineage),
            "facts": dict(self.facts),
            "timings": {name: round(seconds, 3) for name, seconds in self.timings.items()},
            "files": {name: state._asdict() for name, state in self.files.items()},
            "software": dict(self.software),
            "created": self.created,
        }
        self.location(dataset).write_json(content | {"checksum": fingerprint(content)})

    @classmethod
    def read(cls, dataset: Location) -> Manifest | None:
        """Read the manifest of ``dataset``; ``None`` if there is none.

        Raises
        ------
        DatasetError
            If it is not a manifest of glove_spark, was changed, or has a version
            that this one does not know.
        """
        location = cls.location(dataset)
        if not location.exists():
            return None
        written = location.read_bytes()
        try:
            content = json.loads(written)
            version = content.get("manifest_version", 1)
        except (ValueError, AttributeError, RecursionError) as error:
            raise DatasetError(
                f"{location.shown} is not a valid manifest ({error}); delete it and run the stage "
                "again"
            ) from None
        if version != MANIFEST_VERSION:
            raise DatasetError(
                f"{location.shown} is a manifest of version {version!r:.40}, but this glove_spark "
                f"reads {MANIFEST_VERSION}; use the glove_spark that made it, or delete the "
                "manifest and run the stage again"
            )
        if content.pop("checksum", None) != fingerprint(content):
            raise DatasetError(
                f"{location.shown} is damaged or was edited: its checksum is wrong; delete it and "
                "run the stage again"
            )
        try:
            recipe = Recipe(
                stage=_text(content["stage"]),
                format_version=_whole(content["format_version"]),
                settings=_members(content["settings"], _anything),
                inputs=_members(content["inputs"], _text),
            )
            if content["fingerprint"] != recipe.fingerprint:
                raise ValueError("its fingerprint does not match its content")
            return cls(
                recipe=recipe,
                files=_files(content["files"]),
                facts=Facts(_members(content["facts"], _anything), location.shown),
                timings=_members(content["timings"], _number),
                lineage=_members(content["lineage"], _text),
                software=_members(content["software"], _text),
                created=_text(content["created"]),
            )
        except (ValueError, KeyError, TypeError) as error:
            raise DatasetError(
                f"{location.shown} is not a valid manifest ({error}); delete it and run the stage "
                "again"
            ) from None

    def damaged_files(self, dataset: Location, hasher: Hasher | None = file_states) -> list[str]:
        """Return the names of files that are missing or changed.

        Parameters
        ----------
        hasher
            Reads the files; with ``None`` only their sizes are compared.
        """
        present = file_sizes(dataset)
        damaged = [name for name, state in self.files.items() if present.get(name) != state.bytes]
        if damaged or hasher is None:
            return damaged
        names = list(self.files)
        found = hasher([located(dataset, name) for name in names])
        return [name for name, state in zip(names, found, strict=True) if self.files[name] != state]


class Facts(dict[str, Any]):
    """The facts of a manifest; a missing fact raises `DatasetError`, not `KeyError`.

    Parameters
    ----------
    shown
        The name of the manifest, for the message.
    """

    def __init__(self, content: Mapping[str, Any], shown: str) -> None:
        super().__init__(content)
        self._shown = shown

    def __missing__(self, name: str) -> Any:
        raise DatasetError(f"{self._shown} has no fact {name!r}; delete it and run the stage again")


def _anything(value: Any) -> Any:
    return value


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{value!r:.40} must be a string")
    return value


def _whole(value: Any) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise TypeError(f"{value!r:.40} must be an integer from 0")
    return value


def _number(value: Any) -> float:
    if not isinstance(value, (int, float)) or isinstance(value, bool):
        raise TypeError(f"{value!r:.40} must be a number")
    return value


def _members(value: Any, check: Callable[[Any], Any]) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise TypeError(f"{value!r:.40} must be an object")
    return {name: check(item) for name, item in value.items()}


def _files(value: Any) -> dict[str, FileState]:
    found = _members(value, lambda state: FileState(_whole(state["bytes"]), _text(state["sha256"])))
    for name in found:
        # an untrusted manifest must not name files outside its dataset
        inside = all(part not in ("", ".", "..") for part in name.split("/"))
        if not (inside or name == "") or "\\" in name or "\0" in name:
            raise ValueError(f"{name!r} is not a path inside the dataset")
    return found


def located(dataset: Location, name: str) -> Location:
    """Return the file of a dataset that a manifest calls ``name``."""
    return dataset / name if name else dataset


def list_files(dataset: Location, hasher: Hasher = file_states) -> dict[str, FileState]:
    """Return the state of every file of a dataset, by its path in the dataset."""
    names = list(file_sizes(dataset))
    states = hasher([located(dataset, name) for name in names])
    return dict(zip(names, states, strict=True))


def file_sizes(dataset: Location) -> dict[str, int]:
    """List every file of a dataset with its size in bytes."""
    kind = dataset.kind()
    if kind == fs.FileType.File:
        return {"": dataset.filesystem().get_file_info(dataset.path).size}
    return {
        info.path[len(dataset.path) + 1 :]: info.size
        for info in dataset.walk()
        if info.type == fs.FileType.File
        # a slower copy of a task may still be writing
        and not info.base_name.endswith((".crc", TEMPORARY))
        and info.base_name != "_SUCCESS"
    }


@dataclass(frozen=True)
class Dataset:
    """A committed dataset.

    Attributes
    ----------
    location, manifest
        Its location and its manifest.
    made
        Whether this process has just made it; False if it existed before.
    """

    location: Location
    manifest: Manifest
    made: bool = field(default=False, compare=False)

    @property
    def name(self) -> str:
        """Its name in the output folder."""
        return self.location.name

    @property
    def facts(self) -> Mapping[str, Any]:
        """Facts about the content."""
        return self.manifest.facts

    def files(self, suffix: str) -> list[Location]:
        """List its data files with the given ending, in the order of their names."""
        return [
            self.location / name for name in sorted(self.manifest.files) if name.endswith(suffix)
        ]
