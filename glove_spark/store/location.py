"""Files by URI, local or remote, through `pyarrow.fs`.

A `Location` is a file system and a path in it. It is small and picklable, so
it can be sent to tasks on executors.
"""

from __future__ import annotations

import errno
import json
import os
import re
import uuid
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import pyarrow as pa
from pyarrow import fs

from glove_spark.errors import ConfigurationError, InputError, StorageError

OBJECT_STORES = ("s3", "gs", "gcs", "abfs", "abfss")
"""Schemes of object stores, where files appear complete or not at all and cannot be renamed."""

SCHEMES = ("file", "hdfs", "viewfs", *OBJECT_STORES)

S3_ATTEMPTS = 8
"""Attempts per request, with pauses that double up to 20 s: half a minute in all."""

REQUESTS_AT_ONCE = 16
"""Copies and deletions at the same time: on an object store each waits for an answer."""

_LARGEST_SERVER_COPY = 5 << 30
"""Bytes. S3 copies larger objects only in parts, which pyarrow does not support."""

TEMPORARY = ".tmp"
"""Ending of files and folders that have not been published yet."""


@dataclass(frozen=True)
class Location:
    """A file or folder, local or remote.

    Attributes
    ----------
    uri
        An absolute URI without a trailing slash, such as ``file:///data/out`` or
        ``s3://bucket/out``.
    """

    uri: str

    @classmethod
    def of(cls, path: str | os.PathLike[str] | Location) -> Location:
        """Make a location from a local path (relative ones too) or a URI.

        Raises
        ------
        ConfigurationError
            If the URI's scheme is unknown, or the URI contains a password or key.
        """
        if isinstance(path, Location):
            return path
        text = _with_known_scheme(os.fspath(path))
        if "://" not in text:
            # the path is kept as it is, not percent-encoded: names may contain spaces and '%'
            text = "file://" + os.path.abspath(os.path.expanduser(text))
        scheme, rest = text.split("://", 1)
        authority = rest.split("/", 1)[0]
        if scheme not in SCHEMES:
            raise ConfigurationError(
                f"{scheme}:// is not supported; name a local path or a URI with one of the schemes "
                f"{', '.join(SCHEMES)}"
            )
        user, at, _ = authority.rpartition("@")
        if at and (":" in user or scheme in ("s3", "gs", "gcs")):
            # logs and manifests would show the key; so the message does not repeat it either
            raise ConfigurationError(
                f"a {scheme}:// URI must not contain a key or password; give it in the environment "
                "(AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY) or in the configuration of the store"
            )
        return cls(text.rstrip("/"))

    @property
    def is_local(self) -> bool:
        """Whether ordinary file functions and memory maps work on it."""
        return self.uri.startswith("file://")

    @property
    def is_in_object_store(self) -> bool:
        """Whether it is on an object store, where files appear complete and cannot be renamed."""
        return self.uri.split("://", 1)[0] in OBJECT_STORES

    @property
    def path(self) -> str:
        """The path within its file system, for functions of `pyarrow.fs`."""
        scheme, rest = self.uri.split("://", 1)
        authority, slash, inner = rest.partition("/")
        if scheme in ("hdfs", "viewfs"):
            return "/" + inner
        if scheme in ("abfs", "abfss"):
            return authority.partition("@")[0] + slash + inner
        return rest

    @property
    def name(self) -> str:
        """The last component of the path."""
        return self.uri.rsplit("/", 1)[1]

    @property
    def parent(self) -> Location:
        """The folder that contains it."""
        return Location(self.uri.rsplit("/", 1)[0])

    @property
    def shown(self) -> str:
        """The name for messages: a plain path if it is local."""
        return self.path if self.is_local else self.uri

    def __truediv__(self, name: str) -> Location:
        return Location(f"{self.uri}/{name}")

    def filesystem(self, attempts: int = S3_ATTEMPTS) -> fs.FileSystem:
        """Open its file system; credentials come from the environment."""
        if self.is_local:
            return fs.LocalFileSystem()
        scheme, rest = self.uri.split("://", 1)
        return _remote_filesystem(scheme, rest.split("/", 1)[0], os.getpid(), attempts)

    def found(self, info: fs.FileInfo) -> Location:
        """Return the location of a file that `walk` found here, or of this folder itself."""
        return Location(self.uri + info.path[len(self.path) :])

    def for_spark_reader(self) -> str:
        """Return it for Spark's readers, which take patterns, so special characters are escaped.

        Spark's writers take the URI as it is, because Hadoop does not decode paths.
        """
        return re.sub(r"([\\{}\[\]*?])", r"\\\1", self.uri)

    def kind(self) -> fs.FileType:
        """Return whether it is a file, a directory or not found."""
        with reading(self):
            return self.filesystem().get_file_info(self.path).type

    def exists(self) -> bool:
        """Return whether a file or folder exists."""
        return bool(self.kind() != fs.FileType.NotFound)

    def walk(self, *, recursive: bool = True) -> list[fs.FileInfo]:
        """List the files and folders inside by path, relative to this folder."""
        selector = fs.FileSelector(self.path, recursive=recursive, allow_not_found=True)
        with reading(self):
            found = self.filesystem().get_file_info(selector)
        return sorted(found, key=lambda info: info.path)

    def make_folder(self) -> Location:
        """Create the folder and those above it."""
        with writing(self):
            self.filesystem().create_dir(self.path, recursive=True)
        return self

    def discard(self) -> None:
        """Remove it if that is possible without waiting, because an error is being raised."""
        with suppress(OSError):
            self.delete(attempts=1)

    def delete(self, attempts: int = S3_ATTEMPTS) -> None:
        """Remove a file or a whole folder, if it exists."""
        with writing(self):
            system = self.filesystem(attempts)
            kind = system.get_file_info(self.path).type
            if kind == fs.FileType.Directory:
                system.delete_dir(self.path)
            elif kind != fs.FileType.NotFound:
                system.delete_file(self.path)

    def temporary_sibling(self) -> Location:
        """Return a hidden, unique name in the same folder, for writing before publishing."""
        return self.parent / f".{self.name}.{uuid.uuid4().hex[:12]}{TEMPORARY}"

    def move_to(self, target: Location) -> None:
        """Move this file or folder to ``target``, which must not exist as a folder.

        On a disk this is one atomic rename. An object store has no rename: files are copied
        within the store, and deleted when all are copied. The manifest is written last, so that no
        reader uses an incomplete dataset.
        """
        system = self.filesystem()
        with writing(target):
            if not self.is_in_object_store:
                system.move(self.path, target.path)
                return
            sources = [self]
            if self.kind() != fs.FileType.File:
                sources = [self.found(info) for info in self.walk() if info.is_file]
            with ThreadPoolExecutor(REQUESTS_AT_ONCE) as threads:
                list(threads.map(lambda file: file.copy_to(self._moved(file, target)), sources))
            self.delete()

    def _moved(self, file: Location, target: Location) -> Location:
        return Location(target.uri + file.uri[len(self.uri) :])

    def copy_to(self, target: Location) -> None:
        """Copy this file within its file system."""
        with writing(target):
            system = self.filesystem()
            if system.get_file_info(self.path).size <= _LARGEST_SERVER_COPY:
                system.copy_file(self.path, target.path)
            else:
                fs.copy_files(self.path, target.path, system, system, use_threads=False)

    @contextmanager
    def written_whole(self) -> Iterator[Location]:
        """Yield a temporary name to write to; it is renamed to this one if the block succeeds.

        Tasks that run twice (retried, speculative) use different temporary names, and the
        later one replaces the equal file of the earlier one.
        """
        temporary = self.temporary_sibling()
        try:
            yield temporary
        except BaseException:
            temporary.discard()
            raise
        temporary.move_to(self)

    def read_bytes(self) -> bytes:
        """Read a whole small file."""
        try:
            with (
                reading(self),
                self.filesystem().open_input_stream(self.path, compression=None) as source,
            ):
                return bytes(source.read())
        except FileNotFoundError:
            raise InputError(f"{self.shown} does not exist; check the path") from None

    def write_bytes(self, content: bytes) -> None:
        """Write a small file so that readers see either the old content or the new one."""
        with self.written_whole() as temporary, temporary.open_output() as sink:
            sink.write(content)

    def write_json(self, content: Any) -> None:
        """Write JSON, indented, with members in the given order."""
        self.write_bytes((json.dumps(content, indent=2, ensure_ascii=False) + "\n").encode())

    def open_input(self) -> pa.NativeFile:
        """Open for random access; memory-mapped if the file system is local."""
        with reading(self):
            if self.is_local:
                return pa.memory_map(self.path, "r")
            return self.filesystem().open_input_file(self.path)

    @contextmanager
    def open_output(self) -> Iterator[pa.NativeFile]:
        """Open for writing; a full disk raises `StorageError`."""
        with (
            writing(self),
            self.filesystem().open_output_stream(self.path, compression=None) as sink,
        ):
            yield sink


