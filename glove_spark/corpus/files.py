"""Find the files of the corpus, each once."""

from __future__ import annotations

import logging
import os
import re
import stat
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from pyarrow import fs

from glove_spark.corpus.formats import check_size, file_format
from glove_spark.errors import EmptyInputError, InputError
from glove_spark.settings.stages import TokenizeSettings
from glove_spark.store.checksums import Hasher, file_states
from glove_spark.store.dataset import MARKER
from glove_spark.store.location import Location
from glove_spark.store.manifest import fingerprint

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class CorpusFile:
    """One file of the corpus: its location, and what identifies its content."""

    location: Location
    size: int
    modified_ns: int


class Skipped(NamedTuple):
    """The numbers of files below the input that were not read, by reason.

    Attributes
    ----------
    hidden
        Files that Spark ignores by their own name or that of a folder above them, and files that
        are still being copied.
    empty
        Files of zero bytes.
    repeated
        Further names of a file that is already read: links, or a path given twice.
    output
        Folders that glove_spark itself wrote.
    broken
        Broken links.
    """

    hidden: int = 0
    empty: int = 0
    repeated: int = 0
    output: int = 0
    broken: int = 0


class Corpus(NamedTuple):
    """The files of the corpus, ordered by path, and the numbers of skipped files."""

    files: list[CorpusFile]
    skipped: Skipped


def find_files(settings: TokenizeSettings, *, announce: bool = True) -> Corpus:
    """List the files that ``settings.input`` names, each once.

    Folders are read with everything below them, also through links, but each folder once. Files and
    folders that Spark ignores (`is_hidden`), files of zero bytes, broken links, and output folders
    of glove_spark are skipped, with a warning if ``announce``.

    Raises
    ------
    InputError
        If a path does not exist or cannot be listed, no file remains, a folder is a table of
        another system (Delta, Iceberg, Hudi), or Hadoop cannot open a file because of its name.
    """
    search = FileSearch()
    for pattern in settings.input:
        search.add(pattern)
    skipped = search.skipped()
    if announce:
        _warn_of(skipped, search.broken)
    if not search.found:
        raise EmptyInputError(
            f"input={', '.join(settings.input)} contains no file to read ({skipped.hidden} hidden "
            f"and {skipped.empty} empty files were skipped); name files, or folders or patterns "
            "that contain some"
        )
    for file in search.found.values():
        _check_file(file, settings)
    return Corpus([search.found[uri] for uri in sorted(search.found)], skipped)


def _warn_of(skipped: Skipped, broken: list[str]) -> None:
    for number, text in (
        (skipped.hidden, "hidden files skipped (a file or folder name begins with . or _)"),
        (skipped.empty, "empty files skipped"),
        (skipped.repeated, "other names of the same files skipped (links, or given twice)"),
        (skipped.output, "output folders of glove_spark skipped"),
    ):
        if number:
            log.warning("tokenize: %s %s", f"{number:,}", text)
    if broken:
        more = f" and {len(broken) - 3:,} more" if len(broken) > 3 else ""
        log.warning("tokenize: broken links skipped: %s%s", ", ".join(broken[:3]), more)


