# SPDX-License-Identifier: GPL-3.0-or-later
"""The commands that read sessions: `list`, `info`, `report` and `merge`."""

from __future__ import annotations

import argparse
import json
import os
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ..core.errors import JournalDamaged, SessionUnreadable, UsageError
from ..core.journal.replay import Replay
from ..core.journal.rows import is_muted
from ..core.journal.solves import SolveEntry
from ..core.library.catalogue import Unreadable, catalogue
from ..core.model.types import Outcome, SessionState, SessionStatus
from ..core.model.wording import age, count_words, local_time, short
from ..core.recording.manager import TrackingSessionManager
from ..core.recording.session_file import pass_entry
from ..core.report.html import export_session_report
from ..core.solve.merging import merge_sessions
from ..core.storage.folder import SessionFolder, resolve
from .arguments import add_json, add_limit, add_root, add_session, add_status, command, positive
from .errors import error_words
from .finding import find, find_file, need_bpy, root_of
from .reviewed import frame_fields, frame_lines, review_fields
from .terminal import say
from .words import INTERRUPTED, described, described_entry, lacks_frames, status_words

LOST = "lost"
LOST_SHOWN = 20  # frames on which tracks were lost; JSON has all that are kept
_KINDS = [INTERRUPTED, *(status.value for status in SessionStatus), LOST, "committed", "discarded"]


def add_commands(commands: Any) -> None:
    parser = command(commands, "list", _list, "list the sessions, newest first", "list --status interrupted")
    add_root(parser)
    add_status(parser, _KINDS)
    add_limit(parser, "sessions")
    add_json(parser)

    parser = command(commands, "info", _info, "show the records of a session", "info 20260131-101500-5f0c2d1e --frames")
    add_session(parser)
    parser.add_argument("--frames", action="store_true", help="with the number of tracks on each frame")
    parser.add_argument("--frame", metavar="N", type=int, help="with all that the review knows of this frame")
    add_json(parser)

    words = "write a report of a session, to look at in a browser"
    parser = command(commands, "report", _report, words, "report 20260131-101500-5f0c2d1e -o 010.html")
    add_session(parser)
    parser.add_argument(
        "-o",
        "--output",
        metavar="FILE",
        type=Path,
        help="the file to write (default: reports/SESSION.html in the session folder)",
    )
    words = "with pictures of the N worst frames of the review and their tracks; needs Blender or its bpy module"
    parser.add_argument("--pictures", type=positive, metavar="N", help=words)
    add_json(parser)

    words = "make one session out of several of the same footage, such as ranges tracked on different machines"
    parser = command(commands, "merge", _merge, words, "merge 20260131-1015 20260131-1140 -o merged.yaml")
    parser.add_argument(
        "sessions",
        metavar="SESSION",
        nargs="+",
        help="their ids, the beginnings of them, or their files; where two have a marker on the same frame, "
        "the one named later wins",
    )
    parser.add_argument(
        "-o",
        "--output",
        metavar="FILE",
        type=Path,
        required=True,
        help="the session file to make; it is listed if it lies in the folder “sessions” of a session folder",
    )
    add_root(parser)
    add_json(parser)


def _list(options: argparse.Namespace) -> list[str]:
    root = root_of(options.root).absolute()
    rows: list[dict[str, Any]] = []
    for entry in catalogue(root, say):
        try:
            if isinstance(entry, Unreadable):
                raise entry.error
            row = described_entry(entry)
        except (SessionUnreadable, JournalDamaged) as error:
            say(error)
            continue
        is_lost = row["lost_at"] is not None
        if options.status in (None, row["status"], row["state"]) or (is_lost and options.status == LOST):
            rows.append(row)
        if options.limit and len(rows) >= options.limit:
            break
    if options.json:
        lines = ",\n".join(json.dumps(row) for row in rows)
        return [f"[\n{lines}\n]" if rows else "[]"]
    if not rows:
        say(f"There are no such sessions in {root}." if options.status else f"There are no sessions in {root}.")
    return table(rows)


def table(rows: list[dict[str, Any]]) -> list[str]:
    width = max((len(status_words(row)) for row in rows), default=0)
    return [
        f"{row['id']}  {age(row['modified']):>14}  {row['percent_complete']:5.1f} %  "
        f"{row['tracked_frames']:>6} frames  {status_words(row):<{width}}  {short(row['name'])}"
        + (f"  (in use by {row['owner']})" if row["owner"] else "")
        for row in rows
    ]


