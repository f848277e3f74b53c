# SPDX-License-Identifier: GPL-3.0-or-later
"""The clip that a restore has to make, worked out from the states as they were seen in the clip."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field

from tracking_sessions.core.journal.changes import Key
from tracking_sessions.core.journal.rows import is_muted, split_rows
from tracking_sessions.tools.clip_tracks import Settings, Tracks, Wrong

KEPT = 5  # states that are set aside at a time, at most


@dataclass
class _Aside:
    """A state that was set aside, because the clip went back behind it."""

    then: Tracks
    back: Tracks
    """The clip that it went back to."""
    by_undo: bool
    changed: set[Key] = field(default_factory=set[Key])
    """The tracks that were changed in the clip since."""
    away: set[Key] = field(default_factory=set[Key])
    """The names that the clip lacked since then: a track of that name is another one now."""

    @property
    def gone(self) -> list[Key]:
        """The tracks that went back."""
        return [key for key, track in self.then.items() if self.back.get(key) != track]


class Wanted:
    """The clip that is expected: of each track its settings, and the markers that may be on each frame."""

    def __init__(self, tracks: Tracks) -> None:
        self._tracks = {key: (settings, _allowed(rows)) for key, (settings, rows) in tracks.items()}
        self._optional: set[Key] = set()

    def take(self, key: Key, track: tuple[Settings, bytes]) -> None:
        """The track is to be this one."""
        self._tracks[key] = track[0], _allowed(track[1])

    def replace(self, tracks: Tracks) -> None:
        """All these tracks; others may stay or go."""
        self._optional |= self._tracks.keys() - tracks.keys()
        for key, track in tracks.items():
            self.take(key, track)

    def add(self, key: Key, rows: bytes) -> None:
        """The track gets these markers on frames that it lacks; a live one may replace a muted border."""
        mine = self._tracks[key][1]
        for frame, row in split_rows(rows).items():
            allowed = mine.setdefault(frame, {row})
            if not is_muted(row) and all(map(is_muted, allowed)):
                allowed.add(row)

    def __contains__(self, key: Key) -> bool:
        return key in self._tracks

    def check(self, found: Tracks) -> None:
        """Raise Wrong with the first difference."""
        for key in found.keys() - self._tracks.keys():
            raise Wrong(f"the restored clip has the track {key}, which is not expected")
        for key, (settings, allowed) in self._tracks.items():
            if key not in found:
                if key in self._optional:
                    continue
                raise Wrong(f"the restored clip lacks the track {key}")
            for name, value in settings.items():
                if found[key][0].get(name) != value:
                    raise Wrong(f"{key} has the {name} {found[key][0].get(name)!r} after the restore, not {value!r}")
            rows = split_rows(found[key][1])
            wrong = [frame for frame in allowed.keys() | rows.keys() if rows.get(frame) not in allowed.get(frame, ())]
            if wrong:
                lacks = sorted(allowed.keys() - rows.keys())
                more = sorted(rows.keys() - allowed.keys())
                raise Wrong(
                    f"{key} differs from the expected clip on {sorted(wrong)}: it lacks {lacks}, and has {more} more"
                )


def _allowed(rows: bytes) -> dict[int, set[bytes]]:
    return {frame: {row} for frame, row in split_rows(rows).items()}


class Expected:
    """Follows a clip, and knows what a restore has to make of it."""

    def __init__(self) -> None:
        self._now: Tracks = {}
        self._asides: list[_Aside] = []
        self._pending: _Aside | None = None
        """The state that an opened file lacks; the first change of the clip sets it aside."""
        self._is_leading = False
        """Whether a further undo leads away from the last state that was set aside."""
        self._is_sure = True
        self._names: set[Key] = set()
        """The tracks that were ever renamed, under all their names: they cannot be told apart by names."""
        self._discarded: dict[str, tuple[list[_Aside], bool]] = {}

    # What happens

    def see(self, clip: Tracks) -> None:
        """The clip is like this now."""
        if clip != self._now:
            self._set_pending_aside()
            self._change(self._asides, clip)
            self._is_leading = False

    def open(self, recorded: Tracks | None, clip: Tracks) -> None:
        """A file was opened that has this clip; the newest state of its session is `recorded`."""
        self._now, self._is_leading = clip, False
        self._pending = _Aside(recorded, clip, by_undo=False) if recorded not in (None, clip) else None

    def own(self) -> None:
        """The session is recorded to."""
        self._set_pending_aside()

    def undo(self, before: Tracks, after: Tracks, *, is_recorded: bool) -> None:
        """Undo led from one to the other."""
        self.see(before)
        if before == after:
            return
        if not is_recorded:
            self._now = after
            return
        self._set_pending_aside()
        if self._is_leading and self._asides[-1].by_undo:
            self._asides[-1].back = after
            self._change(self._asides[:-1], after)
            self._is_leading = True
        elif any(aside.by_undo for aside in self._asides):
            self.see(after)
        else:
            self._change(self._asides, after)
            self._set_aside(_Aside(before, after, by_undo=True))

    def rename(self, *names: Key) -> None:
        self._names.update(names)

    def begin_pass(self, tracks: Collection[Key]) -> None:
        """A pass over the tracks has begun: the artist goes on without what undo took."""
        self._is_leading = False
        self._asides = [aside for aside in self._asides if not aside.by_undo]
        for aside in self._asides:
            aside.changed.update(tracks)

    def catch_up(self, clip: Tracks, *, resumes: bool) -> None:
        """One of our passes has put what this clip lacks into it: of an opened file, or to be resumed."""
        if resumes and not all(aside.by_undo for aside in self._asides):
            self._asides = []
        self._pending, self._now, self._is_leading = None, clip, False
        self._is_sure = self._is_sure and not (resumes and self._asides)  # an open pass goes on without any sign

    def save(self) -> None:
        """The file was saved: then a file without a mark may count as changed."""
        self._is_sure = self._is_sure and self._pending is None

    def doubt(self) -> None:
        """The states set aside may have been restored or not."""
        self._is_sure = self._is_sure and not self._asides and self._pending is None

    def go_back(self, clip: Tracks) -> None:
        """The clip went back to an earlier state, which is this one."""
        self._pending = None  # as the history has it
        if any(aside.then == clip for aside in self._asides):  # which counts as restored only if it is the same state
            self._is_sure = False
        self.see(clip)
        self._is_leading = False

    def start_fresh(self, session: str) -> None:
        self._discarded[session] = self._asides, self._is_sure
        self._asides, self._pending, self._is_leading, self._is_sure = [], None, False, True

    def bring_back(self, session: str, recorded: Tracks | None, clip: Tracks) -> None:
        """The discarded session is that of the clip again; its newest state is `recorded`."""
        self._asides, self._is_sure = self._discarded.pop(session)
        self.open(recorded, clip)
        self._set_pending_aside()

    def _set_pending_aside(self) -> None:
        pending, self._pending = self._pending, None
        if pending is not None:
            _touch(self._asides, pending.then, pending.back)
            self._set_aside(pending)

    def _set_aside(self, aside: _Aside) -> None:
        self._asides = [*self._asides[-KEPT + 1 :], aside]
        self._is_leading = True

    def _change(self, asides: Collection[_Aside], clip: Tracks) -> None:
        _touch(asides, self._now, clip)
        self._now = clip

    # What a restore has to make

    def restore(self, clip: Tracks, *, keeps: bool) -> Wanted | None:
        """The clip after the states set aside come back into this one; None if names do not tell it for sure."""
        self.see(clip)
        asides, pending, is_sure = self._asides, self._pending, self._is_sure
        self._asides, self._pending, self._is_leading, self._is_sure = [], None, False, True
        wanted = Wanted(clip)
        states = [*asides, pending] if pending is not None else asides
        if not is_sure or not all(self._is_clear(aside, states, clip) for aside in states):
            return None
        if pending is not None:
            wanted.replace(pending.then)
        written: set[Key] = set()
        for aside in reversed(asides):
            for key in aside.gone:
                if key not in wanted or not (key in written or (keeps and key in aside.changed)):
                    wanted.take(key, aside.then[key])
                else:
                    wanted.add(key, aside.then[key][1])
            written.update(aside.gone)
        return wanted

    def _is_clear(self, aside: _Aside, states: Collection[_Aside], clip: Tracks) -> bool:
        """Whether each name means the same track, then and now."""
        away = aside.away | (aside.then.keys() - aside.back.keys())
        there = set(clip).union(*(other.then for other in states if other is not aside))
        renamed = self._names & (there | aside.then.keys() | aside.back.keys())
        return not renamed and not aside.then.keys() & away & there


def _touch(asides: Collection[_Aside], before: Tracks, after: Tracks) -> None:
    differing = {key for key in before.keys() | after.keys() if before.get(key) != after.get(key)}
    for aside in asides:
        aside.changed |= differing
        aside.away |= aside.then.keys() - after.keys()