class FileSearch:
    """Find the files of patterns, each real file once.

    Attributes
    ----------
    found
        The files, by URI.
    broken
        Broken links.
    """

    def __init__(self) -> None:
        self.found: dict[str, CorpusFile] = {}
        self.broken: list[str] = []
        self._hidden = self._empty = self._repeated = self._output = 0
        self._seen: set[object] = set()

    def skipped(self) -> Skipped:
        """Count the skipped files."""
        return Skipped(self._hidden, self._empty, self._repeated, self._output, len(self.broken))

    def add(self, pattern: str) -> None:
        """Find the files of one path or pattern."""
        root = Location.of(pattern)
        try:
            if root.is_local and is_stream(root.path):
                raise InputError(
                    f"input={pattern} is a pipe or a device, and text is read several times; write "
                    "it to a file first"
                )
            kind = root.kind()
            if kind == fs.FileType.File:
                self._file(root, root.filesystem().get_file_info(root.path), within=root.parent)
                return
            if kind == fs.FileType.Directory:
                if (root / MARKER).exists():
                    raise InputError(
                        f"input={pattern} is an output folder of glove_spark; name the folder of "
                        "the text"
                    )
                self._folder(root)
                return
            if root.is_local and os.path.islink(root.path):
                raise InputError(f"input={pattern} is a broken link; check the path")
            if not re.search(r"[*?\[]", root.path):
                raise InputError(f"input={pattern} does not exist; check the path")
            self._pattern(pattern, root)
        except OSError as error:
            raise InputError(
                f"input={pattern} cannot be read: {error}; check the path and its permissions"
            ) from None

    def _pattern(self, pattern: str, root: Location) -> None:
        base = Location(re.split(r"[^/]*[*?\[]", root.uri, maxsplit=1)[0].rstrip("/"))
        wanted = glob_to_regex(root.uri)
        if not self._folder(base, wanted):
            raise InputError(f"input={pattern} does not exist; check the path")

    def _folder(self, root: Location, wanted: re.Pattern[str] | None = None) -> int:
        """Add the files below a folder that match; return how many matched, with skipped ones."""
        entries = _local_files(root, self) if root.is_local else _remote_files(root)
        matches = 0
        for location, info in entries:
            if wanted is None or wanted.match(location.uri):
                matches += 1
                self._file(location, info, within=root)
        return matches

    def enter(self, folder: Location, names: Iterable[str]) -> bool:
        """Return whether a folder below the input is read.

        Parameters
        ----------
        names
            The names of its content.

        Raises
        ------
        InputError
            If the folder is a table of another system.
        """
        refuse_table(folder, names)
        if MARKER in names:
            self._output += 1
            return False
        return True

    def _file(self, location: Location, info: fs.FileInfo, *, within: Location) -> None:
        inside = location.uri[len(within.uri) :].strip("/").split("/")
        if any(is_hidden(name) for name in inside):
            self._hidden += 1
        elif info.size == 0:
            self._empty += 1
        elif self._is_new(location):
            self.found[location.uri] = CorpusFile(location, info.size, info.mtime_ns or 0)
        else:
            self._repeated += 1

    def _is_new(self, location: Location) -> bool:
        key: object = location.uri
        if location.is_local:
            state = os.stat(location.path)
            key = state.st_dev, state.st_ino
        if key in self._seen:
            return False
        self._seen.add(key)
        return True


def _local_files(root: Location, search: FileSearch) -> Iterator[tuple[Location, fs.FileInfo]]:
    """List the files below a local folder, through links, each real folder once."""
    entered = set()

    def refuse(error: OSError) -> None:
        # if it were skipped, text would be missing without an error
        raise error

    for parent, folders, names in os.walk(root.path, onerror=refuse, followlinks=True):
        state = os.stat(parent)
        here = Location(root.uri + parent[len(root.path) :])
        if (state.st_dev, state.st_ino) in entered or not search.enter(here, [*folders, *names]):
            folders.clear()
            continue
        entered.add((state.st_dev, state.st_ino))
        folders.sort()
        for name in sorted(names):
            path = os.path.join(parent, name)
            try:
                # as the bytes of the name, which may not be UTF-8
                path.encode()
            except UnicodeEncodeError:
                how = "" if sys.getfilesystemencoding() == "utf-8" else ", or set LC_ALL=C.UTF-8"
                raise InputError(
                    f"input={os.fsencode(path)!r} has a name that is not UTF-8 here; rename it{how}"
                ) from None
            if not os.path.exists(path):
                search.broken.append(path)
            elif os.path.isfile(path):
                yield here / name, fs.LocalFileSystem().get_file_info(path)