def _info(options: argparse.Namespace) -> list[str]:
    manager = find(options.session, root_of(options.root))
    session = manager.session
    footage = resolve(manager.path, session.footage.path)
    manager.name_lost()
    row = described(manager) | {
        "footage": str(footage),
        "ranges": str(session.tracked_frames),
        "passes": [pass_entry(known) for known in manager.passes],
        "missing": str(manager.remaining),
        "lost": {frame: [name for _, name in manager.lost.tracks(frame)] for frame in manager.lost.frames},
        "problems": _problems(manager, footage),
    }
    try:
        replay = manager.replay()
    except JournalDamaged as damage:  # in records that the session file sums up
        replay = Replay()
        row["problems"].append(error_words(damage))
    live = {number: _live_frames(replay, number) for number in replay.tracks}
    row["tracks"] = [
        {
            "name": track.name,
            "object": track.object,
            "frames": len(live[number]),
            "first": live[number][0] if live[number] else None,
            "last": live[number][-1] if live[number] else None,
        }
        for number, track in replay.tracks.items()
    ]
    if options.frames:
        counts = Counter(frame for frames in live.values() for frame in frames)
        row["frames"] = dict(sorted(counts.items()))
    row["next"] = _advice(row, footage, manager.counting.shown)
    row = manager.counting.described(row)
    if manager.review.id:
        row["review"] = review_fields(manager)
    row["solves"] = [_solve_fields(entry, manager) for entry in map(SolveEntry.of, manager.solves)]
    if options.frame is not None:
        row["frame"] = frame_fields(manager, manager.counting.clip_frame(options.frame), replay)
    if options.json:
        return [json.dumps(row, indent=1)]
    return _info_lines(row)


def _info_lines(row: dict[str, Any]) -> list[str]:
    state = f" ({row['state']})" if row["state"] != "active" else ""
    facts = [
        ("Session", row["id"]),
        ("Name", short(row["name"], 200)),
        ("Status", status_words({**row, "state": "active"}) + state),
        ("Owner", row["owner"] or "nobody"),
        ("Footage", short(row["footage"], 200)),
        ("Frames", f"{row['tracked_frames']} of {row['total_frames']} tracked: {row['shown_ranges'] or 'none'}"),
        *([("Missing", row["shown_missing"])] if lacks_frames(row) else []),
        *([("Review", row["review"]["words"])] if "review" in row else []),
        ("Tracks", _track_words(row["tracks"])),
        ("Modified", f"{row['modified']}  {age(row['modified'])}".rstrip()),
    ]
    lines = [f"{name + ':':<10}{value}" for name, value in facts]
    for entry in row["passes"]:
        detail = f": {entry['detail']}" if entry.get("detail") else ""
        lines.append(
            f"Pass {entry['number']}:   {entry['operation'].replace('_', ' ')} {entry['shown_range']}, "
            f"at frame {entry['shown_last_frame']}, {entry['alive']} of {entry['tracks']} tracks alive, "
            f"{entry['outcome']}{detail}"
        )
    lines += _solve_lines(row["solves"])
    hidden = len(row["lost"]) - LOST_SHOWN
    if hidden > 0:
        lines.append(f"Lost on {count_words(hidden, 'more frame')}: see --json")
    for frame, names in list(row["shown_lost"].items())[-LOST_SHOWN:]:
        lines.append(f"Lost at frame {frame}: {short(', '.join(name or 'one track' for name in names), 200)}")
    lines += frame_lines(row["frame"]) if "frame" in row else []
    lines += [f"Problem:  {short(problem, 500)}" for problem in row["problems"]]
    lines += [f"{frame:>8}  {alive} tracks" for frame, alive in row.get("shown_frames", {}).items()]
    return [*lines, f"Next:     {row['next']}"]


def _solve_fields(entry: SolveEntry, manager: TrackingSessionManager) -> dict[str, Any]:
    return {
        "id": entry.id,
        "is_best": entry.id == manager.session.best_solve,
        "best_by": entry.best_by,
        "verdict": entry.verdict,
        "reason": entry.reason,
        "average_error": entry.error,
        "cameras": entry.cameras,
        "frames": entry.frames,
        "tracks_kept": entry.tracks_kept,
        "tracks_made": entry.tracks_made,
        "focal_length": entry.focal,
        "keyframes": list(entry.keyframes) if any(entry.keyframes) else [],
        "shown_keyframes": [manager.counting.shown(frame) for frame in entry.keyframes if frame],
        "created": entry.created,
    }


