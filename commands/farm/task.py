# SPDX-License-Identifier: GPL-3.0-or-later
"""The command that a farm runs for one shot: `task`. docs/farm.md says what engines may rely on."""

from __future__ import annotations

import argparse
import os
import tempfile
from functools import partial
from pathlib import Path
from typing import Any

from ...bridge.clip.reading import reading_command
from ...core.batch.shot_runs import ShotEvent, ShotUpdate
from ...core.errors import ExitCode, StorageFailed, SubmitFailed, UsageError
from ...core.farm.manifest import FarmShot, Manifest
from ...core.farm.reporting import KINDS, PLAIN, reporter_of
from ...core.farm.task import Task
from ...core.model.wording import short
from ...core.storage.files import make_folder
from ..arguments import NotAllDone, command, positive
from ..batch.run import check_tracker, shot_command
from ..blender import blender_path, bridge_module
from ..terminal import Signals, say

_WORDS = {
    ShotEvent.STARTED: "begun",
    ShotEvent.RESTARTED: "started again",
    ShotEvent.FOUND: "resumes its session",
    ShotEvent.WAITING: "waits",
    ShotEvent.DONE_BEFORE: "was done before",
    ShotEvent.COMPLETED: "done",
    ShotEvent.NO_CAMERA: "no camera",
    ShotEvent.RELEASED: "stopped, to resume later",
}
_MISJUDGED = (ExitCode.FAILED, ExitCode.UNUSABLE, ExitCode.NO_CAMERA)


def add_commands(commands: Any) -> None:
    words = "do one shot of a submission: what a farm runs on its nodes"
    parser = command(commands, "task", _task, words, "task --manifest /show/farm/ID/shots.jsonl --index 17")
    parser.add_argument("--manifest", metavar="FILE", type=Path, required=True, help="the shots of the submission")
    which = parser.add_mutually_exclusive_group(required=True)
    which.add_argument("--index", metavar="N", type=positive, help="the number of the shot, from 1")
    which.add_argument("--check", action="store_true", help="only say whether this machine can do its shots")
    parser.add_argument(
        "--path-map",
        metavar="FILE",
        type=Path,
        help="rules for paths, in the form of OpenJD, in place of those beside it",
    )
    parser.add_argument("--progress", choices=KINDS, default=PLAIN, help="who reads the progress (default: a person)")
    words = "end with this code for a shot that is bad, where an engine counts one against the job"
    parser.add_argument("--shot-exit", metavar="CODE", type=int, help=words)
    words = "with --progress slurm: share the work on a camera between N tasks, which this one sends"
    parser.add_argument("--segments", metavar="N", type=positive, help=words)


def _task(options: argparse.Namespace) -> list[str]:
    check_tracker()
    rules = options.path_map
    manifest = Manifest(options.manifest.absolute(), rules)
    if options.check:
        return _checked(manifest)
    reporter = reporter_of(options.progress, partial(print, flush=True), say)
    task = Task(
        manifest,
        options.index,
        partial(_command, options.segments),
        reporter,
        _tell,
        reading=partial(reading_command, blender=blender_path()),
    )
    with Signals() as signals:
        code = task.run(lambda: signals.name)
    if task.segments is not None:
        return _handed_on(manifest, options.index, task, task.segments)
    if options.shot_exit is not None and code in _MISJUDGED:
        code = options.shot_exit
    if code:
        raise NotAllDone(f"Shot {options.index} ends with {int(code)}", code, [])
    return []


def _handed_on(manifest: Manifest, index: int, task: Task, segments: Path) -> list[str]:
    """Send the segments. Raises NotAllDone, with STOPPED, if the engine takes none: the next task tries again."""
    from ...core.farm.engines.slurm import Slurm

    try:
        jobs = Slurm().hand_on(manifest.path, index, segments)
    except SubmitFailed as error:
        task.keep_segments(str(error))
        raise NotAllDone(str(error), ExitCode.STOPPED, []) from error
    return [f"Its segments are tracked by {jobs[0]}; {jobs[-1]} goes on after them."]


def _checked(manifest: Manifest) -> list[str]:
    """Raises TrackingSessionError without a tracker, StorageFailed if the session folder cannot be written."""
    bridge_module("tracking.headless")
    root = manifest.head.root
    if not os.path.isdir(root.parent):
        raise UsageError(f"This machine does not see the folder {root.parent}: mount it, or name rules for paths")
    make_folder(root)
    try:
        tempfile.TemporaryFile(dir=root).close()
    except OSError as error:
        raise StorageFailed(root, error) from error
    return [f"This machine can do the {manifest.head.count} shots of {manifest.head.id}."]


def _command(segments: int | None, shot: FarmShot, session: Path | None) -> list[str]:
    """The command line of the child. `track` finds its session by itself; one that is known spares the search."""
    return shot_command(shot.root, shot.spec, session, segments=segments)


def _tell(update: ShotUpdate) -> None:
    words = update.words or update.shot.error
    said = _WORDS.get(update.event, update.event.value)
    say(f"{short(update.shot.spec.title)}: {said}{'. ' if words else ''}{short(words, 1000)}".rstrip(".") + ".")
