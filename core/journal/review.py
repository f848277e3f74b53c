# SPDX-License-Identifier: GPL-3.0-or-later
"""The review of a session: the verdicts on its frames, their flags, and what people decided, from its records.

Whatever is wrong with the records of a review costs the review (`damaged`), never the tracking.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from enum import StrEnum
from typing import Any

from ..model.flags import Flag, FlagKind, worst_first
from ..model.frame_status import FrameStatus
from ..model.ranges import FrameRanges
from .codec import event_record, frame_number, frame_set
from .decisions import Approval, Fine, Note, Override, OverrideKind, approval_of, fine_of, note_of, override_of, plain
from .records import Event, EventRecord
from .rows import frames_of, tracks_of

FLAGS_KEPT = 1000
"""The worst flags are kept, so that a session file stays small; an audit finds the others again."""
ENTRIES_KEPT = 1000  # approvals, notes, overrides and accepted flags, the newest of each


class Action(StrEnum):
    """The action that an event of a review records."""

    BEGIN = "begin"
    AUDIT = "audit"
    APPROVE = "approve"
    TAKE_BACK = "take_back"  # what APPROVE did
    FINE = "fine"
    NOT_FINE = "not_fine"
    NOTE = "note"
    OVERRIDE = "override"
    STATE = "state"  # the whole review, in place of the earlier records


class Review:
    """Updated by each record. Sets of frames hold clip frames; those in none of the verdicts are not judged."""

    def __init__(self) -> None:
        self.id = ""
        """Empty: nobody has begun a review."""
        self.shot = ""
        """The shot, or the move of the camera, that is reviewed."""
        self.anchor = 0
        """The reference frame, a clip frame; 0 without a review."""
        self.begun = ""
        self.failed = FrameRanges()
        self.warned = FrameRanges()
        self.approved = FrameRanges()
        self.signed = FrameRanges()
        """The approved frames that a person has approved: an audit leaves them."""
        self.full = FrameRanges()
        """The judged frames that a full audit has judged."""
        self.rolling = 0.0
        """The share of a frame of the rolling shutter that the last full audit has found; 0: none."""
        self.flags: list[Flag] = []
        """The worst first."""
        self.approvals: list[Approval] = []
        """Those that count on a frame: it was not taken back there, and no marker has changed."""
        self.fine: list[Fine] = []
        self.notes: list[Note] = []
        self.overrides: list[Override] = []
        self.damaged = 0
        """The number of records that could not be understood."""
        self._by_track: dict[tuple[FlagKind, int], FrameRanges] = {}  # the frames of `_indexed`
        self._indexed: list[Fine] | None = None  # what `fine` was then; it is replaced, never changed
        self._announced: list[Override] = []  # whose change has not come yet
        self._is_begun = False  # whether their edit or pass has

    # Questions

    def verdict(self, frame: int) -> FrameStatus | None:
        """The state of the clip frame, if it was judged since its markers changed."""
        for frames, status in (
            (self.failed, FrameStatus.AUDIT_FAIL),
            (self.warned, FrameStatus.AUDIT_WARN),
            (self.approved, FrameStatus.APPROVED),
        ):
            if frame in frames:
                return status
        return None

    @property
    def judged(self) -> FrameRanges:
        """The frames that were judged since their markers changed; a new set."""
        judged = FrameRanges(self.failed.ranges())
        judged.update(self.warned)
        judged.update(self.approved)
        return judged

    def is_fine(self, flag: Flag) -> bool:
        """Whether a person has accepted what the flag is about."""
        if not self.fine:
            return False
        if self._indexed is not self.fine:
            self._indexed, self._by_track = self.fine, {}
            for fine in self.fine:
                self._by_track.setdefault((fine.kind, fine.track), FrameRanges()).add(fine.first, fine.last)
        tracks = (flag.track, flag.other) if flag.other else (flag.track,)
        accepted = (self._by_track.get((flag.kind, track)) for track in tracks)
        return any(frames is not None and _is_within(flag, frames) for frames in accepted)

    def is_open(self, flag: Flag) -> bool:
        """Whether nobody has accepted what the flag is about, nor approved all its frames."""
        return not self.is_fine(flag) and not self.is_signed(flag)

    def is_signed(self, flag: Flag, tracked: FrameRanges | None = None) -> bool:
        """Whether a person has approved all frames of the flag; with `tracked`, all that are tracked, at least one."""
        if not _is_within(flag, self.signed):  # as nearly all: cheaper than their missing frames
            return False
        missing = self.signed.missing(flag.first, flag.last)
        return not any(tracked is None or frame in tracked for frame in missing)

    @property
    def open_flags(self) -> list[Flag]:
        """The flags that still wait for a person, the worst first."""
        return [flag for flag in self.flags if self.is_open(flag)]

    # Records

    def apply(self, fields: Mapping[str, Any]) -> None:
        """Apply an event of the review, which is untrusted."""
        try:
            self._apply(Action(fields["action"]), fields)
        except (KeyError, TypeError, ValueError, OverflowError, AttributeError):
            self.damaged += 1

    def begin_change(self) -> None:
        """An edit or a pass begins: the one that was announced, or one that shows that it never came."""
        if self._is_begun:
            self._announced = []
        self._is_begun = bool(self._announced)

    def touch(self, frames: Iterable[int], tracks: Collection[int]) -> None:
        """Markers of `tracks` changed on the clip frames `frames`: what was said about them is worth nothing now."""
        if self._announced:
            made = [override for override in self._announced if override.track in tracks]
            self._announced = [override for override in self._announced if override.track not in tracks]
            self.overrides = [*self.overrides, *made][-ENTRIES_KEPT:] if made else self.overrides
            self._is_begun = self._is_begun and bool(self._announced)
        if not (self.failed or self.warned or self.approved or self.fine):
            return
        changed = frames if isinstance(frames, FrameRanges) else FrameRanges.of(frames)
        if not len(changed):
            return
        for start, end in changed.ranges():
            for known in (self.failed, self.warned, self.approved, self.signed, self.full):
                known.discard(start, end)
        if self.approvals:
            self._forget_approvals()
        if not (self.flags or self.fine):
            return
        low, high = min(start for start, _ in changed.ranges()), max(end for _, end in changed.ranges())

        def is_about(kept: Flag | Fine) -> bool:
            if kept.first < low or kept.last > high:  # as nearly all, on each step of a pass
                return False
            is_of_track = kept.track in tracks or (isinstance(kept, Flag) and kept.other in tracks)
            return is_of_track and not len(changed.missing(kept.first, kept.last))

        self.flags = [flag for flag in self.flags if not is_about(flag)]
        self.fine = [fine for fine in self.fine if not is_about(fine)]

    def step(self, rows: bytes) -> None:
        """A step of the tracker set these markers."""
        if self.id:
            self.touch(set(frames_of(rows)), set(tracks_of(rows)))

    def _apply(self, action: Action, fields: Mapping[str, Any]) -> None:
        time = str(fields.get("time", ""))
        if not self.id and action not in (Action.BEGIN, Action.STATE):
            raise ValueError("nobody has begun the review")
        match action:
            case Action.BEGIN:
                if not self.id:
                    self.id, self.shot = str(fields["id"]), str(fields["shot"])
                    self.anchor, self.begun = frame_number(fields["anchor"]), time
            case Action.AUDIT:
                self._audit(fields)
            case Action.APPROVE:
                frames = frame_set(fields["frames"])
                spans = ({**fields, "time": time, "first": start, "last": end} for start, end in frames.ranges())
                self.approvals = [*self.approvals, *map(approval_of, spans)][-ENTRIES_KEPT:]
                self._approve(frames)
            case Action.FINE:
                fine = fine_of({**fields, "time": time})
                self.fine = [*self.fine[-ENTRIES_KEPT + 1 :], fine]
                self._approve(frame_set(fields.get("frames", "")))
            case Action.TAKE_BACK:
                self._take_back(fields)
            case Action.NOT_FINE:
                refused, other = fine_of(fields), int(fields.get("other", 0))
                what = refused.kind, (refused.track, other), refused.first, refused.last
                self._take_back(fields)
                self.fine = [fine for fine in self.fine if not fine.is_about(*what)]
            case Action.NOTE:
                self.notes = [*self.notes[-ENTRIES_KEPT + 1 :], note_of({**fields, "time": time})]
            case Action.OVERRIDE:
                self._announce(override_of({**fields, "time": time}))
            case Action.STATE:
                self._set(fields)

    def _audit(self, fields: Mapping[str, Any]) -> None:
        frames, failed, warned = (frame_set(fields[key]) for key in ("frames", "fail", "warn"))
        kinds = {FlagKind(kind) for kind in fields["kinds"]}
        flags = [Flag.parse(text) for text in fields["flags"]]
        judged = frames.without(self.signed)
        for known in (self.failed, self.warned, self.approved):
            for start, end in judged.ranges():
                known.discard(start, end)
        unsigned_fail, unsigned_warn = failed.without(self.signed), warned.without(self.signed)
        self.failed.update(unsigned_fail)
        self.warned.update(unsigned_warn.without(unsigned_fail))
        self.approved.update(judged.without(unsigned_fail).without(unsigned_warn))
        if fields.get("level") == "full":
            self.full.update(frames)
            self.rolling = _share(fields.get("rolling", 0.0))
        kept = [flag for flag in self.flags if flag.kind not in kinds or not _is_within(flag, frames)]
        self.flags = worst_first([*kept, *flags])[:FLAGS_KEPT]

    def _approve(self, frames: FrameRanges) -> None:
        for start, end in frames.ranges():
            self.failed.discard(start, end)
            self.warned.discard(start, end)
        self.approved.update(frames)
        self.signed.update(frames)

    def _take_back(self, fields: Mapping[str, Any]) -> None:
        frames, failed, warned, unjudged = (frame_set(fields.get(key, "")) for key in _TAKEN_BACK)
        for start, end in frames.ranges():
            self.failed.discard(start, end)
            self.warned.discard(start, end)
            self.signed.discard(start, end)
        self._forget_approvals()
        self.failed.update(failed)
        self.warned.update(warned)
        self.approved.update(frames)
        self.approved = self.approved.without(failed).without(warned).without(unjudged)
        self.full = self.full.without(unjudged)

    def _forget_approvals(self) -> None:
        """Keep those with a frame that is still signed."""
        signed = self.signed.following
        self.approvals = [one for one in self.approvals if (at := signed(one.first)) and at[0] <= one.last]

    def _announce(self, override: Override) -> None:
        """Announce the override; a nudge beside other nudges whose edit has not begun, as one edit makes them all."""
        others: list[Override] = []
        if override.kind is OverrideKind.NUDGE and not self._is_begun:
            same = override.kind, override.track, override.first
            nudges = (one for one in self._announced if one.kind is override.kind)
            others = [one for one in nudges if (one.kind, one.track, one.first) != same]
        self._announced, self._is_begun = [*others, override], False

    # In a session file, and as one record

    def to_state(self) -> dict[str, Any]:
        """The review as plain data: empty if nobody has begun one."""
        if not self.id:
            return {}
        return {
            "review": {"id": self.id, "shot": self.shot, "anchor": self.anchor, "begun": self.begun},
            **{key: str(getattr(self, attribute)) for key, attribute in _SETS.items()},
            "flags": [str(flag) for flag in self.flags],
            **{key: [plain(entry) for entry in getattr(self, key)] for key in _ENTRIES},
            **({"rolling": self.rolling} if self.rolling else {}),
            **({"damaged": self.damaged} if self.damaged else {}),
        }

    @classmethod
    def from_state(cls, state: Mapping[str, Any]) -> Review:
        """The review from the result of `to_state`, which is untrusted. Raises ValueError."""
        review = cls()
        try:
            if state:
                review._set(state)
        except (KeyError, TypeError, AttributeError, OverflowError) as error:
            raise ValueError(f"the review cannot be understood: {error!r}") from error
        return review

    def _set(self, state: Mapping[str, Any]) -> None:
        head = state["review"]
        sets = {attribute: frame_set(state.get(key) or "") for key, attribute in _SETS.items()}
        flags = [Flag.parse(text) for text in state.get("flags") or ()][:FLAGS_KEPT]
        entries = {
            key: [read(entry) for entry in state.get(key) or ()][-ENTRIES_KEPT:] for key, read in _ENTRIES.items()
        }
        found = {"id": str(head["id"]), "shot": str(head["shot"]), "begun": str(head["begun"])}
        anchor, damaged = frame_number(head["anchor"]), int(state.get("damaged") or 0)
        self.rolling = _share(state.get("rolling") or 0.0)
        for key, value in {**found, **sets, **entries, "flags": flags, "anchor": anchor, "damaged": damaged}.items():
            setattr(self, key, value)


def review_event(action: Action, **fields: Any) -> EventRecord:
    """The record of an action of a review, now. Raises RecordInvalid for fields that a reader would refuse."""
    return event_record(Event.REVIEW, action=action.value, **fields)


def merged_review(reviews: Sequence[tuple[Review, FrameRanges]], numbers: Sequence[Mapping[int, int]]) -> Review:
    """One review of several sessions, each with its tracked frames and the new `numbers` of its tracks.

    It has the id, the shot and the anchor of the first that somebody has begun. Frames that several sessions tracked
    are not judged; notes, overrides and accepted flags stay.
    """
    merged = Review()
    seen, several = FrameRanges(), FrameRanges()
    for _, tracked in reviews:
        several.update(tracked.without(tracked.without(seen)))
        seen.update(tracked)
    for (review, _), new in zip(reviews, numbers, strict=True):
        if not review.id:
            continue
        if not merged.id:
            merged.id, merged.shot, merged.anchor, merged.begun = review.id, review.shot, review.anchor, review.begun
            merged.rolling = review.rolling
        for name in _SETS.values():
            getattr(merged, name).update(getattr(review, name).without(several))
        for flag in review.flags:
            if not _is_within(flag, several) and {flag.track, flag.other} <= {0, *new}:
                renumbered = replace(flag, track=new.get(flag.track, 0), other=new.get(flag.other, 0))
                merged.flags.append(renumbered)
        for name in _ENTRIES:
            mine = [entry for entry in getattr(review, name) if entry.track in {0, *new}]
            entries = [replace(entry, track=new.get(entry.track, 0)) for entry in mine]
            setattr(merged, name, [*getattr(merged, name), *entries])
        merged.damaged += review.damaged
    merged.flags = worst_first(merged.flags)[:FLAGS_KEPT]
    return merged


def _share(value: Any) -> float:
    """Of a frame, from -1 to 1. Raises ValueError."""
    if not -1.0 <= (share := float(value)) <= 1.0:
        raise ValueError(f"{value!r} is no share of a frame")
    return share


def _is_within(flag: Flag, frames: FrameRanges) -> bool:
    """Whether the flag touches one of the frames."""
    found = frames.following(flag.first)
    return found is not None and found[0] <= flag.last


_TAKEN_BACK = ("frames", "fail", "warn", "unjudged")
_SETS = {
    "audit_fail": "failed",
    "audit_warn": "warned",
    "approved": "approved",
    "signed": "signed",
    "fully_audited": "full",
}
_ENTRIES: dict[str, Callable[[Mapping[str, Any]], Any]] = {
    "approvals": approval_of,
    "fine": fine_of,
    "notes": note_of,
    "overrides": override_of,
}
