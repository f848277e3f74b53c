# SPDX-License-Identifier: GPL-3.0-or-later
"""Audits a clip a slice at a time, so that the window never waits: on demand, and by itself what is not judged yet.

By itself it looks only for what a few frames around each tell, after a pass or an edit; `problems.in_view` is left
alone, because nobody wants a verdict to change while they look at it.
"""

from __future__ import annotations

import time
from collections.abc import Generator, Iterable
from typing import TYPE_CHECKING, Any

import bpy

from ...core.errors import FootageUnusable, UsageError
from ...core.journal.head import difference, frames_changed
from ...core.journal.review import Review
from ...core.model.flags import Flag, FlagKind
from ...core.model.frame_status import FrameStatus
from ...core.model.ranges import FrameRanges
from ...core.recording.manager import TrackingSessionManager
from ...core.review import actions
from ...core.review.auditing import FULL, QUICK, rolling_words
from ...core.review.frames import FrameStates
from ..clip.brightness import Frames
from ..clip.editor import redraw
from ..clip.movie_clip import clip_size, counting_of, footage_of
from ..open_file import open_file
from ..sessions.recording import Recording
from . import camera, deciding, problems

if TYPE_CHECKING:
    from bpy.types import MovieClip

SLICE = 0.02  # seconds of auditing per tick
QUIET = 1.0  # seconds without a new record after which a clip is audited by itself
CHUNK = 32  # frames that it audits by itself in one tick
ERROR = FlagKind.ERROR
_KINDS = {"QUICK": QUICK, "FULL": FULL}


class Audit:
    """An audit of all tracked frames of a clip, on demand. Frames whose markers change meanwhile stay unjudged."""

    def __init__(self, clip: MovieClip, level: str, *, with_pictures: bool = False) -> None:
        """Begin the audit, and the review if the session has none. `level`: QUICK or FULL, the only one
        `with_pictures`. Raises UsageError."""
        self.level = level
        self.progress = 0.0
        """The share that is done."""
        self._with_pictures = with_pictures and level == "FULL"
        self._remarks: list[str] = []
        self._kinds = _KINDS[level]
        self._rolling = 0.0
        self._recording = deciding.begin(clip)
        self._recording.look(clip, "", is_wide=True)  # scripts change tracks that no look suspects
        session = self._recording.session
        assert session is not None  # as `begin` has it
        self._session: TrackingSessionManager = session
        self._uid = clip.session_uid
        self._work = self._steps(clip_size(clip))
        open_file.view(_Running)[self._uid] = self

    @property
    def clip(self) -> MovieClip | None:
        """The clip, which undo may have replaced; None if it is gone."""
        return next((clip for clip in bpy.data.movieclips if clip.session_uid == self._uid), None)

    def go_on(self, seconds: float = SLICE) -> bool:
        """Audit for so many seconds, or a step; returns whether there is more. Raises UsageError at the end if the
        session is not owned any more."""
        until = time.perf_counter() + seconds
        try:
            while True:
                self.progress = next(self._work)
                if time.perf_counter() >= until:
                    return True
        except StopIteration as end:
            self.cancel()
            self._judge(end.value)
            return False
        except BaseException:
            self.cancel()
            raise

    def _steps(self, size: tuple[int, int]) -> Generator[float, None, list[Flag]]:
        from ...core.review.audit import Level, audit_steps  # here, as it loads numpy
        from ...core.review.motion import Motion

        yield 0.0
        while self._recording.has_more:
            self._recording.go_on(self._clip())
            yield 0.0
        self._position, self._rows = self._session.position, _rows(self._recording)
        self._frames = FrameRanges(self._session.session.tracked_frames.ranges())
        motion = Motion.of(self._recording.head, size, has_corners=self._with_pictures)
        yield 0.0
        clip = self._clip()
        lens = camera.known_lens(clip)
        solve, remark = camera.solve_of(clip, self._recording.head, motion)
        self._remarks = [remark] if remark else []
        yield 0.0
        if self.level == "QUICK" and solve is not None:
            solve = None  # what it tells takes longer than the rest, and what a full audit has found stays
        else:
            self._kinds |= {ERROR}  # without a solve, what another one said is worth nothing
        level = Level(self.level.lower())
        frames = self._frames_of(clip) if self._with_pictures else None
        if frames is None:
            flags, self._rolling = yield from audit_steps(motion, level=level, lens=lens, solve=solve)
            return flags
        with frames:
            self._kinds |= {FlagKind.CORRELATION}
            steps = audit_steps(motion, level=level, lens=lens, solve=solve, read=frames.read)
            flags, self._rolling = yield from steps
            if len(frames.unread):
                self._remarks.append(f"No picture: {counting_of(self._clip()).named(frames.unread)}")
            return flags

    def _frames_of(self, clip: MovieClip) -> Frames | None:
        try:
            return Frames(footage_of(clip), clip_size(clip), clip.frame_offset)
        except FootageUnusable as error:
            self._remarks.append(f"No pictures: {error}")
            return None

    def _clip(self) -> MovieClip:
        clip = self.clip
        if clip is None:
            raise UsageError("The clip is gone")
        return clip

    def cancel(self) -> None:
        """Stop, without a verdict. Can be repeated."""
        self._work.close()
        if open_file.view(_Running).get(self._uid) is self:
            del open_file.view(_Running)[self._uid]

    def _judge(self, flags: list[Flag]) -> None:
        session, changed = self._session, FrameRanges()
        if self._recording.session is not session:
            raise UsageError("The session was used otherwise during the audit: audit again")
        if session.position != self._position:
            changed = _around(self._changed())
            is_solved = not len(changed)  # else the solve is older than its tracks now
            flags = [flag for flag in flags if not _touches(flag, changed) and (is_solved or flag.kind is not ERROR)]
        frames = self._frames.without(changed)
        facts: dict[str, Any] = {"is_full": self.level == "FULL", "rolling": self._rolling}
        deciding.record(self._recording, actions.audited(session, frames, flags, self._kinds, **facts))
        if self._rolling:
            self._remarks.append(rolling_words(self._rolling))
        open_file.view(_Remarks)[self._uid] = ". ".join(self._remarks)

    def _changed(self) -> Iterable[int]:
        """The clip frames whose markers have changed since the audit began."""
        now = _rows(self._recording)
        edits = [
            difference(number, self._rows.get(number, b""), now.get(number, b"")) for number in {*self._rows, *now}
        ]
        return frames_changed(edit for edit in edits if edit is not None)


