# SPDX-License-Identifier: GPL-3.0-or-later
"""Measures tracking: a frame at any length of a shot, each part of it, the restore of a pass, and memory.

Each pass begins on a fresh copy of a clip whose tracks have markers on all frames up to the first, at their true
positions. Track Forwards (`clip.track_markers(sequence=True)`) and our pass run in turns. Both start with an empty
image cache, as on the first tracking of a shot, and read one new picture per frame from the system's cache.
"""

from __future__ import annotations

import ctypes
import functools
import gc
import os
import shutil
import time
import tracemalloc
from collections import defaultdict
from pathlib import Path
from statistics import median
from types import ModuleType
from typing import Any, NamedTuple

import bpy

from tracking_sessions.bridge.clip import editor, markers
from tracking_sessions.bridge.clip.movie_clip import open_footage
from tracking_sessions.bridge.tracking import reconcile, shot, working_set
from tracking_sessions.core import session
from tracking_sessions.core.footage import check, files
from tracking_sessions.core.journal import chain
from tracking_sessions.core.journal import rows as packed
from tracking_sessions.core.journal.records import FrameRecord
from tracking_sessions.core.recording import recorder
from tracking_sessions.core.storage import lease
from tracking_sessions.core.tracking import run
from tracking_sessions.tests.footage import make_long
from tracking_sessions.tools.bench_figures import Cost, Report, middle, ratio

TRACKS = 100
LOOP = 64  # rendered frames of the clip, which repeats them

spent: defaultdict[str, float] = defaultdict(float)  # seconds by the name of the part


def timed(owner: type | ModuleType, method: str) -> None:
    """Let `spent` count the seconds of a method, under `Class.method`, or of a function, under `module.function`."""
    inner = getattr(owner, method)
    name = f"{owner.__name__.rpartition('.')[2]}.{method}"

    @functools.wraps(inner)
    def outer(*args: Any, **kwargs: Any) -> Any:
        begun = time.perf_counter()
        try:
            return inner(*args, **kwargs)
        finally:
            spent[name] += time.perf_counter() - begun

    setattr(owner, method, outer)


def time_parts() -> None:
    """Let `spent` count every part of our pass."""
    for owner, method in (
        (editor.ClipEditor, "track"),
        (check.FootageCheck, "frame"),
        (working_set.WorkingSet, "step"),
        (run.Run, "flush"),
        (working_set._Follower, "refresh"),
        (chain.JournalWriter, "append"),
        (lease.Lease, "check"),
        (recorder.SessionRecorder, "append"),
        (recorder.SessionRecorder, "write_file"),
        (recorder.SessionRecorder, "__init__"),
        (reconcile, "restore"),
    ):
        timed(owner, method)


class Clips:
    """Clips with tracks that have markers on many frames; each is filled once and then copied."""

    def __init__(self, folder: Path, frames: int) -> None:
        self.footage = make_long(folder / "footage", frames, tracks=TRACKS, loop=LOOP, noise=0)
        os.sync()  # the first checkpoints must not wait for these pictures to reach the disk
        self._filled: dict[int, Any] = {}

    def empty(self) -> Any:
        return open_footage(files.find_footage(self.footage.files[0]))

    def filled(self, tracked: int) -> Any:
        """A copy of a clip whose tracks have a marker on each of the frames 1 to `tracked`."""
        if tracked not in self._filled:
            clip = self.empty()
            for start in self.footage.tracks:
                track = clip.tracking.tracks.new(name=start.name, frame=1)
                track.markers[0].co = start.co
                first = markers.read_rows(track, 0)
                where = [self.footage.truth(start.name, frame) for frame in range(1, min(tracked, LOOP) + 1)]
                rows = [first]
                for frame in range(2, tracked + 1):
                    head = packed.MARKER.unpack(first)
                    rows.append(packed.MARKER.pack(0, frame, 0, *where[(frame - 1) % LOOP], *head[5:]))
                markers.write_rows(track, b"".join(rows))
                track.select = True
            self._filled[tracked] = clip
        return self._filled[tracked].copy()


def blender_pass(clip: Any, first: int, frames: int) -> Cost:
    """Track Forwards from clip frame `first`."""
    scene = bpy.context.scene
    scene.frame_start, scene.frame_end = 1, first + frames
    clip.tracking.settings.speed = "FASTEST"
    with editor.background_editor(clip) as opened:
        opened.space.clip_user.frame_current = first
        with bpy.context.temp_override(window=opened.window, area=opened.area, region=opened.region):
            begun, used = time.perf_counter(), time.process_time()
            bpy.ops.clip.track_markers(backwards=False, sequence=True)
            cost = Cost((time.perf_counter() - begun) / frames * 1e3, (time.process_time() - used) / frames * 1e3)
    assert all(not track.markers.find_frame(first + frames).mute for track in clip.tracking.tracks)
    return cost


