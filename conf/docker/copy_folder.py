"""`start copy FROM TO`: copy a folder to or from an object store; a missing bucket is made."""

from __future__ import annotations

import os
import sys

from pyarrow import fs

from glove_spark.store.location import Location


def make_bucket(target: Location) -> None:
    """Make the bucket of an S3 URI; one that is there stays as it is."""
    # the file system of a location refuses to make buckets: a mistyped one would go unnoticed
    maker = fs.S3FileSystem(
        endpoint_override=os.environ.get("AWS_ENDPOINT_URL"), allow_bucket_creation=True
    )
    maker.create_dir(target.path.partition("/")[0])


def copy(source: Location, target: Location) -> None:
    """Copy all files of a folder."""
    if target.uri.startswith("s3://"):
        make_bucket(target)
    fs.copy_files(
        source.path,
        target.path,
        source_filesystem=source.filesystem(),
        destination_filesystem=target.filesystem(),
    )


def main(arguments: list[str]) -> int:
    """Run `start copy FROM TO`."""
    if len(arguments) != 2:
        sys.stderr.write("start: copy needs two folders: start copy FROM TO\n")
        return 2
    copy(*map(Location.of, arguments))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
