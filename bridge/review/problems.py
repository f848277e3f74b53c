# SPDX-License-Identifier: GPL-3.0-or-later
"""The review of a clip as its panel shows it, and the list of its problems, computed anew only after a change.

The counts and the flags follow the end of the journal, so that drawing costs the same in a clip of any length. Each
clip has a list of its own: two editors may show two clips.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

import bpy
from bpy.props import BoolProperty, CollectionProperty, EnumProperty, IntProperty, PointerProperty, StringProperty
from bpy.types import PropertyGroup

from ...core.errors import TrackingSessionError
from ...core.journal.decisions import Note
from ...core.model.flags import Flag, FlagKind, Severity
from ...core.model.frame_status import FrameStatus
from ...core.model.ranges import FrameRanges
from ...core.recording.manager import TrackingSessionManager
from ...core.review.committing import Commit, last_commit
from ...core.review.frames import FrameStates
from ..clip.editor import redraw
from ..clip.movie_clip import counting_of, mark_of
from ..open_file import open_file
from ..sessions.filled_list import TRACKING_SESSIONS_PG_list, choose_id, write_ids
from ..sessions.finding import find_session
from ..sessions.overview import last_overview
from ..sessions.recording import known_recording
from ..tracking import live

if TYPE_CHECKING:
    from bpy.types import Context, MovieClip


@dataclass(frozen=True, slots=True, eq=False)
class ReviewView:
    """The review of a clip's session. Frames are clip frames."""

    id: str = ""
    """Empty: nobody has begun a review."""
    is_owned: bool = False
    """Whether this Blender owns the session, and so can go on with the review."""
    counts: Mapping[FrameStatus, int] = field(default_factory=dict[FrameStatus, int])
    flags: tuple[Flag, ...] = ()
    """The worst first."""
    done: frozenset[Flag] = frozenset()
    """The flags that a person has accepted, or whose frames a person has approved."""
    accepted: frozenset[Flag] = frozenset()
    """Those of them that a person has accepted."""
    names: Mapping[int, str] = field(default_factory=dict[int, str])
    """Of the tracks, by number; only of an owned session."""
    notes: tuple[Note, ...] = ()
    failed: FrameRanges = field(default_factory=FrameRanges)
    warned: FrameRanges = field(default_factory=FrameRanges)
    approved: FrameRanges = field(default_factory=FrameRanges)
    signed: FrameRanges = field(default_factory=FrameRanges)
    """The frames that a person has approved."""
    commit: Commit | None = None

    @property
    def left(self) -> int:
        """The number of open errors and warnings."""
        return sum(flag.severity is not Severity.NOTE for flag in self.flags if flag not in self.done)


_NOTHING: tuple[object, ReviewView] = None, ReviewView()


class _Views(dict[int, tuple[object, ReviewView]]):
    """The views of the open file, by clip (`session_uid`), each with what it was computed from."""


def review_of(clip: MovieClip) -> ReviewView:
    """The review of the clip's session; while a pass runs, as it was before. Reads a file only if it has changed."""
    views = open_file.view(_Views)
    based_on, known = views.get(clip.session_uid, _NOTHING)
    running = live.running()
    if running is not None:
        if based_on is None and running.shot.clip == clip:
            views[clip.session_uid] = (0,), _view(running.shot.session)
        return views.get(clip.session_uid, ((), known))[1]
    recording = known_recording(clip)
    session = recording.session if recording is not None else None
    if recording is not None and session is not None:
        now: tuple[object, ...] = session.path, session.position
        if based_on != now:
            names = {number: data.name for number, data in recording.head.tracks.items()}
            known = _view(session, names)
    else:
        seen = last_overview(clip)
        now = open_file.revision, seen.session, seen.seen
        if based_on != now:
            known = ReviewView()
            try:
                found = find_session(clip, mark_of(clip)) if seen.name else None
                known = _view(found) if found is not None else known
            except TrackingSessionError:
                pass  # the Session panel shows the error
    views[clip.session_uid] = now, known
    return known


def _view(session: TrackingSessionManager, names: Mapping[int, str] | None = None) -> ReviewView:
    review, states = session.review, FrameStates(session)
    if not review.id:
        return ReviewView(is_owned=names is not None)
    accepted, tracked = frozenset(filter(review.is_fine, review.flags)), session.session.tracked_frames
    return ReviewView(
        review.id,
        names is not None,
        states.counts(),
        tuple(review.flags),
        accepted | {flag for flag in review.flags if review.is_signed(flag, tracked)},
        accepted,
        names or {},
        tuple(review.notes),
        *(FrameRanges(frames.ranges()) for frames in (review.failed, review.warned, review.approved, review.signed)),
        commit=last_commit(session),
    )


# The list


