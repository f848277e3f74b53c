# SPDX-License-Identifier: GPL-3.0-or-later
"""Which clip a session belongs to: the one rule for tracking, for whole batches of shots and for the panel.

- A discarded session belongs to no clip.
- A .blend brings tracks of its own. The sessions of its clip are those that were tracked from that file in a clip of
  that name, or from a file that is gone (it was renamed or moved since), and the one that the clip itself names (it was
  saved under another name since). Where the footage of the clip is known, it has to be that of the session.
- Footage brings no tracks. Its sessions are all that were tracked from it, also in a .blend, unless the clip there has
  a name that it does not get from its file: a file may have several clips of one footage.
- Which names mean the same footage is for `footage.identity` to say. Footage is known by its content only where nothing
  is at the session's own path.
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
    """What a session was tracked from. `blend` is None if from footage alone; `clip` is the clip's name in it."""

    session: str  # its id
    is_discarded: bool
    footage: FileIdentity
    fingerprint: str
    blend: FileIdentity | None
    clip: str

    @classmethod
    def of_entry(cls, said: Entry) -> SessionSource:
        return cls._of(said.path, said.state, said.footage, said.fingerprint, said.blend, said.clip)

    @classmethod
    def of_session(cls, path: Path, said: TrackingSession) -> SessionSource:
        """As the session file `path` says."""
        return cls._of(path, said.state, said.footage.path, said.footage.fingerprint, said.blend, said.clip)

    @classmethod
    def _of(cls, path: Path, state: str, footage: str, fingerprint: str, blend: str, clip: str) -> SessionSource:
        from_blend = FileIdentity(resolve(path, blend)) if blend else None
        is_discarded = state == SessionState.DISCARDED
        return cls(path.stem, is_discarded, FileIdentity(resolve(path, footage)), fingerprint, from_blend, clip)


@dataclass(frozen=True, eq=False)
class ClipQuery:
    """A clip whose sessions are looked for: of footage, of a .blend, or of a .blend with footage that is known.

    `name` is the clip's in the .blend, empty for whichever it has; `marked` the id of the session that it names itself.
    Without `by_content` the footage is never read, which takes a while: what was moved is not found then.
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
        return is_own and (self.place is None or self._is_of_footage(self.place, session))

    def _is_of_blend(self, session: SessionSource) -> bool:
        if session.blend is None or self.blend_place is None or (self.name and self.name != session.clip):
            return False
        is_renamed = self.footage is not None and not session.blend.is_there
        return is_renamed or self.blend_place.same_as(session.blend)

    def _is_of_footage(self, place: FileIdentity, session: SessionSource) -> bool:
        if place.same_as(session.footage):
            return True
        return not session.footage.is_there and bool(session.fingerprint) and session.fingerprint == self.fingerprint

    @cached_property
    def place(self) -> FileIdentity | None:
        """Where its footage lies."""
        return None if self.footage is None else FileIdentity(self.footage.first)

    @cached_property
    def blend_place(self) -> FileIdentity | None:
        return None if self.blend is None else FileIdentity(self.blend)

    @cached_property
    def fingerprint(self) -> str:
        """Of its footage, which is read; empty if it cannot be, or is not to be."""
        if self.footage is None or not self.by_content:
            return ""
        try:
            return describe(self.footage).fingerprint
        except FootageUnusable:
            return ""  # whoever tracks it is told


class ClipQueries:
    """Many clips at once: a session is compared with the few only that it may belong to."""

    def __init__(self, clips: Iterable[ClipQuery]) -> None:
        self._clips = tuple(clips)
        self._by_key: dict[object, list[ClipQuery]] = {}
        for clip in self._clips:
            for key in _keys(clip.place, clip.blend_place):
                self._by_key.setdefault(key, []).append(clip)

    def of(self, session: SessionSource) -> ClipQuery | None:
        """The clip that the session belongs to, if it is one of these. Clips that are `marked` are not looked for."""
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


def _keys(*places: FileIdentity | None) -> Iterator[object]:
    for place in places:
        yield from place.keys if place is not None else ()
