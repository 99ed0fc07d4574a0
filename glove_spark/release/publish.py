"""Make a version the current one, if it is complete and not worse than the previous one."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timezone

from pyarrow import fs

from glove_spark.errors import InputError, QualityError
from glove_spark.evaluation.report import Questions
from glove_spark.exchange.formats import open_vectors
from glove_spark.release.gate import MEAN, TOTAL, falls, gate_scores, questions_fingerprint
from glove_spark.store.dataset import manifest_of
from glove_spark.store.location import Location
from glove_spark.store.verification import verify_folder
from glove_spark.store.versions import (
    Judgement,
    current_version,
    made_at,
    make_current,
    vectors_of,
    version_folder,
)

log = logging.getLogger("glove_spark")


@dataclass(frozen=True)
class Published:
    """The result of a publication in words, and the scores of the version."""

    what: str
    scores: dict[str, float]

    @property
    def shown(self) -> Sequence[str]:
        """The scores to show."""
        return [name for name in (TOTAL, MEAN) if name in self.scores]


def publish_version(
    root: Location,
    name: str,
    questions: Questions,
    *,
    margin: float,
    rollback: bool = False,
) -> Published:
    """Make a version current, unless it is worse than the current one.

    Parameters
    ----------
    margin
        The number of points by which scores may fall.
    rollback
        Publish it even if it is older than the current version, with any scores.

    Raises
    ------
    InputError
        If there is no version with this name.
    DatasetError
        If it is damaged.
    QualityError
        If its scores fall by more than the margin. The current version stays.
    """
    version = version_folder(root, name)
    if version.kind() != fs.FileType.Directory:
        raise InputError(
            f"version={name}: {version.shown} does not exist; make it with the commands blocks, "
            f"train and export and --output {version.shown} --reuse {root.shown}"
        )
    # checked first: a folder without vectors is not a version
    vectors_of(version)
    verify_folder(version)
    current = current_version(root)
    before = version_folder(root, current) if current is not None and current != name else None
    if before is not None and manifest_of(before / "vectors") is None:
        log.warning(
            "publish: the current version %s no longer has vectors, so %s is not compared with it",
            current,
            name,
        )
        before = None
    older = before is not None and made_at(version) < made_at(before)
    if older and not rollback:
        scores = (Judgement.read(version) or Judgement("")).scores
        return Published(f"is older than {current}, which stays current", dict(scores))
    found = _judged(version, questions)
    if before is not None and not older and (questions.analogies or questions.similarity):
        _refuse_worse(name, found, _judged(before, questions), str(current), margin)
    if current != name:
        make_current(root, name)
    if found.published is None:
        now = datetime.now(timezone.utc).isoformat(timespec="microseconds")
        replace(found, published=now).write(version)
    return Published("is current" if current != name else "is current already", dict(found.scores))


def _judged(version: Location, questions: Questions) -> Judgement:
    """Score a version, or read its existing scores of the same questions."""
    vectors = vectors_of(version).manifest.fingerprint
    asked = questions.analogies or questions.similarity
    hashed = questions_fingerprint(questions) if asked else ""
    known = Judgement.read(version)
    same_vectors = known is not None and known.vectors == vectors
    if known is not None and same_vectors and (not asked or known.questions == hashed):
        return known
    scores = gate_scores(open_vectors(version / "vectors"), questions) if asked else {}
    since = known.published if known is not None and same_vectors else None
    judgement = Judgement(vectors, hashed, scores, published=since)
    judgement.write(version)
    return judgement


def _refuse_worse(
    name: str, found: Judgement, before: Judgement, current: str, margin: float
) -> None:
    worse = falls(before.scores, found.scores, margin)
    if worse:
        raise QualityError(
            f"version={name} is worse than {current} by more than margin={margin:g} points: "
            f"{'; '.join(worse)}. {current} stays the current version; check the new text, or "
            "give a larger --margin"
        )
