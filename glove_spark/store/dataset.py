"""Commit a dataset to an output folder, and open it again. This module does not use Spark."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pyarrow import fs

from glove_spark.errors import DatasetError, InputError, OutputError
from glove_spark.store.checksums import Hasher, file_states
from glove_spark.store.format_versions import FORMAT_VERSIONS
from glove_spark.store.location import Location
from glove_spark.store.manifest import SUFFIX, Dataset, Manifest, Recipe, list_files

MARKER = ".glove_spark"
"""The file that marks an output folder of glove_spark."""

FOLLOWED = "update"
"""The stage of datasets of incremental updates, which no other stage replaces."""


def claim_folder(root: Location) -> None:
    """Make ``root`` an output folder of glove_spark.

    Raises
    ------
    OutputError
        If it is a file, or a folder that contains other files.
    """
    marker = root / MARKER
    if marker.exists():
        return
    kind = root.kind()
    if kind == fs.FileType.File or (kind != fs.FileType.NotFound and root.walk(recursive=False)):
        raise OutputError(
            f"output={root.shown} contains files that glove_spark did not write; name a new or "
            "empty folder"
        )
    root.make_folder()
    marker.write_bytes(b"The output of glove_spark; see the manifests.\n")


def refuse_followed(present: Manifest, target: Location, maker: str) -> None:
    """Prevent a stage that counts everything at once from replacing batches.

    Raises
    ------
    DatasetError
        If the dataset belongs to incremental updates, and ``maker`` is not the update.
    """
    if present.recipe.stage == FOLLOWED and maker != FOLLOWED:
        raise DatasetError(
            f"{target.shown} belongs to incremental updates and is not replaced; add text with "
            "glove-spark update, or name another output folder"
        )


def commit_dataset(
    unfinished: Location,
    target: Location,
    recipe: Recipe,
    facts: Mapping[str, Any],
    timings: Mapping[str, float],
    *,
    lineage: Mapping[str, str],
    hasher: Hasher = file_states,
) -> Dataset:
    """Move a complete dataset into place, replace an existing one, and write its manifest."""
    manifest = Manifest(recipe, list_files(unfinished, hasher), facts, timings, lineage)
    # the old manifest is deleted first: a crash here leaves no dataset, and never a mixed one
    Manifest.location(target).delete()
    target.delete()
    unfinished.move_to(target)
    manifest.write(target)
    return Dataset(target, manifest, made=True)


def manifest_of(location: Location) -> Manifest | None:
    """Read a dataset's manifest, if it has one in a layout that this version knows.

    Raises
    ------
    DatasetError
        If it is not a manifest, or of a newer version: datasets of a newer glove_spark are kept.
    """
    manifest = Manifest.read(location)
    known = FORMAT_VERSIONS.get(location.name)
    if manifest is not None and known is not None and manifest.recipe.format_version > known:
        raise DatasetError(
            f"{location.shown} has format version {manifest.recipe.format_version}, but this "
            f"glove_spark reads at most {known}; upgrade glove_spark, or name another output folder"
        )
    return manifest


def open_dataset(location: Location, *, hasher: Hasher | None = file_states) -> Dataset:
    """Open a published dataset, and check that it is complete.

    Parameters
    ----------
    hasher
        Compares checksums; with ``None`` only sizes are compared.

    Raises
    ------
    InputError
        If it has not been made yet.
    DatasetError
        If it has another format version, or files are missing or changed.
    """
    manifest = manifest_of(location)
    if manifest is None:
        raise InputError(
            f"{location.shown} does not exist yet (there is no {location.name}{SUFFIX}); "
            "first run the stage that makes it"
        )
    known = FORMAT_VERSIONS.get(location.name, manifest.recipe.format_version)
    if manifest.recipe.format_version < known:
        raise DatasetError(
            f"{location.shown} has format version {manifest.recipe.format_version}, but this "
            f"glove_spark reads {known}; run its stage again with --overwrite"
        )
    damaged = manifest.damaged_files(location, hasher)
    if damaged:
        raise DatasetError(
            f"{location.shown} is damaged: {name_some(damaged, location)} missing or changed; run "
            "its stage again with --overwrite"
        )
    return Dataset(location, manifest)


def name_some(files: list[str], dataset: Location) -> str:
    """Return the names of the first few of some files of a dataset, for a message."""
    shown = [name or dataset.name for name in files[:3]]
    rest = f" and {len(files) - 3} more" if len(files) > 3 else ""
    return ", ".join(shown) + rest


def lineage_of(inputs: Mapping[str, Dataset]) -> dict[str, str]:
    """Return the fingerprints of the inputs and of all datasets that they were made from, by name.

    Raises
    ------
    DatasetError
        If two inputs were made from different datasets, such as a vocabulary and a model that was
        trained with another vocabulary.
    """
    known: dict[str, tuple[str, str]] = {}
    for name, dataset in inputs.items():
        for source, found in {
            **dataset.manifest.lineage,
            name: dataset.manifest.fingerprint,
        }.items():
            other, by = known.setdefault(source, (found, name))
            if other != found:
                raise DatasetError(
                    f"{inputs[by].location.shown} and {dataset.location.shown} do not belong "
                    f"together: they come from different datasets {source!r}; run the stage of the "
                    "older one again with --overwrite"
                )
    return {source: found for source, (found, _) in known.items()}