_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]+):/+")
"""A scheme has at least two letters: a single one is a drive of Windows or a folder's name."""


def _with_known_scheme(text: str) -> str:
    """Return a URI in one spelling: ``scheme:/path`` and ``scheme://path`` mean the same.

    Hadoop's ``s3a`` and ``s3n`` become ``s3``. Files of this machine become paths, and so do those
    of Databricks, which mounts ``dbfs:/`` at ``/dbfs``.

    Raises
    ------
    ConfigurationError
        If the meaning is not certain.
    """
    found = _SCHEME.match(text)
    if found is None:
        return text
    scheme, rest = found[1].lower(), text[found.end() :]
    slashes = found[0].count("/")
    if scheme == "file":
        if slashes == 2 and not rest.startswith("localhost/"):
            raise ConfigurationError(
                f"{text} names the machine {rest.partition('/')[0]!r}, but only files of this "
                f"machine can be read; write file:///{rest} or the path /{rest}"
            )
        return "/" + rest.removeprefix("localhost/" if slashes == 2 else "")
    if scheme == "dbfs":
        if os.path.isdir("/dbfs"):
            return "/dbfs/" + rest
        raise ConfigurationError(
            f"{text} is a Databricks path, but /dbfs is not mounted here; write a path under "
            "/Volumes or a URI of the object store, such as s3://bucket/path"
        )
    scheme = {"s3a": "s3", "s3n": "s3", "gcs": "gs"}.get(scheme, scheme)
    if slashes == 1:
        authority = "/" if scheme in ("hdfs", "viewfs") else ""
        written = f"{scheme}://{authority}{rest}" if scheme in SCHEMES else f"./{text}"
        meant = "" if scheme in SCHEMES else ", if a folder of that name is meant"
        raise ConfigurationError(
            f"{text} has only one slash after its scheme, and would be a folder named "
            f"{text.partition('/')[0]!r}; write {written}{meant}"
        )
    return f"{scheme}://{text[len(found[1]) + 3 :]}"


