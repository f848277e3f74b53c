# SPDX-License-Identifier: GPL-3.0-or-later
"""Reads the recorded and the saved result of a run from outside, and compares two runs bit for bit."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tracking_sessions.core.journal.chain import JournalReader
from tracking_sessions.core.journal.codec import decoded
from tracking_sessions.core.journal.records import FrameRecord
from tracking_sessions.core.journal.replay import Replay
from tracking_sessions.core.journal.rows import count_rows
from tracking_sessions.core.library.catalogue import session_files
from tracking_sessions.core.recording.manager import load_session
from tracking_sessions.tools.processes import TIME_LIMIT


class Difference(Exception):
    """A promise was broken: something was lost or differs."""


# Recorded frames


def journal_size(root: Path) -> int:
    """Bytes in all journal files under the session folder."""
    return sum(size for _, size in _journals(root))


def _journals(root: Path) -> Iterator[tuple[Path, int]]:
    for path in root.glob("sessions/*/journal.*"):
        try:
            yield path, path.stat().st_size
        except FileNotFoundError:
            continue


def session_file(root: Path) -> Path | None:
    """The only session under the folder; None before it exists. Raises Difference if there are several."""
    found = session_files(root)
    if len(found) > 1:
        raise Difference(f"{root} has {len(found)} sessions, there must be one")
    return found[0] if found else None


def recorded_frames(root: Path) -> list[tuple[int, ...]]:
    """The head of each frame record (pass, frame, the other fields before the markers), in the order of the journal."""
    path = session_file(root)
    if path is None:
        return []
    records = JournalReader(path.with_suffix(""), path.stem).records()
    return [
        (record.number, record.frame, record.alive, count_rows(record.rows))
        for record, _ in decoded(records)
        if isinstance(record, FrameRecord)
    ]


class Witness:
    """Checks a session from outside after each kill that no recorded byte is lost or changed."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.frames: list[tuple[int, ...]] = []
        self._bytes: dict[str, bytes] = {}  # the valid part of each journal file

    def check(self) -> None:
        """Read the session. Raises Difference if recorded data is lost or has changed."""
        path = session_file(self.root)
        if path is None:
            if self._bytes:
                raise Difference("the session is gone")
            return
        load_session(path)  # must never fail
        frames = recorded_frames(self.root)
        if frames[: len(self.frames)] != self.frames:
            raise Difference(f"some of {len(self.frames)} recorded frames are lost: {frames}")
        self.frames = frames
        folder = path.with_suffix("")
        for name, recorded in self._bytes.items():
            if (folder / name).read_bytes()[: len(recorded)] != recorded:
                raise Difference(f"the first {len(recorded)} bytes of {name} have changed")
        reader = JournalReader(folder, path.stem)
        for record in reader.records():
            name = f"journal.{record.end.generation}"
            self._bytes[name] = (folder / name).read_bytes()[: record.end.offset]


# Saved files


# Prints all marker values of .blend files as JSON: {file: {"objects": [...], "tracks": {object/name: {frame: hex}}}}.
# It shares no code with the extension.
READ_BLEND = """
import bpy, json, sys
import numpy as np
found = {}
for path in sys.argv[1:]:
    bpy.ops.wm.open_mainfile(filepath=path, load_ui=False)
    clip, = bpy.data.movieclips
    tracks = {}
    for where in clip.tracking.objects:
        for track in where.tracks:
            count = len(track.markers)
            columns = []
            for name, width, kind in (("frame", 1, "i"), ("mute", 1, "i"), ("is_keyed", 1, "i"), ("co", 2, "f"),
                                      ("pattern_corners", 8, "f"), ("search_min", 2, "f"), ("search_max", 2, "f")):
                column = np.zeros(count * width, {"i": np.int32, "f": np.float32}[kind])
                track.markers.foreach_get(name, column)
                columns.append(column.view(np.uint8).reshape(count, -1))
            rows = np.concatenate(columns, axis=1)
            frames = columns[0].copy().view(np.int32)[:, 0]
            tracks[where.name + "/" + track.name] = {str(f): row.tobytes().hex() for f, row in zip(frames, rows)}
    found[path] = {"objects": [where.name for where in clip.tracking.objects], "tracks": tracks}
sys.stderr.write(json.dumps(found))
"""


def read_blends(paths: list[Path]) -> dict[Path, dict[str, Any]]:
    """Read all marker values of .blend files with one clip each, in a Blender without the extension."""
    if not paths:
        return {}
    with tempfile.TemporaryFile("w+") as errors:  # Blender itself prints to standard output
        done = subprocess.run(
            [sys.executable, "-I", "-c", READ_BLEND, *map(str, paths)],
            stdout=subprocess.DEVNULL,
            stderr=errors,
            check=False,
            timeout=TIME_LIMIT,
        )
        errors.seek(0)
        output = errors.read()
    if done.returncode:
        raise Difference(f"a saved file cannot be read: {output[-2000:]}")
    return {Path(path): content for path, content in json.loads(output[output.index('{"') :]).items()}


# Two runs


def compare_replays(reference: Replay, other: Replay) -> None:
    """Raise Difference unless both journals replay to the same tracks, settings and markers, bit for bit."""
    if reference.tracks != other.tracks:
        raise Difference("the tracks or their settings differ")
    if reference.tracked != other.tracked:
        raise Difference(f"the tracked frames differ: {other.tracked}, without a kill {reference.tracked}")
    for number, data in reference.tracks.items():
        compare_markers(data.name, reference.markers[number], other.markers[number])


def compare_blends(reference: dict[str, Any], other: dict[str, Any]) -> int:
    """Raise Difference unless both files hold the same markers, bit for bit; returns their number."""
    if reference["objects"] != other["objects"] or reference["tracks"].keys() != other["tracks"].keys():
        raise Difference(f"the saved tracking objects or tracks differ: {other['objects']} {sorted(other['tracks'])}")
    for name, markers in reference["tracks"].items():
        compare_markers(f"{name} in the saved file", markers, other["tracks"][name])
    return sum(map(len, reference["tracks"].values()))


def compare_markers(name: str, reference: dict[Any, Any], other: dict[Any, Any]) -> None:
    if reference == other:
        return
    wrong = sorted(frame for frame in reference.keys() | other.keys() if reference.get(frame) != other.get(frame))
    raise Difference(f"track {name}: {len(wrong)} markers differ, the first on frame {wrong[0]}")
