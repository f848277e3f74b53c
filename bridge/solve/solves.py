# SPDX-License-Identifier: GPL-3.0-or-later
"""The solves of a clip's session as the Solve panel shows them, and the one that is chosen, read a file at a time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import bpy

from ...core.errors import TrackingSessionError, UsageError
from ...core.footage.analysis.known import known_analysis
from ...core.journal.solves import SolveEntry
from ...core.recording.manager import TrackingSessionManager
from ...core.solve.solve import Solve
from ...core.solve.store import read_solve, solve_file
from ...core.storage.folder import SessionFolder
from ..clip.movie_clip import clip_size, counting_of, mark_of
from ..open_file import open_file
from ..review.residuals import Curve
from ..sessions.filled_list import FilledList
from ..sessions.finding import find_session
from ..sessions.overview import last_overview
from ..sessions.recording import known_recording
from ..tracking import live

if TYPE_CHECKING:
    from bpy.types import Context, MovieClip

WORST = 5
"""Tracks of a solve that the panel lists."""
STALE_LIMIT = 400_000
"""Markers above which the panel does not look whether a solve is older than its tracks: it takes a tenth of a second
for so many."""


@dataclass(frozen=True, slots=True, eq=False)
class SolvesView:
    """The solves of a clip's session, the newest first. `best`: the id of the best one; empty without one."""

    rows: tuple[SolveEntry, ...] = ()
    best: str = ""
    is_tracked: bool = False
    """Whether there is anything to solve."""


_NOTHING: tuple[object, SolvesView] = None, SolvesView()


class _Views(dict[int, tuple[object, SolvesView]]):
    """By clip (`session_uid`), each with what it was made from."""


def solves_of(clip: MovieClip) -> SolvesView:
    """The solves of the clip's session; while a pass runs, as they were before. Reads a file only if it has changed."""
    views = open_file.view(_Views)
    based_on, known = views.get(clip.session_uid, _NOTHING)
    if live.running() is not None:
        return known
    recording = known_recording(clip)
    session = recording.session if recording is not None else None
    if session is not None:
        now: tuple[object, ...] = session.path, session.position
        if based_on != now:
            known = _view(session)
    else:
        seen = last_overview(clip)
        now = open_file.revision, seen.session, seen.seen
        if based_on != now:
            try:
                found = find_session(clip, mark_of(clip)) if seen.name else None
                known = _view(found) if found is not None else SolvesView()
            except TrackingSessionError:
                known = SolvesView()  # the Session panel shows the error
    views[clip.session_uid] = now, known
    return known


def _view(session: TrackingSessionManager) -> SolvesView:
    rows = tuple(SolveEntry.of(entry) for entry in reversed(session.solves))
    return SolvesView(rows, session.session.best_solve, len(session.session.tracked_frames) > 0)


# The one that is chosen


class _Shown:
    """The clip and the session that the panel shows, and the solves that were read for it."""

    def __init__(self) -> None:
        self.clip = 0
        self.session = ""
        self.ids: tuple[str, ...] = ()
        self.wanted = ""
        """The id of the solve to choose in the list once that has it."""
        self.solves: dict[str, Solve | str] = {}
        self.stale: dict[str, tuple[object, bool]] = {}
        self.curves: dict[str, Curve] = {}
        self.footage: tuple[str, ...] | None = None
        """What makes the tracking of the footage fail; None until it was read."""


def _clip() -> MovieClip | None:
    shown = open_file.view(_Shown).clip
    return next((clip for clip in bpy.data.movieclips if clip.session_uid == shown), None)


def session_of(clip: MovieClip) -> TrackingSessionManager | None:
    """The session of the clip; None without one. Raises the errors of reading sessions."""
    recording = known_recording(clip)
    if recording is not None and recording.session is not None:
        return recording.session
    return find_session(clip, mark_of(clip)) if last_overview(clip).name else None


def is_due(clip: MovieClip) -> bool:
    """Whether the list, or the chosen solve, is to be read for this clip, which is the shown one from now on."""
    shown, view = open_file.view(_Shown), solves_of(clip)
    ids = tuple(row.id for row in view.rows)
    session = last_overview(clip).session
    is_other = shown.clip != clip.session_uid or shown.session != session
    if is_other or shown.ids != ids:
        # of another clip the best, else the one that has just been made
        wanted = view.best if is_other else next((id for id in ids[:1] if id not in shown.ids), shown.wanted)
        shown.__init__()
        shown.clip, shown.session, shown.ids, shown.wanted = clip.session_uid, session, ids, wanted
        return True
    id = chosen_id(bpy.context, view)
    return shown.footage is None or (bool(id) and id not in shown.solves)


