"""How a dataset comes into an output folder, and how it is opened again. No Spark here."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pyarrow import fs

from glove_spark.errors import DatasetError, InputError, OutputError
from glove_spark.manifest import SUFFIX, Dataset, Manifest, Recipe, file_sizes
from glove_spark.storage import Location

MARKER = ".glove_spark"
"""The file that tells an output folder of ours from one that holds something else."""


def claim_folder(root: Location) -> None:
    """Make ``root`` an output folder of ours.

    Raises
    ------
    OutputError
        If it is a file, or a folder that holds something else.
    """
    marker = root / MARKER
    if marker.exists():
        return
    kind = root.kind()
    if kind == fs.FileType.File or (kind != fs.FileType.NotFound and root.walk(recursive=False)):
        raise OutputError(f"output={root.shown} holds something else; name a new or empty folder")
    root.make_folder()
    marker.write_bytes(b"The output of glove_spark; see the manifests.\n")


def publish_dataset(
    unfinished: Location,
    target: Location,
    recipe: Recipe,
    facts: Mapping[str, Any],
    timings: Mapping[str, float],
) -> Dataset:
    """Move a whole dataset into place, instead of what is there, and write its manifest."""
    manifest = Manifest(recipe, file_sizes(unfinished), facts, timings)
    # the old manifest goes first: a crash between these lines leaves no dataset, never a mixed one
    Manifest.location(target).delete()
    target.delete()
    unfinished.publish_to(target)
    manifest.write(target)
    return Dataset(target, manifest)


def open_dataset(location: Location) -> Dataset:
    """Open a published dataset, checking that it is whole.

    Raises
    ------
    InputError
        If it has not been made yet.
    DatasetError
        If files are missing or have another size.
    """
    manifest = Manifest.read(location)
    if manifest is None:
        raise InputError(
            f"{location.shown} has not been made yet (no {location.name}{SUFFIX}); "
            "run the stage that makes it first"
        )
    missing = manifest.missing_files(location)
    if missing:
        raise DatasetError(
            f"{location.shown} is not whole: {', '.join(missing[:3])} missing or of another size; "
            "run the stage again with --overwrite"
        )
    return Dataset(location, manifest)
