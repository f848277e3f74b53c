# SPDX-License-Identifier: GPL-3.0-or-later
"""Measures the recording of a clip with many long tracks, on the main thread: its beginning, an edit, an idle tick."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from statistics import mean, median
from typing import Any

import bpy

from tracking_sessions import registration
from tracking_sessions.bridge import watch
from tracking_sessions.bridge.clip.markers import write_rows
from tracking_sessions.bridge.sessions.recording import Recording, close_recordings
from tracking_sessions.core.journal.rows import MARKER
from tracking_sessions.tests.bpy.window import open_editor
from tracking_sessions.tests.footage import make_long
from tracking_sessions.tools.bench_figures import Report

EDITS = 40
TICKS = 120  # 30 s of an idle Blender


def measure_recording(folder: Path, tracks: int, frames: int, report: Report) -> None:
    """Measure the processor time of the main thread; the disk has a turn of its own, once a second."""
    print(f"\nRecording a clip with {tracks} tracks of {frames:,} markers", flush=True)
    bpy.ops.wm.read_factory_settings(use_empty=False)
    registration.register()
    try:
        _measure(_clip(folder, tracks, frames), report)
    finally:
        close_recordings()
        registration.unregister()


def _measure(clip: Any, report: Report) -> None:
    recording = Recording(clip, at_once=False)
    _print_slices("the clip read for the first time", lambda: recording.go_on(clip), lambda: not recording.has_more)
    _print_slices("a session begun, with its tracks", lambda: recording.begin(clip), lambda: not recording.has_more)
    files: list[bool] = [True]
    _print_slices("its files looked at", lambda: files.append(recording.catch_up()), lambda: not files[-1])
    watch.open_file.recordings[clip.session_uid] = recording
    track = clip.tracking.tracks[len(clip.tracking.tracks) // 2]
    track.select = True
    costs: list[float] = []
    for edit in range(EDITS):
        marker = track.markers[edit * len(track.markers) // EDITS]
        marker.co = (0.25, 0.25 + edit / 1000)
        costs.append(_processor(lambda: recording.look(clip, "Move")))
        assert not recording.has_more
    print(f"  an edit of one track: {max(costs):.1f} ms at most")
    report.target("an edit of one track", median(costs), 5, " ms")
    print(f"  all tracks compared, as before a save: {_processor(lambda: recording.look(clip, '', whole=True)):.0f} ms")
    watch.tick()
    ticks = [_processor(watch.tick) for _ in range(TICKS)]
    print(f"  an idle tick: {mean(ticks):.3f} ms, {max(ticks):.2f} at most", flush=True)
    report.target("of a core, idle", mean(ticks) / (watch.INTERVAL * 1000) * 100, 0.1, " %")


def _print_slices(figure: str, act: Callable[[], object], is_done: Callable[[], bool]) -> None:
    """Print how long the ticks take until it is done: of the processor, and by the clock, which waits for the disk."""
    costs: list[tuple[float, float]] = []
    while not costs or not is_done():
        begun = time.perf_counter()
        costs.append((_processor(act), (time.perf_counter() - begun) * 1000))
    processor, clock = zip(*costs, strict=True)
    print(
        f"  {figure}: {sum(processor):.0f} ms in {len(costs)} ticks, "
        f"of {max(processor):.0f} at most, by the clock {sum(clock):.0f} and {max(clock):.0f}",
        flush=True,
    )


def _clip(folder: Path, tracks: int, frames: int) -> Any:
    """A clip shown in an editor, of a saved file; all its tracks have a marker on each frame."""
    shot = make_long(folder / "recording", frames, tracks=1, loop=8, noise=0)
    clip: Any = bpy.data.movieclips.load(str(shot.files[0]))
    clip.use_fake_user = True
    open_editor(clip)
    bpy.ops.wm.save_as_mainfile(filepath=str(folder / "recording.blend"))
    rows = b"".join(MARKER.pack(0, frame, 0, 0.5, 0.5, *[0.01] * 12) for frame in range(1, frames + 1))
    for number in range(tracks):
        track = clip.tracking.tracks.new(name=f"Track.{number:03}", frame=1)
        write_rows(track, rows)
        track.select = track.select_anchor = track.select_pattern = track.select_search = False
    return clip


def _processor(act: Callable[[], object]) -> float:
    """Milliseconds of the processor, in this thread: other work on the machine adds little to them."""
    begun = time.thread_time()
    act()
    return (time.thread_time() - begun) * 1000