class Filter(NamedTuple):
    """Which flags the list shows, and in which order."""

    kind: str = "ALL"
    state: str = "OPEN"
    track: str = ""  # part of a name
    order: str = "WORST"

    def chosen(self, view: ReviewView) -> Iterable[Flag]:
        """The flags of the view that the list shows, in its order."""
        part = self.track.casefold()
        found = (
            flag
            for flag in view.flags
            if self.kind in ("ALL", flag.kind)
            and (flag in view.done) is (self.state == "DONE")
            and (self.state == "DONE" or flag.severity in _SEVERITIES[self.state])
            and (not part or any(part in view.names.get(number, "").casefold() for number in (flag.track, flag.other)))
        )
        return sorted(found, key=lambda flag: (flag.first, flag.last)) if self.order == "FRAME" else found


_SEVERITIES: dict[str, Collection[Severity]] = {
    "OPEN": (Severity.ERROR, Severity.WARNING),
    "FAILED": (Severity.ERROR,),
    "SUSPECT": (Severity.WARNING,),
    "NOTES": (Severity.NOTE,),
}


def kind_words(kind: FlagKind) -> str:
    """The kind of a flag, as the title of an entry."""
    return kind.value.replace("_", " ").title()


_KINDS = (
    ("ALL", "All Kinds", "Show problems of all kinds"),
    *((kind.value, kind_words(kind), "Show only these") for kind in FlagKind),
)


def _row(_: object) -> int:
    data = PROBLEMS.data(bpy.context)
    return data.active if data is not None else 0


def _click(_: object, row: int) -> None:
    """Go to the problem that was clicked."""
    operators: Any = bpy.ops.tracking_sessions  # type: ignore[attr-defined]  # made when they are registered
    data = PROBLEMS.data(bpy.context)
    if data is not None and 0 <= row < len(data.entries) and operators.go_to_problem.poll():
        operators.go_to_problem(problem=data.entries[row].name)


class TRACKING_SESSIONS_PG_review(PropertyGroup):
    """The filter of the list of problems, and what a full audit looks at; Blender forgets it with the file"""

    kind: EnumProperty(  # type: ignore[valid-type]
        name="Flag",
        description="Show only problems of this kind",
        items=_KINDS,
    )
    state: EnumProperty(  # type: ignore[valid-type]
        name="State",
        description="Show only problems in this state",
        items=(
            ("OPEN", "Problems", "Show errors and warnings that nobody has approved"),
            ("FAILED", "Failed", "Show only errors"),
            ("SUSPECT", "Suspect", "Show only warnings"),
            ("NOTES", "Notes", "Show what is worth knowing and no problem, such as short tracks"),
            ("DONE", "Done", "Show what is approved, or fine as it is"),
        ),
    )
    track: StringProperty(  # type: ignore[valid-type]
        name="Track", description="Show only problems of tracks with these letters in their names"
    )
    with_pictures: BoolProperty(  # type: ignore[valid-type]
        name="With Pictures",
        description="Let a full audit compare each pattern with that of its keyframe, too, which reads every picture",
    )
    order: EnumProperty(  # type: ignore[valid-type]
        name="Order",
        description="The order of the problems, in the list and for Next Problem",
        items=(("WORST", "Worst First", "The worst first"), ("FRAME", "By Frame", "In the order of the frames")),
    )

    row: IntProperty(name="Problem", get=_row, set=_click)  # type: ignore[valid-type]


def settings_of(context: Context) -> Any:
    """The filter of the list and the choice for a full audit, as Blender's data."""
    return context.window_manager.tracking_sessions_review  # type: ignore[attr-defined]  # see `register`


class _Shown:
    """The problems in the list of a clip."""

    def __init__(self) -> None:
        self.view = ReviewView()
        self.filter = Filter()
        self.flags: dict[str, Flag] = {}
        """By their ids, in order."""
        self.is_filled = False  # whether Blender's list has them
        self.visited = ""
        """The id of the problem that the artist has gone to last."""
        self.frames: tuple[int, int] = 0, 0
        """Its first and last clip frame."""


class _AllShown(dict[int, _Shown]):
    """By clip (`session_uid`)."""


def _shown(clip: MovieClip) -> _Shown:
    return open_file.view(_AllShown).setdefault(clip.session_uid, _Shown())


def problem_id(flag: Flag) -> str:
    """The same for a problem in two audits that find it."""
    return " ".join(map(str, flag.subject))


def problems(context: Context) -> dict[str, Flag]:
    """The problems of the editor's clip that the list shows, by their ids, in its order; not to be changed."""
    clip = context.space_data.clip
    shown, view = _shown(clip), review_of(clip)
    settings = settings_of(context)
    filter = Filter(settings.kind, settings.state, settings.track, settings.order)
    if shown.view is not view or shown.filter != filter:
        shown.view, shown.filter = view, filter
        shown.flags = {problem_id(flag): flag for flag in filter.chosen(view)}
        shown.is_filled = False
    return shown.flags


