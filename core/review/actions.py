# SPDX-License-Identifier: GPL-3.0-or-later
"""The actions of a review, as the records that they make. Whoever owns the session appends them, all at once.

Each refuses what is no legal transition (`model.frame_status`) before it makes a record. `who` is the person.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence

from ..errors import FramesNotJudged, UsageError
from ..journal.codec import event_record
from ..journal.decisions import OverrideKind
from ..journal.head import Head, row_on
from ..journal.records import EditRecord, Event, EventRecord, JournalRecord
from ..journal.review import FLAGS_KEPT, Action, Review, review_event
from ..journal.rows import (
    KEYED,
    MUTED,
    all_flags_of,
    count_rows,
    each_row,
    flags_of,
    frame_of,
    moved_to,
    position_of,
    with_flags,
)
from ..model.flags import Flag, FlagKind, Severity
from ..model.ids import new_id
from ..model.ranges import FrameRanges
from ..recording.manager import TrackingSessionManager

MUTE, NUDGE = "Mute", "Nudge"
"""The names of edits that a review makes, in the history."""
BY_HAND = 8  # markers that a hand moves at once, at most; who moves more does not mend single ones


def begin(session: TrackingSessionManager, *, shot: str = "", anchor: int | None = None) -> list[EventRecord]:
    """Begin the review of the session, or nothing if it has one, which goes on: the one way into a review.

    `shot`: the shot or the move of the camera; by default the name of the session. `anchor`: the reference frame, a
    clip frame; by default the first tracked one. Raises UsageError if nothing is tracked.
    """
    if session.review.id:
        return []
    tracked = session.session.tracked_frames
    first = next(iter(tracked), None) if anchor is None else anchor
    if first is None or first not in tracked:
        raise UsageError("The reference frame of a review has to be tracked" if first else "No frame is tracked")
    return [review_event(Action.BEGIN, id=new_id(), shot=shot or session.session.name, anchor=first)]


def audited(
    session: TrackingSessionManager,
    frames: FrameRanges,
    flags: Iterable[Flag],
    kinds: Collection[FlagKind],
    *,
    is_full: bool,
    has_second_opinion: bool | None = None,
    rolling: float = 0.0,
) -> list[EventRecord]:
    """The verdict of an audit that looked for `kinds` on `frames` and found `flags`; none without tracked frames.

    It takes the place of earlier verdicts of audits on these frames; what a person has approved stays approved. A
    frame fails with an error, is suspect with a warning, and is approved otherwise; accepted flags do not count, and
    flags of other kinds that were found before do. A possible jump is a warning until a second opinion has not
    confirmed it, as a full audit asks for (`has_second_opinion`, by default `is_full`). `rolling`: the share
    of a frame of the rolling shutter that a full audit took out.
    """
    review, tracked = session.review, session.session.tracked_frames
    judged = FrameRanges(frames.ranges())
    judged = judged.without(judged.without(tracked))
    if not len(judged):
        return []
    found = list(flags)
    others = [flag for flag in review.flags if flag.kind not in kinds]
    is_sure = is_full if has_second_opinion is None else has_second_opinion
    is_open = [flag for flag in (*found, *others) if not review.is_fine(flag)]
    failed, warned = _verdict(is_open, judged, FrameRanges() if is_sure else judged)
    return [
        review_event(
            Action.AUDIT,
            frames=str(judged),
            fail=str(failed),
            warn=str(warned),
            kinds=sorted(kind.value for kind in kinds),
            flags=[str(flag) for flag in found],
            level="full" if is_full else "quick",
            **({"rolling": round(rolling, 4)} if is_full else {}),
        )
    ]


def _verdict(flags: Iterable[Flag], judged: FrameRanges, unsure: FrameRanges) -> tuple[FrameRanges, FrameRanges]:
    """Of the `judged` frames those that fail by these open flags, and those that are suspect.

    `unsure`: the frames on which a possible jump is a warning.
    """
    failed, warned = FrameRanges(), FrameRanges()
    for flag in flags:
        if flag.severity is Severity.ERROR:
            failed.add(flag.first, flag.last)
        elif flag.severity is Severity.WARNING:
            warned.add(flag.first, flag.last)
        elif flag.kind is FlagKind.POSSIBLE_JUMP:
            warned.update(_common(FrameRanges([(flag.first, flag.last)]), unsure))
    failed = _common(failed, judged)
    return failed, _common(warned, judged).without(failed)


def _common(frames: FrameRanges, others: FrameRanges) -> FrameRanges:
    return frames.without(frames.without(others))


def approved(session: TrackingSessionManager, frames: FrameRanges, who: str, note: str = "") -> list[EventRecord]:
    """A person approves the frames. Raises FramesNotJudged, with nothing approved, if some were not audited."""
    unjudged = frames.without(session.review.judged)
    if len(unjudged):
        raise FramesNotJudged(session.counting.spans(unjudged))
    new = frames.without(session.review.signed)
    return [review_event(Action.APPROVE, frames=str(new), who=who, note=note)] if len(new) else []


def taken_back(session: TrackingSessionManager, frames: FrameRanges, who: str, note: str = "") -> list[EventRecord]:
    """A person takes the approval of the frames back: they are again as the last audit has judged them.

    Raises UsageError if no person has approved one of them.
    """
    review = session.review
    signed = _common(frames, review.signed)
    if not len(signed):
        noun = "frame" if len(frames) == 1 else "frames"
        raise UsageError(f"Nobody has approved {noun} {session.counting.spans(frames)}")
    is_open = [flag for flag in review.flags if not review.is_fine(flag)]
    return [review_event(Action.TAKE_BACK, **_judged_again(review, signed, is_open), who=who, note=note)]


def _judged_again(review: Review, frames: FrameRanges, flags: Iterable[Flag]) -> dict[str, str]:
    """The verdict on judged frames by the flags that the audits have found, without what a person has decided.

    Of more flags than a review keeps, the others may be about any frame that does not fail: those are not judged.
    """
    failed, warned = _verdict(flags, frames, frames.without(review.full))
    unjudged = FrameRanges()
    if len(review.flags) >= FLAGS_KEPT:
        unjudged, warned = frames.without(failed), FrameRanges()
    sets = {"frames": frames, "fail": failed, "warn": warned, "unjudged": unjudged}
    return {key: str(known) for key, known in sets.items()}


def accepted(session: TrackingSessionManager, flag: Flag, who: str, note: str = "") -> list[EventRecord]:
    """A person finds that the track is fine as it is, whatever `flag` says.

    Its frames that failed or are suspect, and have no other open error or warning, are approved with it.
    """
    review = session.review
    if review.is_fine(flag):
        return []
    others = FrameRanges()
    for other in review.open_flags:
        if other is not flag and other.subject != flag.subject and other.severity is not Severity.NOTE:
            others.add(other.first, other.last)
    suspect = FrameRanges(review.failed.ranges())
    suspect.update(review.warned)
    spanned = FrameRanges([(flag.first, flag.last)])
    freed = spanned.without(spanned.without(suspect)).without(others)
    span = {"first": flag.first, "last": flag.last}
    return [
        review_event(Action.FINE, kind=flag.kind.value, track=flag.track, **span, frames=str(freed), who=who, note=note)
    ]


def not_fine(session: TrackingSessionManager, flag: Flag, who: str, note: str = "") -> list[EventRecord]:
    """A person takes back that the track is fine as it is: the flag is open again, and its frames are not approved.

    So are other flags that were accepted with it. Raises UsageError if nobody has accepted the flag.
    """
    review = session.review
    accepting = [fine for fine in review.fine if fine.accepts(flag)]
    if not accepting:
        raise UsageError("Nobody has found this fine as it is")
    kept = [fine for fine in review.fine if fine not in accepting]
    is_open = [known for known in review.flags if not any(fine.accepts(known) for fine in kept)]
    frames = FrameRanges([(flag.first, flag.last)])
    for known in is_open:
        if any(fine.accepts(known) for fine in accepting):
            frames.add(known.first, known.last)
    again = _judged_again(review, _common(frames, review.judged), is_open)
    what = {"kind": flag.kind.value, "track": flag.track, "first": flag.first, "last": flag.last}
    other = {"other": flag.other} if flag.other else {}
    return [review_event(Action.NOT_FINE, **what, **other, **again, who=who, note=note)]


def noted(
    session: TrackingSessionManager, first: int, last: int, text: str, who: str, track: int = 0
) -> list[EventRecord]:
    """A remark about clip frames, or about a track there. Raises UsageError without a review or a text."""
    _check_begun(session)
    if not text.strip():
        raise UsageError("The note is empty")
    return [review_event(Action.NOTE, text=text, track=track, first=first, last=last, who=who)]


def overridden(
    session: TrackingSessionManager,
    kind: OverrideKind,
    track: int,
    first: int,
    last: int,
    who: str,
    note: str = "",
    *,
    original: tuple[float, float] | None = None,
    position: tuple[float, float] | None = None,
) -> list[EventRecord]:
    """The announcement of a change of markers, which counts with the edit or the pass that follows.

    `original` and `position`: pixels from the lower left corner.
    """
    _check_begun(session)
    places = {key: list(value) for key, value in (("original", original), ("position", position)) if value}
    fields = {"kind": kind.value, "track": track, "first": first, "last": last, "who": who, "note": note}
    return [review_event(Action.OVERRIDE, **fields, **places)]


def nudged(
    session: TrackingSessionManager, rows: bytes, track: int, frame: int, by: tuple[float, float], who: str, note: str
) -> list[JournalRecord]:
    """A person moves the marker of the track on the clip frame, of its packed markers `rows`, by so many pixels.

    Raises UsageError if the track has no marker there, or the size of the footage is unknown.
    """
    width, height = session.session.footage.size
    row = row_on(rows, frame)
    if not row:
        raise UsageError(f"The track has no marker on frame {session.counting.shown(frame)}")
    if not (width and height):
        raise UsageError("The size of the footage is not known")
    x, y = position_of(row)
    original = (x * width, y * height)
    position = (original[0] + by[0], original[1] + by[1])
    moved = with_flags(moved_to(row, position[0] / width, position[1] / height), bytes([flags_of(row) | KEYED]))
    announced = overridden(
        session, OverrideKind.NUDGE, track, frame, frame, who, note, original=original, position=position
    )
    return [*announced, event_record(Event.EDITED, operator=NUDGE), EditRecord(track, (), moved)]


def moved(session: TrackingSessionManager, head: Head, records: Sequence[JournalRecord], who: str) -> list[EventRecord]:
    """The announcements of nudges by hand, in an edit that has happened: `records` lead on from the state of `head`.

    Empty without a review, or if the edit does more than to move a few markers.
    """
    if not session.review.id:
        return []
    edits = [record for record in records if isinstance(record, EditRecord) and not record.removed]
    if len(edits) < len(records) or sum(count_rows(edit.rows) for edit in edits) > BY_HAND:
        return []
    width, height = session.session.footage.size
    found: list[EventRecord] = []
    for edit in edits:
        for row in each_row(edit.rows):
            frame = frame_of(row)
            before = row_on(head.rows(edit.track), frame)
            if not before or position_of(before) == position_of(row):
                return []
            (x, y), (new_x, new_y) = position_of(before), position_of(row)
            original = (x * width, y * height) if width and height else None
            position = (new_x * width, new_y * height) if width and height else None
            at = (edit.track, frame, frame)
            found += overridden(session, OverrideKind.NUDGE, *at, who, original=original, position=position)
    return found


def muted(
    session: TrackingSessionManager, rows: bytes, track: int, first: int, last: int, who: str, note: str = ""
) -> list[JournalRecord]:
    """A person mutes the markers of the track on the clip frames `first` to `last`. Raises UsageError without any."""
    found = [row for frame in range(first, last + 1) if (row := row_on(rows, frame)) and not flags_of(row) & MUTED]
    if not found:
        raise UsageError(f"The track has no live marker on {session.counting.span(first, last)}")
    rows = b"".join(found)
    changed = with_flags(rows, bytes(flags | MUTED for flags in all_flags_of(rows)))
    announced = overridden(session, OverrideKind.MUTE, track, first, last, who, note)
    return [*announced, event_record(Event.EDITED, operator=MUTE), EditRecord(track, (), changed)]


def _check_begun(session: TrackingSessionManager) -> None:
    if not session.review.id:
        raise UsageError("Nobody has begun a review of the session")
