# SPDX-License-Identifier: GPL-3.0-or-later
"""Matches sessions to clips: one rule for tracking, for batches and for the panel.

- A discarded session belongs to no clip.
- A .blend has tracks. Its clip has the sessions tracked from that file in a clip of that name, or from a file that is
  gone (renamed or moved since), and the session in the mark of the clip (the file was saved under another name since).
  If the footage of the clip is known, it must be that of the session.
- Footage has no tracks. It has all sessions tracked from it, also in a .blend, unless the name of the clip there is not
  that of the file: a .blend may have several clips of one footage.
- `footage.identity` decides which paths are the same footage. If there is nothing at the session's path, footage with
  the same content is the same.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from ..errors import FootageUnusable
from ..footage.details import describe
from ..footage.files import Footage
from ..footage.identity import FileIdentity
from ..model.types import SessionState, TrackingSession
from ..storage.folder import resolve
from .catalogue import Entry


@dataclass(frozen=True)
class SessionSource:
    """The source of a session. `blend` is None for footage alone; `clip` is the name of the clip in the .blend."""

    session: str  # its id
    is_discarded: bool
    footage: FileIdentity
    fingerprint: str
    blend: FileIdentity | None
    clip: str

    @classmethod
    def of_entry(cls, entry: Entry) -> SessionSource:
        return cls._of(entry.path, entry.state, entry.footage, entry.fingerprint, entry.blend, entry.clip)

    @classmethod
    def of_session(cls, path: Path, session: TrackingSession) -> SessionSource:
        """The source of the session in the session file `path`."""
        footage = session.footage
        return cls._of(path, session.state, footage.path, footage.fingerprint, session.blend, session.clip)

    @classmethod
    def _of(cls, path: Path, state: str, footage: str, fingerprint: str, blend: str, clip: str) -> SessionSource:
        from_blend = FileIdentity(resolve(path, blend)) if blend else None
        is_discarded = state == SessionState.DISCARDED
        return cls(path.stem, is_discarded, FileIdentity(resolve(path, footage)), fingerprint, from_blend, clip)


@dataclass(frozen=True, eq=False)
class ClipQuery:
    """A query for the sessions of a clip, from its footage, its .blend, or both.

    `name` is the name of the clip in the .blend, empty for any clip; `marked` the id of the session in its mark.
    Without `by_content` the footage is not read, which takes a while, so sessions of moved footage do not match.
    """

    footage: Footage | None = None
    blend: Path | None = None
    name: str = ""
    marked: str = ""
    by_content: bool = True

    def matches(self, session: SessionSource) -> bool:
        """Whether the session belongs to the clip."""
        if session.is_discarded:
            return False
        if self.blend is None:
            is_own = session.blend is None or session.clip == session.footage.path.name
        else:
            is_own = self.marked == session.session or self._is_of_blend(session)
        return is_own and (self.footage_identity is None or self._is_of_footage(self.footage_identity, session))

    def _is_of_blend(self, session: SessionSource) -> bool:
        if session.blend is None or self.blend_identity is None or (self.name and self.name != session.clip):
            return False
        is_renamed = self.footage is not None and not session.blend.is_there
        return is_renamed or self.blend_identity.same_as(session.blend)

    def _is_of_footage(self, footage: FileIdentity, session: SessionSource) -> bool:
        if footage.same_as(session.footage):
            return True
        return not session.footage.is_there and bool(session.fingerprint) and session.fingerprint == self.fingerprint

    @cached_property
    def footage_identity(self) -> FileIdentity | None:
        """The identity of its footage."""
        return None if self.footage is None else FileIdentity(self.footage.first)

    @cached_property
    def blend_identity(self) -> FileIdentity | None:
        return None if self.blend is None else FileIdentity(self.blend)

    @cached_property
    def fingerprint(self) -> str:
        """The fingerprint of its footage, which is read; empty without `by_content` or if it is unusable."""
        if self.footage is None or not self.by_content:
            return ""
        try:
            return describe(self.footage).fingerprint
        except FootageUnusable:
            return ""  # tracking it reports the error


class ClipQueries:
    """Many clips: a session is compared only with the few that share a path or content with it."""

    def __init__(self, clips: Iterable[ClipQuery]) -> None:
        self._clips = tuple(clips)
        self._by_key: dict[object, list[ClipQuery]] = {}
        for clip in self._clips:
            for key in _keys(clip.footage_identity, clip.blend_identity):
                self._by_key.setdefault(key, []).append(clip)

    def of(self, session: SessionSource) -> ClipQuery | None:
        """The clip of the session, if it is one of these. The search does not use `marked`."""
        return next((clip for clip in self._candidates(session) if clip.matches(session)), None)

    def _candidates(self, session: SessionSource) -> Iterator[ClipQuery]:
        for key in _keys(session.blend, session.footage):
            yield from self._by_key.get(key, ())
        if not session.footage.is_there:
            yield from self._by_content.get(session.fingerprint, ())

    @cached_property
    def _by_content(self) -> dict[str, list[ClipQuery]]:
        found: dict[str, list[ClipQuery]] = {}
        for clip in self._clips:
            if clip.fingerprint:
                found.setdefault(clip.fingerprint, []).append(clip)
        return found


def _keys(*identities: FileIdentity | None) -> Iterator[object]:
    for identity in identities:
        yield from identity.keys if identity is not None else ()