class _Lists:
    """The problems in Blender's data, a list for each clip, as Blender's lists show only that; a timer writes them."""

    def __init__(self) -> None:
        self.timer = self._fill  # one object: Blender knows a timer by its identity

    def data(self, context: Context) -> Any:
        """The list of the editor's clip, with `entries` and `active`; None until it is written."""
        clip = getattr(context.space_data, "clip", None)
        return self._all(context).get(str(clip.session_uid)) if clip is not None else None

    def fill(self, context: Context) -> Any:
        """Write the list of the editor's clip now; returns it."""
        clip = context.space_data.clip
        data = self.data(context)
        if data is None or not _shown(clip).is_filled:
            data = self._write(context, clip.session_uid, _shown(clip))
            redraw(context)
        return data

    def keep_filled(self, context: Context) -> None:
        """Start the timer if there is something to write. A panel may not change data while it is drawn."""
        shown, data = _shown(context.space_data.clip), self.data(context)
        is_there = data is not None and len(data.entries) == len(shown.flags)  # not if Blender loaded a file
        if not (shown.is_filled and is_there) and not bpy.app.timers.is_registered(self.timer):
            bpy.app.timers.register(self.timer, first_interval=0.0)

    def _fill(self) -> None:
        lists, known = self._all(bpy.context), open_file.view(_AllShown)
        for uid in known.keys() - {clip.session_uid for clip in bpy.data.movieclips}:
            del known[uid]
        for name in {data.name for data in lists} - {*map(str, known)}:
            lists.remove(lists.find(name))
        for uid, shown in known.items():
            self._write(bpy.context, uid, shown)
        redraw(bpy.context)

    def _write(self, context: Context, uid: int, shown: _Shown) -> Any:
        lists = self._all(context)
        data = lists.get(str(uid))
        if data is None:
            data = lists.add()
            data.name = str(uid)
        write_ids(data, list(shown.flags))
        shown.is_filled = True
        return data

    def _all(self, context: Context) -> Any:
        return context.window_manager.tracking_sessions_problems  # type: ignore[attr-defined]  # see `register`


PROBLEMS = _Lists()


def keep_filled(context: Context) -> None:
    """Let a timer write the problems to Blender's list, if it has others."""
    problems(context)
    PROBLEMS.keep_filled(context)


def fill(context: Context) -> dict[str, Flag]:
    """Write the problems to Blender's list now; returns them."""
    found = problems(context)
    PROBLEMS.fill(context)
    return found


def shown_problem(clip: MovieClip, id: str) -> Flag | None:
    """The problem of this id in the list of the clip."""
    return _shown(clip).flags.get(id)


def shown_view(clip: MovieClip) -> ReviewView:
    """The review whose problems the list of the clip shows."""
    return _shown(clip).view


def visit(context: Context, id: str) -> None:
    """Note that the artist has gone to this problem, which the actions are about from now on."""
    flag = fill(context).get(id)
    shown = _shown(context.space_data.clip)
    shown.visited, shown.frames = id, (flag.first, flag.last) if flag is not None else (0, 0)
    choose_id(PROBLEMS.data(context), id)


def in_view(clip: MovieClip) -> FrameRanges:
    """The clip frames of the problem that the artist has gone to, until they leave its frames."""
    shown = _shown(clip)
    first, last = shown.frames
    is_there = first <= counting_of(clip).clip_frame(bpy.context.scene.frame_current) <= last
    return FrameRanges([(first, last)]) if is_there and shown.visited else FrameRanges()


def current(context: Context) -> Flag | None:
    """The problem that the artist has gone to last, while it is in the list."""
    return problems(context).get(_shown(context.space_data.clip).visited)


def beside(context: Context, step: int) -> str | None:
    """The id of the problem so many places after the current one, beginning anew after the last; None without any.

    If the current one has left the list, the next one is in its place.
    """
    ids = list(fill(context))
    if not ids:
        return None
    visited = _shown(context.space_data.clip).visited
    if visited in ids:
        return ids[(ids.index(visited) + step) % len(ids)]
    return ids[(PROBLEMS.data(context).active + min(step, 0)) % len(ids)]


def register() -> None:
    kind: Any = bpy.types.WindowManager
    kind.tracking_sessions_problems = CollectionProperty(type=TRACKING_SESSIONS_PG_list)
    kind.tracking_sessions_review = PointerProperty(type=TRACKING_SESSIONS_PG_review)


def unregister() -> None:
    if bpy.app.timers.is_registered(PROBLEMS.timer):
        bpy.app.timers.unregister(PROBLEMS.timer)
    for name in ("tracking_sessions_problems", "tracking_sessions_review"):
        if hasattr(bpy.types.WindowManager, name):
            delattr(bpy.types.WindowManager, name)


classes = (TRACKING_SESSIONS_PG_review,)