def _remote_files(root: Location) -> Iterator[tuple[Location, fs.FileInfo]]:
    infos = [info for info in root.walk() if info.is_file]
    places = [(root.found(info), info) for info in infos]
    ours = {place.parent.uri for place, info in places if info.base_name == MARKER}
    names: dict[Location, set[str]] = {}
    for place, _ in places:
        while place.uri != root.uri:
            names.setdefault(place.parent, set()).add(place.name)
            place = place.parent
    for folder, held in names.items():
        refuse_table(folder, held)
    for place, info in places:
        if not any(place.uri.startswith(f"{folder}/") for folder in ours):
            yield place, info


_TABLES = {"_delta_log": "Delta", ".hoodie": "Hudi"}


def refuse_table(folder: Location, names: Iterable[str]) -> None:
    """Raise an error for a folder whose Parquet files also contain deleted rows of a table.

    Raises
    ------
    InputError
        Names the remedy.
    """
    held = set(names)
    system = next((name for sign, name in _TABLES.items() if sign in held), None)
    if system is None and {"metadata", "data"} <= held:
        inside = (folder / "metadata").walk(recursive=False)
        if any(info.base_name.endswith(".metadata.json") for info in inside):
            system = "Iceberg"
    if system is not None:
        raise InputError(
            f"{folder.shown} is a {system} table, whose files also contain rows that were deleted "
            "or replaced; read it with Spark and give the DataFrame to glove_spark.GloVe, or write "
            "the text column as Parquet and name that folder"
        )


def glob_to_regex(pattern: str) -> re.Pattern[str]:
    """Translate a shell pattern; it may match a folder, which means all files below it.

    ``*`` and ``?`` match within a component of the path, ``**`` also across components.

    >>> bool(glob_to_regex("/data/*.txt").match("/data/a.txt"))
    True
    >>> bool(glob_to_regex("/data/part-[0-3]").match("/data/part-2/deep/a.txt"))
    True
    """
    pieces = []
    for piece in re.findall(r"\*\*/?|\*|\?|\[[^\]/]+\]|.", pattern, re.DOTALL):
        if piece.startswith("**"):
            pieces.append("(?:.*/)?" if piece.endswith("/") else ".*")
        elif piece == "*":
            pieces.append("[^/]*")
        elif piece == "?":
            pieces.append("[^/]")
        elif len(piece) > 1:
            pieces.append("[" + re.sub(r"^!", "^", piece[1:-1]).replace("\\", "\\\\") + "]")
        else:
            pieces.append(re.escape(piece))
    return re.compile("".join(pieces) + "(?:/.*)?$", re.DOTALL)


def is_hidden(name: str) -> bool:
    """Return whether Spark ignores a file or folder with this name.

    >>> [name for name in ("a", ".git", "_temporary", "_y=1", "a._COPYING_") if is_hidden(name)]
    ['.git', '_temporary', 'a._COPYING_']
    """
    of_spark = name.startswith("_") and "=" not in name
    return name.startswith(".") or of_spark or name.endswith("._COPYING_")


def _check_file(file: CorpusFile, settings: TokenizeSettings) -> None:
    shown, name = file.location.shown, file.location.name
    if ":" in name and not file.location.is_in_object_store:
        raise InputError(
            f"input={shown} has a ':' in its name, which Hadoop cannot open; rename it"
        )
    if settings.document == "file" and file_format(file.location, settings) == "text":
        check_size(file.location, file.size)


def is_stream(path: str) -> bool:
    """Return whether a local path is a pipe, a socket or a device."""
    try:
        mode = os.stat(path).st_mode
    except (OSError, ValueError):
        return False
    return not (stat.S_ISREG(mode) or stat.S_ISDIR(mode))


def corpus_fingerprint(files: Sequence[CorpusFile]) -> str:
    """Identify the corpus by the paths, sizes and modification times of its files."""
    return fingerprint([[file.location.uri, file.size, file.modified_ns] for file in files])


def corpus_content(settings: TokenizeSettings, hasher: Hasher = file_states) -> str:
    """Identify the corpus by the content of its files, with any names; this reads all files."""
    try:
        files = [file.location for file in find_files(settings, announce=False).files]
    except EmptyInputError:
        files = []
    return fingerprint(sorted(state.sha256 for state in hasher(files)))
