# SPDX-License-Identifier: GPL-3.0-or-later
"""The types of a batch and its shots, with the status of each."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from ..footage.identity import FileIdentity
from ..tracking.plan import ShotSpec

SHOT_LIMIT = 100_000  # of one batch


class BatchStatus(StrEnum):
    """The status of a batch. A batch IN_PROGRESS without a live lease was interrupted."""

    IN_PROGRESS = "in_progress"
    COMPLETED = "completed"
    FAILED = "failed"
    PAUSED = "paused"


class ShotStatus(StrEnum):
    PENDING = "pending"
    PROCESSING = "processing"
    COMPLETED = "completed"
    FAILED = "failed"  # it was tried, and trying again may help
    SKIPPED = "skipped"  # it cannot be used as it is (exit code 3)
    LOST = "lost"  # all its tracks were lost before the end of the requested frames
    NO_CAMERA = "no_camera"  # a camera was asked for, and the verdict is another than solved (exit code 4)

    @property
    def is_final(self) -> bool:
        return self not in (ShotStatus.PENDING, ShotStatus.PROCESSING)


def final_status(shots: Iterable[ShotStatus]) -> BatchStatus | None:
    """The final status of a batch with these shots: FAILED if all shots failed, else COMPLETED; None before its end.

    Skipped and lost shots and those without a camera count as completed here: trying them again would not help.
    """
    seen = set(shots)
    if not seen or not all(status.is_final for status in seen):
        return None
    return BatchStatus.FAILED if seen == {ShotStatus.FAILED} else BatchStatus.COMPLETED


@dataclass(frozen=True)
class ShotRow:
    """A shot of a batch at the time of reading. Times are ISO 8601 in UTC, or empty."""

    id: int
    batch: str
    number: int  # 1 is the first of the batch
    spec: ShotSpec
    status: ShotStatus
    session: str = ""  # id of its session, once it is known
    error: str = ""  # why it failed or was skipped, or its last crash
    verdict: str = ""  # on its camera, as `camera` says it; empty before it is judged, or if none was asked for
    attempts: int = 0  # children started for it
    crashes: int = 0  # crashes since it last made progress
    started: str = ""  # when it was first claimed
    ended: str = ""  # when it was finished


@dataclass(frozen=True)
class BatchRow:
    """A batch at the time of reading. `config` holds the options of `batch run` (jobs, crashes allowed, …)."""

    id: str
    name: str
    status: BatchStatus
    config: dict[str, Any]
    root: str  # the real path of its session folder
    created: str
    modified: str

    @property
    def is_unfinished(self) -> bool:
        return self.status in (BatchStatus.IN_PROGRESS, BatchStatus.PAUSED)


@dataclass(frozen=True)
class ShotClip:
    """The clip that a shot means; two shots of one clip would write one session."""

    footage: FileIdentity
    name: str  # of the clip in a .blend; empty for any clip

    @classmethod
    def of(cls, spec: ShotSpec) -> ShotClip:
        return cls(FileIdentity.of_footage(spec.footage), spec.clip if spec.is_blend else "")

    def overlaps(self, other: ShotClip) -> bool:
        """Whether both can mean the same clip."""
        is_same_name = self.name == other.name or not (self.name and other.name)
        return is_same_name and self.footage.same_as(other.footage)