def _read(_: float) -> bool:
    """Read the chosen solve, and what is known of the footage."""
    shown, clip = open_file.view(_Shown), _clip()
    if clip is None:
        return False
    if shown.footage is None:
        shown.footage = _footage_words(clip)
    if shown.wanted:
        SOLVES.update(bpy.context)
        SOLVES.choose(bpy.context, shown.wanted)
        shown.wanted = ""
    id = chosen_id(bpy.context, solves_of(clip))
    if id and id not in shown.solves:
        try:
            session = session_of(clip)
            path = solve_file(SessionFolder.of(session.path), session.id, id) if session is not None else None
            shown.solves[id] = read_solve(path) if path is not None else "Its session is gone"
        except TrackingSessionError as error:
            shown.solves[id] = str(error)
    return False


def _footage_words(clip: MovieClip) -> tuple[str, ...]:
    try:
        session = session_of(clip)
    except TrackingSessionError:
        session = None  # the Session panel shows the error
    if session is None:
        return ()
    folder, fingerprint = SessionFolder.of(session.path), session.session.footage.fingerprint
    found = known_analysis(folder, fingerprint)
    return tuple(found.problems(counting_of(clip))) if found is not None else ()


def footage_words(clip: MovieClip) -> tuple[str, ...]:
    """What makes tracking fail, as an analysis of the footage has found; nothing before it was read."""
    shown = open_file.view(_Shown)
    return (shown.footage or ()) if shown.clip == clip.session_uid else ()


def forget_footage() -> None:
    """Let the panel read anew what is known of the footage."""
    open_file.view(_Shown).footage = None


SOLVES = FilledList("tracking_sessions_solves", _read, lambda: open_file.view(_Shown).ids)


def chosen_id(context: Context, view: SolvesView) -> str:
    """The id of the solve that is chosen in the list; the best one before anybody has chosen."""
    id = SOLVES.chosen(context)
    return id if any(row.id == id for row in view.rows) else view.best


def chosen(context: Context) -> Solve | None:
    """The chosen solve of the clip, if it has been read."""
    clip = context.space_data.clip
    shown = open_file.view(_Shown)
    found = shown.solves.get(chosen_id(context, solves_of(clip))) if shown.clip == clip.session_uid else None
    return found if isinstance(found, Solve) else None


def curve_of(solve: Solve) -> Curve | None:
    """The error on each frame of the chosen solve, beside the one above which the verdict believes none; None without
    a camera. It is made once."""
    from ...core.solve.verdict import error_limit  # here, as it loads numpy

    curves = open_file.view(_Shown).curves
    if solve.id not in curves:
        limit = error_limit(solve.lens.size[0])
        frames, errors = [camera.frame for camera in solve.cameras], [camera.error for camera in solve.cameras]
        curves[solve.id] = Curve(frames, errors, [limit] * len(frames))
    return curves[solve.id] if solve.cameras else None


def unreadable(context: Context) -> str:
    """Why the chosen solve cannot be read; empty if it can."""
    found = open_file.view(_Shown).solves.get(chosen_id(context, solves_of(context.space_data.clip)))
    return found if isinstance(found, str) else ""


def read_chosen(context: Context) -> Solve:
    """The chosen solve, read now. Raises UsageError and SolveUnreadable."""
    clip = context.space_data.clip
    is_due(clip)
    _read(0.0)
    if words := unreadable(context):
        raise UsageError(words)
    solve = chosen(context)
    if solve is None:
        raise UsageError("This clip has no solve yet: solve it first")
    return solve


def is_stale(clip: MovieClip, solve: Solve) -> bool:
    """Whether the clip's markers have changed since the solve, as far as this Blender records them."""
    from ...core.solve import digest  # here, as these load numpy
    from ...core.solve.taking_part import camera_motion

    recording = known_recording(clip)
    if recording is None or recording.session is None:
        return False
    shown, now = open_file.view(_Shown), recording.session.position
    based_on, known = shown.stale.get(solve.id, (None, False))
    if based_on != now:
        motion = camera_motion(recording.head, clip_size(clip), solve.object)
        known = len(motion) <= STALE_LIMIT and digest.is_stale(motion, solve)
        shown.stale[solve.id] = now, known
    return known


def worst(solve: Solve) -> list[tuple[int, float]]:
    """The tracks with the largest errors, with these, pixels."""
    order = sorted(solve.bundles, key=lambda bundle: -bundle.error)
    return [(bundle.track, bundle.error) for bundle in order[:WORST]]
