# SPDX-License-Identifier: GPL-3.0-or-later
"""The commands that look at sessions and put them in order."""

from __future__ import annotations

import argparse
import json
from typing import Any

from ..core.model import SessionState, SessionStatus
from ..core.session import TrackingSessionManager
from ..core.session_file import resolve
from ..terminal import say, short
from .arguments import (
    INTERRUPTED,
    add_json,
    add_root,
    add_session,
    command,
    described,
    find,
    positive,
    root_of,
    sessions_in,
)

LOST_SHOWN = 20  # frames on which tracks were lost; JSON has all that are kept


def add_commands(commands: Any) -> None:
    one = command(commands, "list", _list, "list the sessions, newest first", "list --status interrupted")
    add_root(one)
    one.add_argument("--status", choices=[INTERRUPTED, *(status.value for status in SessionStatus)], help="only those")
    one.add_argument("--limit", type=positive, metavar="N", help="at most N sessions")
    add_json(one)

    one = command(commands, "info", _info, "show what a session has recorded", "info 20260131-101500-5f0c2d1e --frames")
    add_session(one)
    one.add_argument("--frames", action="store_true", help="with the tracks that were followed on each frame")
    add_json(one)


def _list(options: argparse.Namespace) -> list[str]:
    root = root_of(options.root)
    rows: list[dict[str, Any]] = []
    for manager in sessions_in(root):
        row = described(manager)
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
    manager = find(options.session, root_of(options.root))
    session = manager.session
    row = described(manager)
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


def _tracks_by_frame(manager: TrackingSessionManager) -> dict[int, int]:
    from ..core.replay import is_muted

    alive: dict[int, int] = {}
    for markers in manager.replay().markers.values():
        for frame, row in markers.items():
            if not is_muted(row):
                alive[frame] = alive.get(frame, 0) + 1
    return dict(sorted(alive.items()))
