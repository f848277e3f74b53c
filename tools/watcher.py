# SPDX-License-Identifier: GPL-3.0-or-later
"""Checks that nothing of an artist's work is lost, and that the panel tells the truth about it."""

from __future__ import annotations

from tracking_sessions.core.recording.manager import TrackingSessionManager, load_session
from tracking_sessions.tools.artist import Artist
from tracking_sessions.tools.clip_tracks import Wrong, live, same, tracks_at, tracks_recorded

_MAY_END = ("track", "resume", "drop", "blender_tracks", "blender_steps", "go_back", "start_fresh", "bring_back")
"""The actions after which a pass may follow fewer tracks, or another session be that of the clip."""
EARLIER = 0.15  # the share of checks that also read an earlier session again


class Watcher:
    """Knows what must be true of the clip of an artist."""

    def __init__(self, artist: Artist) -> None:
        self.artist = artist
        self._unfinished: dict[int, frozenset[int]] = {}
        self._session = ""
        self.since: list[str] = []
        """The actions since the last check."""

    def check(self) -> None:
        """Check everything, of a clip that stands. Raises Wrong."""
        artist = self.artist
        recording = artist.recording
        session = recording.session if recording is not None else None
        if recording is not None and recording.error:
            raise Wrong(f"the recording has stopped: {recording.error}")
        if session is not None:
            self._check_recorded(session)
        if artist.chance.random() < EARLIER:
            self._check_earlier()
        self._check_passes(session)
        self._check_panel(session)
        self.since = []

    def _check_recorded(self, session: TrackingSessionManager) -> None:
        """The journal has the clip, and each state that stood for a second."""
        artist = self.artist
        clip = artist.now
        same(clip, tracks_recorded(session.path), "the journal", "the clip")
        known = artist.states.setdefault(session.id, [])
        newest = session.history().states[-1].position
        if not known or known[-1][0] != newest:
            known.append((newest, clip))
        self._check_state(session)

    def _check_state(self, session: TrackingSessionManager) -> None:
        position, then = self.artist.chance.choice(self.artist.states[session.id])
        same(then, tracks_at(session.state_at(position)), f"the state at {position}", "the clip then")

    def _check_earlier(self) -> None:
        """A session that was set aside, or whose file was closed, has its states too."""
        for session in sorted(self.artist.states):
            path = self.artist.path_of(session)
            if path is None:
                raise Wrong(f"the session {session} is gone")
            self._check_state(load_session(path))

    def _check_passes(self, session: TrackingSessionManager | None) -> None:
        """No pass with living tracks is forgotten."""
        seen = self.artist.seen
        path = self.artist.path_of(seen.session)
        before = self._unfinished if seen.session == self._session else {}
        self._session = seen.session
        if path is None:
            self._unfinished = {}
            return
        manager = session or load_session(path)
        now = {known.number: known.followed for known in manager.unfinished}
        tracks = manager.coverage.frames
        if not set(self.since).intersection(_MAY_END):
            for number, followed in before.items():
                gone = {one for one in followed - now.get(number, frozenset()) if one in tracks}
                if gone:
                    raise Wrong(f"pass {number} no longer follows the tracks {sorted(gone)} after {self.since}")
        self._unfinished = now

    def _check_panel(self, session: TrackingSessionManager | None) -> None:
        """The numbers of the panel equal the clip."""
        seen = self.artist.seen
        if seen.error:
            raise Wrong(f"the panel shows an error: {seen.error}")
        if session is None:
            self._check_unrecorded()
            return
        mine = live(self.artist.now)
        names = {number: (data.object, data.name) for number, data in session.replay().tracks.items()}
        for number, key in names.items():
            covered = set(session.coverage.frames.get(number, ()))
            if covered != mine[key]:
                raise Wrong(
                    f"the summary says that {key} is live on {sorted(covered)}, but it is on {sorted(mine[key])}"
                )
        coming: set[int] = set()
        for aside in session.asides:
            then = session.state_at(aside.position)
            frames = live({(str(n), ""): ({}, then.rows(n)) for n in then.tracks})
            for number in aside.gone_back & then.tracks.keys():
                coming |= frames[str(number), ""] - mine.get(names.get(number, ("", "")), set())
        shown = set(seen.missing_frames) | set(seen.undone_frames)
        if shown != coming:
            raise Wrong(f"the panel says that the frames {sorted(shown)} are missing, but {sorted(coming)} are")

    def _check_unrecorded(self) -> None:
        """The panel offers what the clip lacks."""
        recorded = self.artist.recorded()
        if recorded is None:
            return
        seen = self.artist.seen
        mine = live(self.artist.now)
        lacks = any(frames - mine.get(key, set()) for key, frames in live(recorded).items())
        if lacks and not (seen.missing or seen.undone):
            raise Wrong("the clip lacks recorded markers, but the panel offers none")
