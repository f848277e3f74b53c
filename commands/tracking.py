# SPDX-License-Identifier: GPL-3.0-or-later
"""The commands that track: `track` and `resume`."""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

from ..core.batch.events import Begun, Done
from ..core.errors import ExitCode, UnfinishedSession
from ..core.journal.lost_passes import LostPass, lost_of, lost_passes, lost_words, shortage_words
from ..core.model.types import Outcome
from ..core.model.wording import short
from ..core.storage.folder import FOLDER_NAME, SessionFolder
from ..core.tracking.plan import OPTIONS, PAUSE_BELOW, TRACK, ShotSpec
from .arguments import FRAMES_COUNT, NotAllDone, add_json, add_options, add_root, add_session, command, given
from .blender import bridge_module
from .finding import find, latest, root_of
from .terminal import Signals, drive, quiet_blender, say
from .unfinished import decide
from .words import described

if TYPE_CHECKING:
    from ..bridge.tracking.headless import Result
    from ..bridge.tracking.shot import Shot
    from ..core.tracking.run import Run


def add_commands(commands: Any) -> None:
    parser = command(
        commands, "track", _track, "track a shot", "track shots/010/plate_0001.png --detect --save 010.blend"
    )
    parser.description = f"{parser.description} {FRAMES_COUNT}"
    parser.add_argument("footage", metavar="FOOTAGE", type=Path, help=OPTIONS[0].help)
    add_root(parser, "tracking_sessions here, or beside the .blend")
    add_options(parser, TRACK)
    which = parser.add_mutually_exclusive_group()
    which.add_argument(
        "--resume",
        action="store_true",
        help="resume the unfinished session of this footage, or start one if there is none",
    )
    which.add_argument(
        "--fresh",
        action="store_true",
        help="set an unfinished session of this footage aside (it is kept) and start anew",
    )
    _add_outcome(parser)

    parser = command(commands, "resume", _resume, "resume an interrupted session", "resume 20260131-101500-5f0c2d1e")
    add_session(parser, optional=True)
    parser.add_argument(
        "--salvage", action="store_true", help="if the journal is damaged, keep the records before the damage"
    )
    add_options(parser, [PAUSE_BELOW])
    _add_outcome(parser)


def _add_outcome(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--save", metavar="OUT.blend", type=Path, help="write the result into a .blend")
    how = parser.add_mutually_exclusive_group()
    add_json(how)
    how.add_argument(
        "--events", action="store_true", help="print a line of JSON when tracking begins, and one with the result"
    )


def _track(options: argparse.Namespace) -> list[str]:
    try:
        return _tracked(options)
    except UnfinishedSession as unfinished:
        if options.events:
            raise
        words = f"“{short(unfinished.name)}” ({unfinished.session_id}) is an unfinished session of this footage."
        setattr(options, decide(words, unfinished), True)
    return _tracked(options)


def _tracked(options: argparse.Namespace) -> list[str]:
    with Signals() as signals, quiet_blender() as output:
        headless = bridge_module("tracking.headless")
        spec = _spec(options)
        root = options.root or (Path(spec.footage).absolute().parent / FOLDER_NAME if spec.is_blend else root_of(None))
        request = headless.Request(spec, root, resume=options.resume, fresh=options.fresh, save=options.save)
        result = headless.track(request, partial(_drive, signals, output if options.events else None), say)
    return _outcome(result, options)


def _spec(options: argparse.Namespace) -> ShotSpec:
    return ShotSpec(str(options.footage), **given(options, TRACK))


def _resume(options: argparse.Namespace) -> list[str]:
    session = find(options.session, root_of(options.root)) if options.session else latest(root_of(options.root))
    if session is None:
        say("No session was interrupted: there is nothing to resume.")
        return ["null"] if options.json or options.events else []
    with Signals() as signals, quiet_blender() as output:
        run = partial(_drive, signals, output if options.events else None)
        how = {"pause_below": options.pause_below, "save": options.save, "salvage": options.salvage}
        result = bridge_module("tracking.headless").resume(session, run, say, **how)
    return _outcome(result, options)


def _drive(signals: Signals, events: TextIO | None, shot: Shot, run: Run) -> None:
    if events is not None:
        path = str(shot.session.path.absolute())
        print(Begun(path, shot.tracked_before).line(), file=events, flush=True)
    drive(signals, shot, run)


def _outcome(result: Result, options: argparse.Namespace) -> list[str]:
    """The output for the result. Raises NotAllDone if all tracks or too many were lost before the end of the frames."""
    manager = result.session
    lost = lost_passes(manager.passes, manager.session.tracked_frames)
    if not result.frames and hasattr(options, "direction"):  # `track` has found a session with all requested frames
        spec = _spec(options)
        lost = lost_of(lost, *spec.clip_range(manager.counting), spec.direction)
    lines = _outcome_lines(result, lost, options)
    if shortage := shortage_words(manager.passes, manager.counting):
        words = (
            f"{shortage}. All tracked frames are recorded: add tracks in Blender, or go on with: resume {manager.id}"
        )
        raise NotAllDone(words, ExitCode.UNUSABLE, lines)
    if lost:
        words = f"{lost_words(lost, manager.counting)}; all tracked frames are recorded"
        raise NotAllDone(
            f"{words}. Look at the picture there, and track the rest with --start", ExitCode.UNUSABLE, lines
        )
    return lines


def _outcome_lines(result: Result, lost: Sequence[LostPass], options: argparse.Namespace) -> list[str]:
    manager = result.session
    last = manager.passes[-1]
    reached = manager.counting.shown(last.last_frame)
    if options.json or options.events:
        row = described(manager) | {
            "frames": result.frames,
            "outcome": (Outcome.LOST if lost else last.outcome if last.is_open else Outcome.COMPLETE),
            "last_frame": last.last_frame,
            "tracks": last.tracks,
            "tracks_alive": last.alive,
            "saved": str(result.saved) if result.saved else None,
        }
        row = manager.counting.described(row)
        return [json.dumps(row, indent=1) if options.json else Done(manager.id, row).line()]
    progress = manager.progress
    recorded = f"{progress['tracked_frames']} of {progress['total_frames']}"
    lines = [
        f"Tracked {result.frames} frames; {recorded} are recorded."
        if result.frames
        else f"Nothing to do: {recorded} frames are recorded.",
        *(f"All tracks were lost at frame {manager.counting.shown(loss.frame)}." for loss in lost),
        *([f"{last.alive} of {last.tracks} tracks were followed to frame {reached}."] * bool(last.alive)),
        f"Session {manager.id} in {SessionFolder.of(manager.path).root}",
    ]
    return [*lines, f"Saved {result.saved}"] if result.saved else lines
