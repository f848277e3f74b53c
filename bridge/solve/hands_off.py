# SPDX-License-Identifier: GPL-3.0-or-later
"""Tracks a shot for its camera by itself: features on its middle frame, then where tracks are too few, both ways.

What is recorded decides what comes next, so that a run which was killed goes on to the same tracks, bit for bit.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from ...core.errors import TrackingSessionError
from ...core.footage.analysis.known import Analysis, keep_analysis, known_analysis
from ...core.footage.files import find_footage
from ...core.library.claim import Claim
from ...core.model.ranges import FrameRanges
from ...core.model.types import SessionState, SessionStatus
from ...core.review.motion import Motion
from ...core.solve.seeding import SETTINGS, next_seed, positions, sizes
from ...core.storage.folder import SessionFolder
from ...core.tracking import passes
from ...core.tracking.features import Candidate
from ...core.tracking.start_positions import StartPosition
from ..clip.analyzing import analyzing
from ..clip.movie_clip import clip_size, counting_of, footage_of, plate_of
from ..tracking.detection import detect, detect_clear
from ..tracking.headless import Drive, Request, Result, Warn, audit_recorded, claim_of, join, opened, sessions_of
from ..tracking.saving import check_save
from ..tracking.shot import Apart, Shot
from ..tracking.start_tracks import place_track
from .parted import Parted

if TYPE_CHECKING:
    from bpy.types import MovieClip

    from ..clip.editor import ClipEditor

FEW = 16
"""Features on the first frame below which soft ones are looked for as well."""


def track_shot(
    request: Request,
    drive: Drive,
    warn: Warn,
    aside: Callable[[Shot], Parted] | None = None,
    check: Callable[[], None] = lambda: None,
) -> Result:
    """Track the footage or the .blend of the request, in its newest session or a new one; its tracks are kept and used.

    With `request.fresh` that session is set aside. `aside`: called with the shot before anything else, it returns what
    tracks in processes side by side. `check`: called now and then while nothing is tracked, it raises Interrupted to
    stop. Without features the session has no tracks. Raises the errors of tracking.
    """
    check_save(request.save, request.blend)
    source = request.blend or find_footage(request.spec.footage)
    with opened(source, request.spec.clip, warn) as editor:
        shot = _shot(editor, request, warn)
        with shot.session:
            apart = aside(shot) if aside is not None else None
            avoided = look_at_footage(shot, warn, check)
            frames = track_unfinished(shot, drive, warn, apart) + track_seeds(shot, drive, warn, apart, avoided)
            if shot.session.session.status in (SessionStatus.NOT_STARTED, SessionStatus.TRACKING):
                shot.session.mark_tracking_complete()
                audit_recorded(shot.session, warn)
            if apart is not None:
                apart.clear()
            return Result(shot.session, frames)


def _shot(editor: ClipEditor, request: Request, warn: Warn) -> Shot:
    with claim_of(editor.clip, request) as claim:
        return _claimed_shot(editor, request, warn, claim)


def _claimed_shot(editor: ClipEditor, request: Request, warn: Warn, claim: Claim) -> Shot:
    earlier = sessions_of(editor.clip, request, warn)
    if earlier and not request.fresh:
        return join(editor, earlier[0], warn)
    for session in earlier[:1]:
        with session:
            session.set_state(SessionState.DISCARDED)
    blend = str(request.blend.absolute()) if request.blend else ""
    plate = plate_of(editor.clip)
    claim.check()
    return Shot.create(editor, request.root, request.spec.title, blend=blend, plate=plate)


def track_unfinished(shot: Shot, drive: Drive, warn: Warn, apart: Apart | None = None) -> int:
    """Track the unfinished passes of the session to their ends; returns the number of frames."""
    frames = 0
    while (run := shot.resume(apart=apart)) is not None:
        for words in shot.remarks:
            warn(f"{words}.")
        with run:
            drive(shot, run)
        frames += run.steps
    return frames


def look_at_footage(shot: Shot, warn: Warn, check: Callable[[], None]) -> FrameRanges:
    """Analyse the footage, unless that is known, and keep the result; returns the clip frames that are to get no seed.

    `warn` gets what makes tracking fail, `check` is called between two pictures. Whatever hinders the analysis costs no
    tracking.
    """
    folder, session = SessionFolder.of(shot.session.path), shot.session
    fingerprint = session.session.footage.fingerprint
    found = known_analysis(folder, fingerprint)
    if found is None and fingerprint:
        clip = shot.clip
        steps = analyzing(footage_of(clip), session.details(), clip_size(clip), clip.frame_duration, clip.frame_offset)
        while found is None:
            check()
            try:
                next(steps)
            except StopIteration as end:
                found = end.value
        try:
            keep_analysis(folder, fingerprint, found)
        except TrackingSessionError as error:
            warn(f"The analysis of the footage is not kept: {error}.")
    if found is None:
        return FrameRanges()
    for words in found.problems(shot.counting):
        warn(f"{words}.")
    return avoided_frames(found)


def avoided_frames(found: Analysis) -> FrameRanges:
    """The clip frames that are to get no seed: features of them would lead nowhere."""
    avoided = FrameRanges()
    for frames in (found.black, found.flashes, found.blurred, found.featureless):
        avoided.update(frames)
    return avoided


def track_seeds(
    shot: Shot, drive: Drive, warn: Warn, apart: Apart | None = None, avoided: FrameRanges | None = None
) -> int:
    """Make tracks where the shot has too few, and track them both ways, until it has enough; returns the frames.

    `avoided`: clip frames that get no seed. Without features the session stays without tracks. Raises as `Shot.start`.
    """
    frames = 0
    barren: set[int] = set()
    while (ranges := begin_round(shot, barren, avoided)) is not None:
        run = shot.start(ranges, apart=apart)
        with run:
            drive(shot, run)
        frames += run.steps + track_unfinished(shot, drive, warn, apart)
    return frames


def begin_round(shot: Shot, barren: set[int], avoided: FrameRanges | None = None) -> list[tuple[int, int]] | None:
    """Make tracks on the frame that needs them most, selected alone; returns the ranges to track, as `Shot.start`.

    None if the shot has enough. `barren`: clip frames without features, to which this adds. Raises FootageUnusable.
    """
    clip, session = shot.clip, shot.session
    camera = next(where for where in clip.tracking.objects if where.is_camera)
    clip.tracking.objects.active = camera
    count = clip.frame_duration
    motion = Motion.of(shot.known(), clip_size(clip), object=camera.name)
    while True:
        seeds = {known.start for known in session.passes} | barren
        seed = next_seed(motion, count, seeds, frozenset(avoided or ()))
        if seed is None:
            return None
        found = _features(shot.editor, seed, positions(motion, seed))
        if found:
            _place(clip, seed, found)
            return passes.ranges(seed, count, 1) or [(seed, seed)]
        barren.add(seed)


def _features(editor: ClipEditor, frame: int, taken: list[tuple[float, float]]) -> list[Candidate]:
    """Features of the clip frame where it has too few tracks; soft ones only if it has no tracks and few features."""
    pattern = sizes(clip_size(editor.clip)[0])[0]
    found = detect_clear(editor, frame, pattern, taken).features
    return detect(editor, frame, pattern).features if len(found) < FEW and not taken else found


def _place(clip: MovieClip, frame: int, found: list[Candidate]) -> None:
    """Make tracks on the features, which alone are selected."""
    for track in clip.tracking.objects.active.tracks:
        track.select = False
    pattern, search = sizes(clip_size(clip)[0])
    number = counting_of(clip).shown(frame)
    for index, feature in enumerate(found, 1):
        name = f"Auto {number}-{index:02}"
        place_track(clip, StartPosition(name, frame, (feature.x, feature.y), pattern, search, dict(SETTINGS)))
