# SPDX-License-Identifier: GPL-3.0-or-later
"""The command line: one parser behind two doors.

Inside Blender `blender -b [file.blend] -c tracking_sessions <command> …`, outside `python <folder> <command> …`, where
only `track` and `resume` need the bpy module. Results go to standard output, everything else to standard error.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from io import TextIOWrapper
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

from .core.errors import (
    FAILED,
    STOPPED,
    JournalDamaged,
    SessionUnreadable,
    TrackingSessionError,
    UsageError,
)
from .core.model import SESSION_ID, SessionState, SessionStatus
from .core.session import SUFFIXES, TrackingSessionManager, load_session, session_files, sessions_folder
from .core.session_file import resolve
from .terminal import Signals, drive, quiet_blender, say, short

if TYPE_CHECKING:
    from .bridge.headless import Result

INTERRUPTED = "interrupted"
LOST_SHOWN = 20  # frames on which tracks were lost; JSON has all that are kept


def main(arguments: Sequence[str]) -> int:
    """Run one command; returns the exit code: 0, 1 failed, 2 usage, 3 shot unusable, 75 stopped and to be resumed."""
    _open_closed_streams()
    parser = _parser()
    try:
        options = parser.parse_args(arguments)
    except SystemExit as leaving:
        return leaving.code if isinstance(leaving.code, int) else FAILED
    try:
        lines: list[str] = options.run(options)
    except TrackingSessionError as error:
        say(f"{error}." if not str(error).endswith((".", "?", "!")) else str(error))
        return error.exit_code
    except KeyboardInterrupt:
        return STOPPED
    return _print(lines)


def _open_closed_streams() -> None:
    """Put the null device where a standard stream is closed, or the next file would get its number, and what Blender
    prints would go into that file."""
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        try:
            os.fstat(number)
        except OSError:
            null = os.open(os.devnull, os.O_RDWR)  # takes the lowest free number, which is this one
            setattr(sys, name, os.fdopen(null, "w" if number else "r", closefd=False))


def _print(lines: Sequence[str]) -> int:
    """Print results; returns the exit code."""
    try:
        if isinstance(sys.stdout, TextIOWrapper):
            sys.stdout.reconfigure(errors="replace")  # a name may hold what the terminal cannot show
        for line in lines:
            print(line)
        sys.stdout.flush()
    except OSError as error:
        if not isinstance(error, BrokenPipeError):  # else its reader has seen enough
            say(f"The result cannot be printed: {error.strerror}. What was tracked is recorded.")
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # so that Python can flush at its end
        return FAILED
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="tracking_sessions",
        description="Motion tracking that is never lost: each tracked frame is recorded before the next one is begun.",
        epilog="Exit codes: 0 done or nothing to do; 1 failed; 2 wrong use; 3 the shot cannot be used; "
        "75 stopped, resume later.",
    )
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)

    one = _command(
        commands, "track", _track, "track a shot", "track shots/010/plate_0001.png --detect --save 010.blend"
    )
    one.add_argument(
        "footage",
        metavar="FOOTAGE",
        type=Path,
        help="a movie, an image sequence (any file of it, or its folder), or a .blend",
    )
    one.add_argument(
        "--root",
        metavar="DIR",
        type=Path,
        help="the session folder (default: tracking_sessions here, or beside the .blend)",
    )
    one.add_argument("--name", default="", help="a name for the session (default: that of the footage)")
    one.add_argument("--clip", default="", metavar="NAME", help="which clip of the .blend, if it has several")
    one.add_argument(
        "--start",
        type=int,
        metavar="N",
        help="clip frame to track from (default: the first, or the last when tracking backward; "
        "the current one of a .blend)",
    )
    one.add_argument("--end", type=int, metavar="N", help="clip frame to track to (default: the end of the clip)")
    one.add_argument(
        "--direction",
        choices=("forward", "backward", "both"),
        default="forward",
        help="both: forward to --end, then backward to frame 1",
    )
    one.add_argument("--detect", action="store_true", help="find features on the start frame if the clip has no tracks")
    one.add_argument("--tracks", metavar="FILE.json", type=Path, help="start positions of tracks")
    which = one.add_mutually_exclusive_group()
    which.add_argument(
        "--resume",
        action="store_true",
        help="go on with the unfinished session of this footage, or start one if there is none",
    )
    which.add_argument(
        "--fresh",
        action="store_true",
        help="set an unfinished session of this footage aside (it is kept) and start anew",
    )
    _add_outcome(one)

    one = _command(commands, "resume", _resume, "go on with an interrupted session", "resume 20260131-101500-5f0c2d1e")
    _add_session(one, optional=True)
    one.add_argument(
        "--salvage", action="store_true", help="if the journal is damaged, keep what stands before the damage"
    )
    _add_outcome(one)

    one = _command(commands, "list", _list, "list the sessions, newest first", "list --status interrupted")
    _add_root(one)
    one.add_argument("--status", choices=[INTERRUPTED, *(status.value for status in SessionStatus)], help="only those")
    one.add_argument("--limit", type=_positive, metavar="N", help="at most N sessions")
    _add_json(one)

    one = _command(
        commands, "info", _info, "show what a session has recorded", "info 20260131-101500-5f0c2d1e --frames"
    )
    _add_session(one)
    one.add_argument("--frames", action="store_true", help="with the tracks that were followed on each frame")
    _add_json(one)
    return parser


def _command(
    commands: Any, name: str, run: Callable[[argparse.Namespace], list[str]], words: str, example: str
) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = commands.add_parser(
        name, help=words, description=f"{words[0].upper()}{words[1:]}.", epilog=f"Example: tracking_sessions {example}"
    )
    parser.set_defaults(run=run)
    return parser


def _add_root(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--root", metavar="DIR", type=Path, help="the session folder (default: tracking_sessions here)")


def _add_session(parser: argparse.ArgumentParser, *, optional: bool = False) -> None:
    parser.add_argument(
        "session",
        metavar="SESSION",
        nargs="?" if optional else None,
        help="its id, the beginning of it, or its file"
        + (" (default: the latest interrupted one)" if optional else ""),
    )
    _add_root(parser)


def _add_json(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="print the result as JSON")


def _add_outcome(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--save", metavar="OUT.blend", type=Path, help="write the result into a .blend")
    _add_json(parser)


def _positive(text: str) -> int:
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError("it must be 1 or more")
    return value


# Commands


def _track(options: argparse.Namespace) -> list[str]:
    with Signals() as signals, quiet_blender():
        headless = _headless()
        blend = options.footage.suffix.lower() == ".blend"
        root = options.root or (options.footage.absolute().parent / "tracking_sessions" if blend else _root(None))
        request = headless.Request(
            footage=options.footage,
            root=root,
            name=options.name,
            clip=options.clip,
            start=options.start,
            end=options.end,
            direction=options.direction,
            detect=options.detect,
            tracks=options.tracks,
            resume=options.resume,
            fresh=options.fresh,
            save=options.save,
        )
        result = headless.track(request, partial(drive, signals), say)
    return _outcome(result, options.json)


def _resume(options: argparse.Namespace) -> list[str]:
    session = _find(options.session, _root(options.root)) if options.session else _latest(_root(options.root))
    if session is None:
        say("No session was interrupted: there is nothing to resume.")
        return ["null"] if options.json else []
    with Signals() as signals, quiet_blender():
        run = partial(drive, signals)
        result = _headless().resume(session, run, say, save=options.save, salvage=options.salvage)
    return _outcome(result, options.json)


def _list(options: argparse.Namespace) -> list[str]:
    root = _root(options.root)
    rows: list[dict[str, Any]] = []
    for manager in _sessions(root):
        row = _described(manager)
        if options.status in (None, row["status"]):
            rows.append(row)
        if options.limit and len(rows) >= options.limit:
            break
    if options.json:
        return [json.dumps(rows, indent=1)]
    if not rows:
        say(f"There are no such sessions in {root}.")
    lines: list[str] = []
    for row in rows:
        state = "" if row["state"] == SessionState.ACTIVE.value else f", {row['state']}"
        owner = f", in use by {row['owner']}" if row["owner"] else ""
        lines.append(
            f"{row['id']}  {row['percent_complete']:5.1f} %  {row['tracked_frames']:>6} frames  "
            f"{row['status'].replace('_', ' ')}{state}{owner}  {short(row['name'])}"
        )
    return lines


def _info(options: argparse.Namespace) -> list[str]:
    manager = _find(options.session, _root(options.root))
    session = manager.session
    row = _described(manager)
    footage = resolve(manager.path, session.footage.path)
    row |= {"footage": str(footage), "ranges": str(session.tracked_frames), "passes": manager.passes}
    manager.name_lost()
    row["lost"] = {frame: [name for _, name in manager.lost.tracks(frame)] for frame in manager.lost.frames}
    if options.frames:
        row["frames"] = _tracks_by_frame(manager)
    if options.json:
        return [json.dumps(row, indent=1)]
    facts = [
        ("Session", session.id),
        ("Name", short(session.name, 200)),
        ("Status", row["status"].replace("_", " ") + (f" ({row['state']})" if row["state"] != "active" else "")),
        ("Owner", row["owner"] or "nobody"),
        ("Footage", short(str(footage), 200)),
        ("Frames", f"{row['tracked_frames']} of {row['total_frames']} tracked: {row['ranges'] or 'none'}"),
        ("Modified", session.modified),
    ]
    lines = [f"{name + ':':<10}{value}" for name, value in facts]
    for one in manager.passes:
        detail = f": {one['detail']}" if one.get("detail") else ""
        lines.append(
            f"Pass {one['number']}:   {one['operation'].replace('_', ' ')} {one['range']}, "
            f"at frame {one['last_frame']}, {one['alive']} of {one['tracks']} tracks alive, {one['outcome']}{detail}"
        )
    for frame, names in list(row["lost"].items())[-LOST_SHOWN:]:
        lines.append(f"Lost at frame {frame}: {short(', '.join(name or 'one track' for name in names), 200)}")
    lines += [f"{frame:>8}  {alive} tracks" for frame, alive in row.get("frames", {}).items()]
    return [*lines, f"Next:     {_advice(row)}"]


def _advice(row: dict[str, Any]) -> str:
    if row["owner"]:
        return "wait: it is being tracked"
    if row["status"] == INTERRUPTED:
        return f"go on with: resume {row['id']}"
    if row["status"] == SessionStatus.NOT_STARTED.value:
        return "begin it with: track --resume"
    return "nothing to do"


def _described(manager: TrackingSessionManager) -> dict[str, Any]:
    session = manager.session
    return {
        "id": session.id,
        "name": session.name,
        "file": str(manager.path.absolute()),
        "state": session.state.value,
        "created": session.created,
        "modified": session.modified,
        "owner": manager.owner,
        **manager.get_progress(),
        "status": INTERRUPTED if manager.is_interrupted else session.status.value,
    }


def _tracks_by_frame(manager: TrackingSessionManager) -> dict[int, int]:
    from .core.replay import is_muted

    alive: dict[int, int] = {}
    for markers in manager.replay().markers.values():
        for frame, row in markers.items():
            if not is_muted(row):
                alive[frame] = alive.get(frame, 0) + 1
    return dict(sorted(alive.items()))


# Finding sessions


def _root(given: Path | None) -> Path:
    """The session folder: the one named, else beside the .blend that Blender has open, else here."""
    if given is not None:
        return given
    if "bpy" in sys.modules:
        import bpy

        from .bridge.clip import default_root

        if bpy.data.filepath:
            return default_root()
    return Path("tracking_sessions")


def _find(text: str, root: Path) -> TrackingSessionManager:
    """The session that an id, the beginning of one, or a path names. Raises UsageError."""
    path = Path(text)
    if path.suffix in SUFFIXES and path.exists():
        return load_session(path)
    found = [file for file in session_files(root) if file.stem.startswith(text)] if SESSION_ID.match(text) else []
    if len(found) == 1:
        return load_session(found[0])
    if found:
        raise UsageError(f"{len(found)} sessions begin with {text}: give more of the id ({found[0].stem}, …)")
    raise UsageError(
        f"There is no session {short(text)!r} in {sessions_folder(root)}: see “list”, or name the folder with --root"
    )


def _sessions(root: Path) -> Iterator[TrackingSessionManager]:
    """The sessions, newest first; those that cannot be read are mentioned."""
    for path in reversed(session_files(root)):
        try:
            yield load_session(path)
        except (SessionUnreadable, JournalDamaged) as error:
            say(str(error))


def _latest(root: Path) -> TrackingSessionManager | None:
    """The session that was interrupted last."""
    return next((manager for manager in _sessions(root) if manager.is_interrupted), None)


# Tracking


def _headless() -> ModuleType:
    """The module that tracks; the others need no bpy. Raises TrackingSessionError if there is none."""
    try:
        from .bridge import headless
    except ImportError as error:
        if "bpy" in sys.modules:
            raise
        raise TrackingSessionError(
            f"Tracking needs Blender ({error}): run this inside it, as “blender -b -c tracking_sessions …”, or with a "
            "Python that has the package bpy"
        ) from error
    return headless


def _outcome(result: Result, as_json: bool) -> list[str]:
    manager = result.session
    last = manager.passes[-1]
    if as_json:
        row = _described(manager) | {
            "frames": result.frames,
            "outcome": last["outcome"],
            "last_frame": last["last_frame"],
            "tracks": last["tracks"],
            "tracks_alive": last["alive"],
            "saved": str(result.saved) if result.saved else None,
        }
        return [json.dumps(row, indent=1)]
    progress = manager.get_progress()
    recorded = f"{progress['tracked_frames']} of {progress['total_frames']}"
    lines = [
        f"Tracked {result.frames} frames; {recorded} are recorded."
        if result.frames
        else f"Nothing to do: {recorded} frames are recorded.",
        f"All tracks were lost at frame {last['last_frame']}."
        if last["outcome"] == "lost"
        else f"{last['alive']} of {last['tracks']} tracks were followed to frame {last['last_frame']}.",
        f"Session {manager.session.id} in {manager.path.parent.parent}",
    ]
    return [*lines, f"Saved {result.saved}"] if result.saved else lines
