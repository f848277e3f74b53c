# SPDX-License-Identifier: GPL-3.0-or-later
"""Batches and their shots in words and as JSON."""

from __future__ import annotations

from typing import Any

from ...core.batch.ledger import Ledger
from ...core.batch.progress import BatchProgress, described_shot
from ...core.batch.shot_runs import ShotEvent, ShotUpdate
from ...core.batch.shots import BatchRow, BatchStatus, ShotRow, ShotStatus
from ...core.model.wording import duration, short
from ..terminal import columns_of, fit
from ..words import INTERRUPTED

TITLE = 24  # columns for the name of a shot
BAD = {
    ShotStatus.FAILED: "failed",
    ShotStatus.SKIPPED: "skipped",
    ShotStatus.LOST: "lost",
    ShotStatus.NO_CAMERA: "without a camera",
}
"""How many shots of a batch are what: the final statuses of those that are not done."""
_LOST_SHOWN = 3  # frames on which tracks were lost; JSON has all that are kept


def event_words(progress: BatchProgress, update: ShotUpdate) -> str:
    shot = update.shot
    words = update.words or shot.error
    frames = f"{update.frames} frame{'s' * (update.frames != 1)}"
    camera = f", camera: {verdict_words(shot.verdict)}" if shot.verdict else ""
    event = {
        ShotEvent.STARTED: "begun" if shot.attempts < 2 else "resumed",
        ShotEvent.RESTARTED: f"started again. {words}",
        ShotEvent.FOUND: f"resumes session {shot.session}, which has {frames}",
        ShotEvent.WAITING: f"waits. {words}",
        ShotEvent.DONE_BEFORE: f"was done before: {frames_words(progress, shot)}{camera}",
        ShotEvent.COMPLETED: f"done: {frames_words(progress, shot)}{camera}",
        ShotEvent.FAILED: f"failed. {words}",
        ShotEvent.SKIPPED: f"skipped. {words}",
        ShotEvent.LOST: f"lost. {words}; {frames_words(progress, shot)}",
        ShotEvent.NO_CAMERA: f"no camera ({verdict_words(shot.verdict)}). {words}; {frames_words(progress, shot)}",
        ShotEvent.RELEASED: f"stopped, to resume later{'. ' if words else ''}{words}",
    }[update.event]
    return f"{short(shot.spec.title)}: {short(event, 1000).rstrip('.')}."


def frames_words(progress: BatchProgress, shot: ShotRow) -> str:
    session = progress.session(shot)
    frames = session.frames if session else None
    if frames is None or not frames.total:
        return "nothing is recorded"
    words = f"{frames.tracked} of {frames.total} frames"
    return words if shot.verdict else f"{words}, {frames.alive} of {tracks_words(frames.tracks)} alive"


def verdict_words(verdict: str) -> str:
    return short(verdict.replace("_", " "))


def tracks_words(count: int) -> str:
    return f"{count} track{'s' * (count != 1)}"


def shot_lines(shots: list[dict[str, Any]]) -> list[str]:
    """A table of shots, in the form of `described_shot`, with the errors of each below it."""
    digits = max((len(str(shot["number"])) for shot in shots), default=1)
    words = max((len(_status_words(shot)) for shot in shots), default=0)
    widths = [columns_of(fit(shot["name"], TITLE)) for shot in shots]
    width = max(widths, default=0)
    lines: list[str] = []
    for shot, own in zip(shots, widths, strict=True):
        title = fit(shot["name"], TITLE) + " " * (width - own)
        facts: list[str] = []
        if shot["tracks"]:
            facts.append(f"{shot['tracked_frames']} of {shot['total_frames']} frames")
        if shot["tracks"] and not shot["verdict"]:  # on the way to a camera most tracks end, and others begin
            facts.append(f"{shot['tracks_alive']} of {tracks_words(shot['tracks'])} alive")
        if shot["verdict"]:
            facts.append(f"camera: {verdict_words(shot['verdict'])}")
        if shot["seconds"] is not None:
            facts.append(duration(shot["seconds"]))
        lines.append(
            f"{shot['number']:>{digits}}  {title}  {_status_words(shot):<{max(10, words)}}  {', '.join(facts)}".rstrip()
        )
        indent = " " * (digits + 2)
        if shot["shown_lost"] and not shot["verdict"]:
            lines.append(f"{indent}lost: {_lost_words(shot['shown_lost'])}")
        if shot["error"]:
            lines.append(f"{indent}{short(shot['error'], 500)}")
    return lines


def _status_words(shot: dict[str, Any]) -> str:
    at = f" at frame {shot['shown_lost_at']}" if shot["lost_at"] is not None else ""
    return f"{shot['status']}{at}" if shot["status"] == ShotStatus.LOST else shot["status"].replace("_", " ")


def _lost_words(lost: dict[int, list[str]]) -> str:
    frames = sorted(lost)
    parts = [f"{tracks_words(len(lost[frame]))} at frame {frame}" for frame in frames[:_LOST_SHOWN]]
    if len(frames) > _LOST_SHOWN:
        more = sum(len(lost[frame]) for frame in frames[_LOST_SHOWN:])
        count = len(frames) - _LOST_SHOWN
        parts.append(f"{tracks_words(more)} at {count} more frame{'s' if count > 1 else ''}")
    return ", ".join(parts)


def described_head(ledger: Ledger, batch: BatchRow) -> dict[str, Any]:
    owner = str(ledger.owner(batch.id) or "")
    return {
        "id": batch.id,
        "name": batch.name,
        "status": INTERRUPTED if batch.status is BatchStatus.IN_PROGRESS and not owner else batch.status.value,
        "owner": owner,
        "root": batch.root if ledger.is_apart else str(ledger.root),
        "created": batch.created,
        "modified": batch.modified,
    }


def described_batch(ledger: Ledger, batch: BatchRow, progress: BatchProgress) -> dict[str, Any]:
    """A batch as JSON for scripts."""
    shots = [described_shot(progress, shot) for _, shot in sorted(progress.shots.items())]
    return {
        **described_head(ledger, batch),
        "config": batch.config,
        "counts": {status.value: progress.counts[status] for status in ShotStatus},
        "tracked_frames": sum(shot["tracked_frames"] for shot in shots),
        "shots": shots,
    }


def summary(document: dict[str, Any]) -> list[str]:
    counts = [f"{count} {BAD.get(ShotStatus(name), name)}" for name, count in document["counts"].items() if count]
    line = f"Batch {document['id']} {document['status'].replace('_', ' ')}: {', '.join(counts)}; "
    line += f"{document['tracked_frames']:,} frames are recorded"
    run = document.get("run")
    if run:
        line += f", {run['frames']:,} by this run in {duration(run['seconds'])}; exit code {run['exit_code']}"
    return [*shot_lines(document["shots"]), f"{line}."]
