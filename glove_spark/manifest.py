"""Manifests: what a dataset is, what made it, and whether it is whole.

A dataset ``DIR/name`` is published by moving its files into place and then
writing ``DIR/name.manifest.json``. The manifest is the commit point: without it
there is no dataset, whatever files lie there. See docs/FORMATS.md.
"""

from __future__ import annotations

import hashlib
import json
import platform
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime, timezone
from importlib.metadata import version
from typing import Any

from pyarrow import fs

from glove_spark import __version__
from glove_spark.errors import DatasetError
from glove_spark.storage import TEMPORARY, Location

SUFFIX = ".manifest.json"


def fingerprint(content: Any) -> str:
    """Hash JSON content: the same content gives the same 32 hexadecimal digits."""
    canonical = json.dumps(content, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()[:32]


def software_versions() -> dict[str, str]:
    """Name the versions of what made a dataset."""
    packages = {name: version(name) for name in ("pyspark", "numpy", "scipy", "pyarrow")}
    # executors may run us from a zip file, where no package metadata is installed
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
        """Hash of the recipe; equal recipes make equal datasets."""
        return fingerprint(asdict(self))

    def differences(self, other: Recipe) -> list[str]:
        """Say in words how ``other`` (wanted) differs from this (present)."""
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
    """The record beside a published dataset.

    Attributes
    ----------
    recipe
        What determined the content.
    files
        Size in bytes of every file, by its path within the dataset; the empty
        path where the dataset is a single file.
    facts
        What is known of the content: row counts, sums, shapes.
    timings
        Seconds by name.
    software
        Versions that made it.
    created
        ISO 8601 time in UTC.
    """

    recipe: Recipe
    files: Mapping[str, int]
    facts: Mapping[str, Any]
    timings: Mapping[str, float] = field(default_factory=dict)
    software: Mapping[str, str] = field(default_factory=software_versions)
    created: str = field(
        default_factory=lambda: datetime.now(timezone.utc).isoformat(timespec="seconds")
    )

    @property
    def fingerprint(self) -> str:
        """Fingerprint of the recipe, by which later stages name this dataset."""
        return self.recipe.fingerprint

    @classmethod
    def location(cls, dataset: Location) -> Location:
        """Where the manifest of ``dataset`` is."""
        return dataset.parent / (dataset.name + SUFFIX)

    def write(self, dataset: Location) -> None:
        """Write beside ``dataset``: from here on it exists."""
        recipe = asdict(self.recipe)
        content = {
            "dataset": dataset.name,
            "stage": recipe["stage"],
            "format_version": recipe["format_version"],
            "fingerprint": self.fingerprint,
            "settings": recipe["settings"],
            "inputs": recipe["inputs"],
            "facts": dict(self.facts),
            "timings": {name: round(seconds, 3) for name, seconds in self.timings.items()},
            "files": dict(self.files),
            "software": dict(self.software),
            "created": self.created,
        }
        self.location(dataset).write_json(content)

    @classmethod
    def read(cls, dataset: Location) -> Manifest | None:
        """Read the manifest of ``dataset``; ``None`` where there is none.

        Raises
        ------
        DatasetError
            If it is not a manifest of ours, or its recipe does not give its
            fingerprint.
        """
        location = cls.location(dataset)
        if not location.exists():
            return None
        try:
            content = json.loads(location.read_bytes())
            manifest = cls(
                recipe=Recipe(
                    stage=content["stage"],
                    format_version=content["format_version"],
                    settings=content["settings"],
                    inputs=content["inputs"],
                ),
                files=content["files"],
                facts=content["facts"],
                timings=content["timings"],
                software=content["software"],
                created=content["created"],
            )
            honest = content["fingerprint"] == manifest.fingerprint
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise DatasetError(
                f"{location.shown} is not a manifest ({error}); delete it to redo the stage"
            ) from None
        if not honest:
            raise DatasetError(
                f"{location.shown} was changed by hand: its fingerprint does not fit; "
                "delete it to redo the stage"
            )
        return manifest

    def missing_files(self, dataset: Location) -> list[str]:
        """Name the files that are not there or have another size."""
        present = file_sizes(dataset)
        return [name for name, size in self.files.items() if present.get(name) != size]


def file_sizes(dataset: Location) -> dict[str, int]:
    """List every file of a dataset with its size in bytes."""
    kind = dataset.kind()
    if kind == fs.FileType.File:
        return {"": dataset.filesystem().get_file_info(dataset.path).size}
    return {
        info.path[len(dataset.path) + 1 :]: info.size
        for info in dataset.walk()
        if info.type == fs.FileType.File
        # an attempt of a task that another overtook may still be writing
        and not info.base_name.endswith((".crc", TEMPORARY))
        and info.base_name != "_SUCCESS"
    }


@dataclass(frozen=True)
class Dataset:
    """A published dataset: where it is and what its manifest says."""

    location: Location
    manifest: Manifest

    @property
    def name(self) -> str:
        """Its name in the output folder."""
        return self.location.name

    @property
    def facts(self) -> Mapping[str, Any]:
        """What is known of the content."""
        return self.manifest.facts

    def files(self, suffix: str) -> list[Location]:
        """List its data files with the given ending, in the order of their names."""
        return [
            self.location / name for name in sorted(self.manifest.files) if name.endswith(suffix)
        ]