class Pass(NamedTuple):
    """The cost of our pass. `around`: ms of the work done once (find edits, fill the working set, deliver)."""

    step: Cost
    around: float
    parts: dict[str, float]  # as `spent`, per frame


def our_pass(clip: Any, first: int, frames: int, root: Path) -> Pass:
    """Track `frames` frames from clip frame `first`, in a new session."""
    shutil.rmtree(root, ignore_errors=True)
    with editor.background_editor(clip) as opened:
        tracked = shot.Shot.create(opened, root, "bench")
        begun = time.perf_counter()
        # without the first frame, on which Blender counts the pictures of a new clip, and the last, with the delivery
        with tracked.start([(first, first + frames + 2)]) as run:
            run.step()
            spent.clear()
            stepped, used = time.perf_counter(), time.process_time()
            for _ in range(frames):
                run.step()
            stepped, used = time.perf_counter() - stepped, time.process_time() - used
            parts = {name: seconds / frames * 1e3 for name, seconds in spent.items()}
            run.step()
            run.step()  # closes the pass
            parts["Run.flush"] = spent["Run.flush"] / (frames + 2) * 1e3
            assert len(run.alive) == TRACKS
        around = time.perf_counter() - begun - stepped
        tracked.session.close()
    return Pass(Cost(stepped / frames * 1e3, used / frames * 1e3), around * 1e3, parts)


def remove(clip: Any) -> None:
    bpy.data.movieclips.remove(clip)
    gc.collect()


# Measurements


class Plan(NamedTuple):
    """The passes from a frame: the frames and the repeats of Track Forwards, and the repeats of our pass."""

    frames: int
    blender: int
    ours: int


def measure_steps(clips: Clips, root: Path, plan: dict[int, Plan], frames: int, report: Report) -> None:
    """Compare both passes. `plan` has the number of frames already tracked as its key; ours tracks `frames` more."""
    blender: dict[int, list[Cost]] = {tracked: [] for tracked in plan}
    ours: dict[int, list[Pass]] = {tracked: [] for tracked in plan}

    def measure_blender(tracked: int) -> None:
        clip = clips.filled(tracked)
        blender[tracked].append(blender_pass(clip, tracked, plan[tracked].frames))
        remove(clip)

    def measure_ours(tracked: int) -> None:
        clip = clips.filled(tracked)
        ours[tracked].append(our_pass(clip, tracked, frames, root))
        remove(clip)

    for repeat in range(max(entry.ours for entry in plan.values())):
        for tracked, entry in plan.items():
            turn = [measure_blender] * (repeat < entry.blender) + [measure_ours] * (repeat < entry.ours)
            for measure in turn[:: -1 if repeat % 2 else 1]:  # each comes first in every second turn
                measure(tracked)
    print(f"\nms per frame, {TRACKS} tracks, by the clock and (of the processors)")
    print(f"{'tracked before':>15} {'Track Forwards':>19} {'ours':>17} {'ratio':>15} {'once per pass':>15}")
    mine = {tracked: [cost.step for cost in passes] for tracked, passes in ours.items()}
    for tracked in plan:
        around = median(cost.around for cost in ours[tracked])
        a, b, gain = middle(blender[tracked]), middle(mine[tracked]), ratio(blender[tracked], mine[tracked])
        print(f"{tracked:15,} {a.clock:9.1f} ({a.processors:7.1f}) {b.clock:7.1f} ({b.processors:7.1f})", end=" ")
        print(f"{gain.clock:6.1f} ({gain.processors:5.1f}) {around:12.0f} ms")
    short, long = min(plan), max(plan)
    report.target(f"ours against Track Forwards at {short}", ratio(mine[short], blender[short]).clock, 1.05, "x")
    gain = ratio(blender[4000], mine[4000]).clock
    report.target("Track Forwards against ours at 4,000", gain, 9, "x", at_least=True)
    report.target(f"ours at {long:,} against ours at {short}", ratio(mine[long], mine[short]).clock, 1.1, "x")


PARTS = (
    ("footage checked", ("FootageCheck.frame",), ()),
    ("markers read, guards removed", ("WorkingSet.step",), ("ClipEditor.track", "_Follower.refresh")),
    ("working set moved along", ("_Follower.refresh",), ()),
    ("journal, with fsync", ("JournalWriter.append",), ()),
    ("lease checked", ("Lease.check",), ()),
    ("session file, once a second", ("SessionRecorder.write_file",), ()),
    (
        "the rest of the record",
        ("SessionRecorder.append",),
        ("JournalWriter.append", "Lease.check", "SessionRecorder.write_file"),
    ),
)


