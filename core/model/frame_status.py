# SPDX-License-Identifier: GPL-3.0-or-later
"""The state of a frame under review, and the only ways from one to another."""

from __future__ import annotations

from enum import StrEnum


class FrameStatus(StrEnum):
    """The state of a frame."""

    PENDING = "pending"  # not tracked yet
    TRACKED = "tracked"  # tracked, and not judged since its markers changed
    AUDIT_FAIL = "audit_fail"  # an audit found an error
    AUDIT_WARN = "audit_warn"  # an audit found a warning
    APPROVED = "approved"  # an audit found nothing, or a person has approved it

    @property
    def word(self) -> str:
        return _WORDS[self]


_WORDS = {
    FrameStatus.PENDING: "Pending",
    FrameStatus.TRACKED: "Not Audited",
    FrameStatus.AUDIT_FAIL: "Failed",
    FrameStatus.AUDIT_WARN: "Suspect",
    FrameStatus.APPROVED: "Approved",
}


class Cause(StrEnum):
    """What moves a frame to another state."""

    CHECKPOINT = "checkpoint"  # the tracker reached it
    AUDIT = "audit"
    AUDIT_AGAIN = "audit again"  # an audit withdraws its own verdict before it judges once more
    PERSON = "person"
    TAKEN_BACK = "taken back"  # a person takes a decision back: what the audit has found counts again
    CHANGE = "change"  # one of its markers changed: an old verdict about new markers is worth nothing


_JUDGED = (FrameStatus.AUDIT_FAIL, FrameStatus.AUDIT_WARN, FrameStatus.APPROVED)
TRANSITIONS: frozenset[tuple[FrameStatus, Cause, FrameStatus]] = frozenset(
    {
        (FrameStatus.PENDING, Cause.CHECKPOINT, FrameStatus.TRACKED),
        *((FrameStatus.TRACKED, Cause.AUDIT, verdict) for verdict in _JUDGED),
        (FrameStatus.AUDIT_FAIL, Cause.PERSON, FrameStatus.APPROVED),
        (FrameStatus.AUDIT_WARN, Cause.PERSON, FrameStatus.APPROVED),
        (FrameStatus.APPROVED, Cause.TAKEN_BACK, FrameStatus.AUDIT_FAIL),
        (FrameStatus.APPROVED, Cause.TAKEN_BACK, FrameStatus.AUDIT_WARN),
        (FrameStatus.AUDIT_WARN, Cause.TAKEN_BACK, FrameStatus.AUDIT_FAIL),  # an error there was fine as it is
        (FrameStatus.APPROVED, Cause.TAKEN_BACK, FrameStatus.TRACKED),  # the review has not kept all that was found
        (FrameStatus.AUDIT_WARN, Cause.TAKEN_BACK, FrameStatus.TRACKED),
        *((verdict, cause, FrameStatus.TRACKED) for verdict in _JUDGED for cause in (Cause.CHANGE, Cause.AUDIT_AGAIN)),
    }
)
"""Every legal transition."""