def delete_files(files: Sequence[Location]) -> None:
    """Remove many files, or folders."""
    with ThreadPoolExecutor(REQUESTS_AT_ONCE) as threads:
        list(threads.map(lambda file: file.delete(), files))


@contextmanager
def reading(source: Location) -> Iterator[None]:
    """Convert read errors to `StorageError`, but not `FileNotFoundError`."""
    try:
        yield
    except (FileNotFoundError, StorageError):
        raise
    except OSError as error:
        refused = StorageError(
            f"cannot read {source.shown}: {error}; check the path, and that the storage can be "
            "reached"
        )
        refused.errno = error.errno
        raise refused from error


@contextmanager
def writing(target: Location) -> Iterator[None]:
    """Convert write errors of the operating system to `StorageError`."""
    try:
        yield
    except StorageError:
        raise
    except OSError as error:
        if error.errno == errno.ENOSPC:
            reason = "the disk is full; free some space, or name another output folder"
        elif error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
            reason = "there is no permission to write there; name another output folder"
        else:
            reason = f"{error}; check the path, and that the storage can be reached"
        raise StorageError(f"cannot write {target.shown}: {reason}") from error


@lru_cache(maxsize=16)
def _remote_filesystem(scheme: str, authority: str, process: int, attempts: int) -> fs.FileSystem:
    """Open a file system once per process: a connection cannot be used after a fork."""
    if scheme != "s3":
        return fs.FileSystem.from_uri(f"{scheme}://{authority}/")[0]
    # the region of a bucket is looked up, but not if the server is not Amazon's
    region = os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION")
    endpoint = os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get("AWS_ENDPOINT_URL")
    with writing(Location(f"s3://{authority}")):
        if region is None and endpoint is None:
            region = fs.resolve_s3_region(authority)
    return fs.S3FileSystem(
        region=region,
        endpoint_override=endpoint,
        retry_strategy=fs.AwsStandardS3RetryStrategy(max_attempts=attempts),
    )