def measure_parts(clips: Clips, root: Path, tracked: int, repeats: int, report: Report) -> None:
    """Measure the parts of a frame, over passes long enough to include the work of every 16th frame."""
    passes: list[Pass] = []
    for _ in range(repeats):
        clip = clips.filled(tracked)
        passes.append(our_pass(clip, tracked, 3 * working_set.REFRESH + 1, root))
        remove(clip)
    step = min(cost.step.clock for cost in passes)
    print(f"\nwhat ours adds to Blender's operator call, at {tracked:,}, per frame of {step:.1f} ms")
    total = 0.0
    for name, plus, minus in PARTS:
        cost = min(
            sum(pass_.parts.get(key, 0) for key in plus) - sum(pass_.parts.get(key, 0) for key in minus)
            for pass_ in passes
        )
        total += cost
        print(f"{name:>40} {cost:7.3f} ms {cost / step:7.2%}")
    deliver = min(pass_.parts["Run.flush"] for pass_ in passes)
    print(f"{'(delivery when the pass ends)':>40} {deliver:7.3f} ms {deliver / step:7.2%}")
    report.target("bookkeeping, as a share of the step", 100 * total / step, 3, " %")


def record(clip: Any, clips: Clips, frames: int, root: Path) -> None:
    """Record a session of `clip` with a killed pass over `frames` frames, without tracking them."""
    shutil.rmtree(root, ignore_errors=True)
    with editor.background_editor(clip) as opened:
        recorded = shot.Shot.create(opened, root, "bench")
        run = recorded.start([(1, frames)])
        names = {data.id: data.name for data in recorded.session.replay().tracks.values()}
        where = {
            number: [clips.footage.truth(name, frame) for frame in range(1, LOOP + 1)] for number, name in names.items()
        }
        area = packed.MARKER.unpack(markers.read_rows(clip.tracking.tracks[0], 0))[5:]
        for frame in range(2, frames + 1):
            rows = [
                packed.MARKER.pack(number, frame, packed.GUARDED, *where[number][(frame - 1) % LOOP], *area)
                for number in names
            ]
            recorded.recorder.append(FrameRecord(run.plan.number, frame, len(rows), b"".join(rows)))
        recorded.session.close()


def measure_restore(clips: Clips, root: Path, frames: int, repeats: int, report: Report) -> None:
    """Measure the restore of a recorded pass into a fresh clip."""
    clip = clips.filled(1)
    record(clip, clips, frames, root)
    remove(clip)
    times: list[tuple[float, float, float]] = []
    for _ in range(repeats):
        clip = clips.empty()
        spent.clear()
        with editor.background_editor(clip) as opened:
            begun = time.perf_counter()
            joined = shot.Shot.join(opened, session.load_session(session.list_sessions(root)[0]), None)
            taken = time.perf_counter() - begun
            times.append((taken, spent["SessionRecorder.__init__"], spent["reconcile.restore"]))
            joined.session.close()
        count = sum(len(track.markers) for track in clip.tracking.tracks)
        assert count == TRACKS * (frames + 1)  # and the guard
        remove(clip)
    total, read, written = min(times)
    print(
        f"\nrestoring {count:,} markers: {read:.2f} s to read the journal, {written:.2f} s to write the clip, ", end=""
    )
    print(f"{total - read - written:.2f} s to check {frames:,} pictures and open the session")
    report.target("restoring, per 400,000 markers", (read + written) * 400_000 / count, 3, " s")


def resident() -> float:
    """Resident memory in MB, without the free part of the heap; nan on a system without /proc."""
    try:
        ctypes.CDLL(None).malloc_trim(0)
    except (AttributeError, OSError, TypeError):
        pass  # another C library: its free memory counts
    try:
        return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6
    except OSError:
        return float("nan")


def measure_memory(clips: Clips, root: Path, frames: int, report: Report) -> None:
    """Measure memory over a long pass, after each delivery, with hardly any image cache."""
    preferences = bpy.context.preferences.system
    limit, preferences.memory_cache_limit = preferences.memory_cache_limit, 64
    shutil.rmtree(root, ignore_errors=True)
    clip = clips.filled(10)
    samples: list[tuple[float, float]] = []
    every = frames // 5
    tracemalloc.start()
    with editor.background_editor(clip) as opened:
        tracked = shot.Shot.create(opened, root, "bench")
        with tracked.start([(10, 10 + frames)], after_step=run.InBulk(every)) as tracking:
            while tracking.step():
                if tracking.steps % every == 0:
                    gc.collect()
                    samples.append((resident(), tracemalloc.get_traced_memory()[0]))
        tracked.session.close()
    tracemalloc.stop()
    remove(clip)
    preferences.memory_cache_limit = limit
    between = (len(samples) - 1) * every * TRACKS
    grown, ours = ((last - first) / between for first, last in zip(samples[0], samples[-1], strict=True))
    print(f"\nresident memory over a pass of {frames:,} frames, in MB: {', '.join(f'{mb:.0f}' for mb, _ in samples)}")
    print(
        f"  {grown * 1e6:.0f} bytes per marker tracked; Blender holds 64, and 64 more in its evaluated copy of the clip"
    )
    report.target("growth of Python's memory, per marker", ours, 4, " bytes")