def _solve_lines(solves: list[dict[str, Any]]) -> list[str]:
    """The solves as a table, oldest first."""
    cells = [
        (
            short(solve["id"]),
            short(solve["verdict"] or "no verdict").replace("_", " "),
            f"{solve['average_error']:.3f} px" if solve["average_error"] else "no camera",
            f"{solve['cameras']} of {solve['frames']} frames",
            f"{solve['tracks_kept']} of {solve['tracks_made']} tracks",
            f"{solve['focal_length']:.2f} mm" if solve["cameras"] and solve["focal_length"] else "",
            f"keyframes {' and '.join(map(str, solve['shown_keyframes']))}" if solve["shown_keyframes"] else "",
            local_time(solve["created"]),
            "" if not solve["is_best"] else f"best, says {short(solve['best_by'])}" if solve["best_by"] else "best",
        )
        for solve in solves
    ]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    rows = ("  ".join(f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True)) for row in cells)
    return [f"Solve:    {row}".rstrip() for row in rows]


def _track_words(tracks: list[dict[str, Any]]) -> str:
    if not tracks:
        return "none"
    lengths = [track["frames"] for track in tracks]
    low, high = min(lengths), max(lengths)
    on = f"{low}" if low == high else f"{low} to {high}"
    return f"{len(tracks)}, each with markers on {on} frames" if len(tracks) > 1 else f"1, with markers on {on} frames"


def _live_frames(replay: Replay, number: int) -> list[int]:
    return sorted(frame for frame, row in replay.markers.get(number, {}).items() if not is_muted(row))


def _problems(manager: TrackingSessionManager, footage: Path) -> list[str]:
    """The problems of the session, apart from lost tracks."""
    session = manager.session
    problems: list[str] = []
    if not os.path.exists(footage):
        problems.append(f"There is no footage at {footage}: put it back before you go on")
    if session.blend and not os.path.exists(resolve(manager.path, session.blend)):
        problems.append(f"There is no file {resolve(manager.path, session.blend)}, which the tracks came from")
    problems += [
        f"Pass {known.number} failed at frame {manager.counting.shown(known.last_frame)}: "
        f"{known.detail or 'no reason is recorded'}"
        for known in manager.passes
        if known.outcome is Outcome.FAILED
    ]
    return problems


def _advice(row: dict[str, Any], footage: Path, shown: Callable[[int], int]) -> str:
    if row["owner"]:
        return "wait: it is being tracked"
    if row["state"] == SessionState.DISCARDED:
        return f"nothing to do; bring it back with: commit {row['id']}"
    if row["status"] == INTERRUPTED:
        return f"{'' if os.path.exists(footage) else 'put the footage back, then '}go on with: resume {row['id']}"
    if row["status"] == SessionStatus.NOT_STARTED:
        return "begin it with: track --resume"
    if row["status"] == SessionStatus.FAILED:
        return "see the problem above, then start anew with: track --fresh"
    if row["lost_at"] is not None:
        return f"look at the picture there, and track the rest with: track --start {row['shown_lost_at']}"
    if lacks_frames(row):
        first, _, last = row["missing"].partition(",")[0].partition("-")
        return f"track the missing frames with: track --start {shown(int(first))} --end {shown(int(last or first))}"
    return "nothing to do"


def _report(options: argparse.Namespace) -> list[str]:
    manager = find(options.session, root_of(options.root))
    path = manager.path.absolute()
    folder = SessionFolder.of(path)
    folder = folder if folder.contains(path) else SessionFolder(path.parent)
    output: Path = options.output or folder.report(manager.id)
    if output.is_dir():
        raise UsageError(f"{output} is a folder: name a file in it")
    if output.exists() and output.suffix.lower() not in (".html", ".htm"):
        raise UsageError(f"{output} exists and is no .html: name another file")
    pictures = _pictures(manager, options.pictures) if options.pictures else None
    written = export_session_report(manager.path, output, pictures)
    return [json.dumps({"id": manager.id, "report": str(written.absolute())}) if options.json else str(written)]


def _pictures(manager: TrackingSessionManager, count: int) -> dict[int, bytes]:
    need_bpy()
    from ..bridge.review.pictures import review_pictures

    found = review_pictures(manager, count)
    if not found:
        say("There is no picture to show: audit the session first.")
    return found


def _merge(options: argparse.Namespace) -> list[str]:
    root = root_of(options.root)
    merged = merge_sessions([find_file(text, root) for text in options.sessions], options.output)
    if options.json:
        return [json.dumps(described(merged), indent=1)]
    progress = merged.progress
    missing = f"; {merged.counting.spans(merged.remaining)} are not" if progress["remaining_frames"] else ""
    return [
        f"Merged {count_words(len(options.sessions))}; "
        f"{progress['tracked_frames']} of {progress['total_frames']} are recorded{missing}.",
        f"Session {merged.id} in {merged.path}",
    ]
