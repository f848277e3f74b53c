# SPDX-License-Identifier: GPL-3.0-or-later
"""The passes of a clip's session, and the tracks lost in them."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from ...core.errors import TrackingSessionError
from ...core.journal.losses import Losses
from ...core.model.types import PassSummary
from ..clip.movie_clip import mark_of
from ..open_file import open_file
from ..tracking import live
from .finding import find_session
from .overview import Overview, overview

if TYPE_CHECKING:
    from bpy.types import MovieClip


class SessionHistory(NamedTuple):
    """The passes, oldest first, and the lost tracks, by frame."""

    passes: list[PassSummary]
    lost: Losses
    is_running: bool = False


class _Histories(dict[int, tuple[Overview, SessionHistory]]):
    """The histories of the open file, by clip (`session_uid`)."""


def history(clip: MovieClip) -> SessionHistory:
    """The history of the clip's session, read again only after its files have changed."""
    running = live.running()
    if running is not None and running.clip_name == clip.name:
        session = running.shot.session
        return SessionHistory(session.passes, session.lost, is_running=True)
    seen = overview(clip)
    histories = open_file.view(_Histories)
    known = histories.get(clip.session_uid)
    if known is not None and known[0] is seen:
        return known[1]
    found = SessionHistory([], Losses())
    try:
        manager = find_session(clip, mark_of(clip)) if seen.name else None
        if manager is not None:
            manager.name_lost()
            found = SessionHistory(manager.passes, manager.lost, is_running=bool(seen.owner))
    except TrackingSessionError:
        pass  # the Session panel shows the error
    histories[clip.session_uid] = seen, found
    return found