class _Running(dict[int, Audit]):
    """The audits that artists have begun, by clip (`session_uid`)."""


def running(clip: MovieClip) -> Audit | None:
    """The audit of the clip that goes on, if any."""
    return open_file.view(_Running).get(clip.session_uid)


class _Remarks(dict[int, str]):
    """About the last audit that an artist has begun, by clip (`session_uid`)."""


def remark(clip: MovieClip) -> str:
    """What the last audit of the clip could not look for, and why, and its rolling shutter; empty without either."""
    return open_file.view(_Remarks).get(clip.session_uid, "")


def _rows(recording: Recording) -> dict[int, bytes]:
    return {number: recording.head.rows(number) for number in recording.head.tracks}


# By itself


class _Unjudged:
    """What is audited by itself in one clip."""

    def __init__(self) -> None:
        self.position: object = None  # the end of the journal when the clip was looked at
        self.since = 0.0
        self.left: list[tuple[int, int]] = []  # the clip frames still to audit
        self.judged = FrameRanges()
        self.is_sure = True  # whether each part had a second opinion
        self.flags: dict[tuple[FlagKind, int, int, int], Flag] = {}


class _AllUnjudged(dict[int, _Unjudged]):
    """By clip (`session_uid`)."""


def at_idle(clip: MovieClip, recording: Recording) -> bool:
    """Audit some frames that are tracked and not judged, once nothing has changed for a while.

    Returns whether there is more to do at once. Nothing happens without a review.
    """
    session = recording.session
    if session is None or not session.review.id or running(clip) is not None:
        return False
    known = open_file.view(_AllUnjudged).setdefault(clip.session_uid, _Unjudged())
    now, position = time.monotonic(), (session.id, session.position, str(problems.in_view(clip)))
    if known.position != position:
        known.__init__()
        known.position, known.since = position, now
        unjudged = FrameStates(session).sets()[FrameStatus.TRACKED]
        wanted = _around(unjudged)
        wanted = wanted.without(wanted.without(session.session.tracked_frames)).without(problems.in_view(clip))
        if len(unjudged.without(problems.in_view(clip))):
            known.left = [*wanted.ranges()]
    if not (known.left or len(known.judged)) or now - known.since < QUIET:
        return False
    if known.left:
        _audit_chunk(clip, recording, known, session.review)
        return True  # the verdict comes in a tick of its own
    flags, is_sure = known.flags.values(), known.is_sure
    records = actions.audited(session, known.judged, flags, _local_kinds(), is_full=False, has_second_opinion=is_sure)
    known.judged = FrameRanges()
    if recording.record(records):
        redraw(bpy.context)
    return False


def _audit_chunk(clip: MovieClip, recording: Recording, known: _Unjudged, review: Review) -> None:
    """Audit the next frames; those among frames that a full audit has judged with its second opinion again."""
    from ...core.review.audit import Level, audit_frames
    from ...core.review.motion import Motion

    first, last = known.left.pop(0)
    end = min(last, first + CHUNK - 1)
    if end < last:
        known.left.insert(0, (end + 1, last))
    beyond = 2 * _reach()
    motion = Motion.of(recording.head, clip_size(clip), between=(first - beyond, end + beyond))
    near = review.full.following(first - beyond)
    level = Level.FULL if near is not None and near[0] <= end + beyond else Level.QUICK
    lens, rolling = camera.known_lens(clip), review.rolling if level is Level.FULL else 0.0
    flags = audit_frames(motion, range(first, end + 1), level=level, lens=lens, rolling=rolling)
    known.flags.update({flag.subject: flag for flag in flags})
    known.judged.add(first, end)
    known.is_sure = known.is_sure and level is Level.FULL


def _reach() -> int:
    """The frames on each side on which the verdict on a frame depends."""
    from ...core.review.jumps import REACH

    return REACH


def _local_kinds() -> frozenset[FlagKind]:
    from ...core.review.audit import LOCAL

    return LOCAL


def _around(frames: Iterable[int]) -> FrameRanges:
    """The frames, and those whose verdicts depend on them."""
    reach = _reach()
    ranges: Any = frames.ranges() if isinstance(frames, FrameRanges) else ((frame, frame) for frame in frames)
    found = FrameRanges()
    for start, end in ranges:
        found.add(start - reach, end + reach)
    return found


def _touches(flag: Flag, frames: FrameRanges) -> bool:
    following = frames.following(flag.first)
    return following is not None and following[0] <= flag.last
