# SPDX-License-Identifier: GPL-3.0-or-later
"""A tracked clip with an injected fault in one track, and the operators that mend it."""

from __future__ import annotations

from collections.abc import Iterable
from math import hypot
from pathlib import Path
from typing import Any

import bpy

from tracking_sessions.bridge.clip.editor import ClipEditor
from tracking_sessions.bridge.clip.movie_clip import clip_size
from tracking_sessions.bridge.sessions.recording import recording_of
from tracking_sessions.bridge.sessions.recovery import open_shot
from tracking_sessions.bridge.tracking.retracking import LiveTrials
from tracking_sessions.core.journal.decisions import OverrideKind
from tracking_sessions.core.journal.rows import KEYED, flags_of, frame_of, position_of, with_head
from tracking_sessions.core.model.flags import Flag, FlagKind, Severity
from tracking_sessions.core.model.ranges import FrameRanges
from tracking_sessions.core.review import actions
from tracking_sessions.tests.bpy.tracker import markers_of
from tracking_sessions.tests.bpy.window import FRAMES, held_session_of, inside, new_file, operators, track
from tracking_sessions.tests.footage import Shot as Footage

NAME = "Survives.01"
BAD = range(10, 15)
WAYS = {"forwards": BAD.start - 1, "backwards": BAD.stop}
"""The frame to re-track from, beside the bad ones."""
Rows = dict[int, bytes]


def tracked(footage: Footage, file: Path) -> ClipEditor:
    """A file whose tracks were tracked over the clip; only the one of `NAME` is selected."""
    editor = new_file(footage, file)
    track(editor, 1, FRAMES)
    for each in editor.clip.tracking.tracks:
        each.select = each.name == NAME
    return editor


def rows_of(clip: Any) -> Rows:
    return markers_of(clip)[f"Camera/{NAME}"]


def displace(clip: Any, frames: Iterable[int], x: float, y: float) -> None:
    """Move markers by pixels, without a key, as a tracker that slips would."""
    width, height = clip_size(clip)
    for frame in frames:
        marker = clip.tracking.tracks[NAME].markers.find_frame(frame)
        marker.co = marker.co[0] + x / width, marker.co[1] + y / height


def delete(clip: Any, frames: Iterable[int]) -> None:
    for frame in frames:
        clip.tracking.tracks[NAME].markers.delete_frame(frame)


def error(footage: Footage, rows: Rows, frames: Iterable[int]) -> float:
    """The largest distance from the truth, in pixels."""
    found = []
    for frame in frames:
        (x, y), (true_x, true_y) = position_of(rows[frame]), footage.truth(NAME, frame)
        found.append(hypot((x - true_x) * footage.width, (y - true_y) * footage.height))
    return max(found)


def run(editor: ClipEditor, name: str, frame: int, **how: Any) -> set[str]:
    bpy.context.scene.frame_current = frame
    with inside(editor):
        return getattr(operators, name)(**how)


def number_of(file: Path, name: str = NAME) -> int:
    """The number of the track in the journal."""
    return next(number for number, data in held_session_of(file).replay().tracks.items() if data.name == name)


def drift(number: int, first: int, last: int) -> Flag:
    return Flag(FlagKind.DRIFT, Severity.WARNING, number, first, last, 2.0, 0.25, "px")


def audit(editor: ClipEditor, *flags: Flag) -> None:
    """Let an audit find the flags on all frames, and a person approve none of them."""
    recording = recording_of(editor.clip)
    assert recording is not None
    recording.look(editor.clip, "Test", whole=True)
    assert recording.own(editor.clip) and recording.session is not None
    assert recording.record(actions.begin(recording.session))
    frames = FrameRanges([(1, FRAMES)])
    assert recording.record(actions.audited(recording.session, frames, flags, list(FlagKind), is_full=False))


def keyed(row: bytes) -> bytes:
    return with_head(row, 0, frame_of(row), flags_of(row) | KEYED)


def told(editor: ClipEditor, name: str, frame: int) -> list[str]:
    """The words for each track after the run of the operator of that name."""
    ran = begun(editor, name, frame)
    while ran.tick():
        pass
    return ran.words


def begun(editor: ClipEditor, name: str, frame: int, *, separate_clip: bool = True) -> LiveTrials:
    """The run of the operator of that name, before its first step."""
    bpy.context.scene.frame_current = frame
    kind = OverrideKind.FILL if name == "fill_gap" else OverrideKind.RETRACK
    direction = -1 if name == "retrack_backwards" else 1
    return LiveTrials(open_shot(editor), kind, direction, name=name, who="Mara", separate_clip=separate_clip)
