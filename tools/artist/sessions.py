# SPDX-License-Identifier: GPL-3.0-or-later
"""Restoring, going back, starting fresh, and the way back from that, each compared with the expected clip."""

from __future__ import annotations

from typing import Any

import bpy

from tracking_sessions.bridge.sessions.listing import SESSIONS, refresh
from tracking_sessions.core.journal.state_words import state_id
from tracking_sessions.tests.bpy.window import inside
from tracking_sessions.tools.clip_tracks import Wrong, same, tracks_of, tracks_recorded

from .desk import Desk, Refused

operators: Any = bpy.ops.tracking_sessions  # type: ignore[attr-defined]  # made when they are registered


class Sessions(Desk):
    """The actions on the sessions of the clip."""

    def restore(self) -> str:
        choice = self.chance.choice(("KEEP", "TAKE"))
        before = tracks_of(self.clip)
        self.call(operators.restore, choice=choice)
        wanted = self.expected.restore(before, keeps=choice == "KEEP")
        found = tracks_of(self.clip)
        if wanted is not None:
            wanted.check(found)
        self.compared["restore: compared" if wanted is not None else "restore: not compared"] += 1
        self.expected.see(found)
        self.push("Restore")
        return choice

    def go_back(self) -> str:
        states = self.states.get(self.seen.session, [])
        if not states:
            raise Refused("no state")
        position, then = self.chance.choice(states)
        self.expected.see(tracks_of(self.clip))
        try:
            self.call(operators.go_back, state=state_id(position))
        except Refused as error:
            raise Wrong(f"the state {state_id(position)} cannot be gone back to: {error}") from error
        found = tracks_of(self.clip)
        same(then, found, "the clip", f"the state {state_id(position)} as it stood")
        self.compared["go_back: compared"] += 1
        self.expected.go_back(found)
        self.push("Go Back")
        return state_id(position)

    def start_fresh(self) -> str:
        session = self.seen.session
        self.call(operators.start_fresh)
        self.discarded.add(session)
        self.expected.start_fresh(session)
        return session

    def bring_back(self) -> str:
        """Choose a discarded session in the list, and bring it back."""
        if not self.discarded:
            raise Refused("no session is discarded")
        session = self.chance.choice(sorted(self.discarded))
        self.stand()  # the list is filled later than the timer comes
        before, was = tracks_of(self.clip), self.seen.session
        path = self.path_of(session)
        recorded = tracks_recorded(path) if path is not None else None
        with inside(self.editor) as context:
            refresh(context)
            SESSIONS.choose(context, session)
        self.call(operators.bring_back_session)
        self.discarded.remove(session)
        now = self.seen.session
        if now not in ((was, session) if was else (session,)):  # the clip may still name the session that came back
            raise Wrong(
                f"the clip has the session {now} after {session} was brought back; before it had {was or 'none'}"
            )
        same(before, tracks_of(self.clip), "the clip", "the clip before its session was brought back")
        if now == session:
            self.expected.start_fresh(was)
            self.expected.bring_back(session, recorded, before)
        return session
