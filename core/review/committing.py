# SPDX-License-Identifier: GPL-3.0-or-later
"""A session is committed: a person accepts its result, and it is recorded who, when, and what was open then.

The recorder makes it active again once a marker changes, or a decision of the review is taken back.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple, cast

from ..errors import ReviewOpen, TrackingUnfinished
from ..model.types import SessionState, SessionStatus
from ..model.wording import short
from ..recording.manager import TrackingSessionManager
from .frames import FrameStates


class Commit(NamedTuple):
    """Who has committed a session, and when (UTC). `holds`: whether nothing has changed since."""

    who: str
    time: str
    open: str
    """How many frames were in which state then; empty if all were approved."""
    holds: bool


def decision(session: TrackingSessionManager, who: str, *, is_forced: bool) -> tuple[SessionState, dict[str, str]]:
    """The state of the session after a commit, which brings an unfinished discarded one back, and what to record.

    Raises TrackingUnfinished if passes are left to track, and ReviewOpen if frames of its review are not approved,
    unless `is_forced`.
    """
    now = session.session
    if now.status in (SessionStatus.TRACKING_COMPLETE, SessionStatus.COMPLETE):
        words = FrameStates(session).open_words if session.review.id else ""
        if words and not is_forced and now.state is not SessionState.COMMITTED:
            raise ReviewOpen(short(now.name), words)
        return SessionState.COMMITTED, {"who": who, **({"open": words} if words else {})}
    if now.state is SessionState.ACTIVE:
        raise TrackingUnfinished(now.id, short(now.name))
    return SessionState.ACTIVE, {}


def last_commit(session: TrackingSessionManager) -> Commit | None:
    """The last commit of the session, unless somebody has discarded it or brought it back since."""
    known, state = session.decision, session.session.state
    holds = state is SessionState.COMMITTED
    commit: Any = known if holds else known.get("commit")
    if not isinstance(commit, Mapping) or (state is not SessionState.ACTIVE and not holds):
        return None
    fields = cast("Mapping[str, object]", commit)
    who, time, open = (str(fields.get(key, "")) for key in ("who", "time", "open"))
    return Commit(who, time, open, holds)
