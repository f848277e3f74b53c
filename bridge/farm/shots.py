# SPDX-License-Identifier: GPL-3.0-or-later
"""The submissions of the session folder, and where the shots of one of them stand, read in slices of time."""

from __future__ import annotations

import os
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import bpy

from ...core.errors import TrackingSessionError
from ...core.farm.manifest import FILE, Head, Manifest
from ...core.farm.states import States
from ...core.farm.status import RETRIED, Stand, Standing, standings
from ...core.storage.folder import SessionFolder
from ..clip.editor import redraw
from ..errors import error_words
from ..open_file import open_file
from ..sessions.filled_list import FilledList
from ..sessions.finding import default_root, modified

if TYPE_CHECKING:
    from bpy.types import Context

LISTED = 1000
"""Shots of a submission that the list shows: of more those that need somebody, then those that run."""
OFFERED = 20
"""The newest submissions, among which one can choose."""
INTERVAL = 3.0
"""Seconds between two looks at the submission while the panel is seen."""
_SHARE = 5  # a look that took long is followed by a pause so many times as long
_ORDER = (
    Stand.FAILED,
    Stand.SKIPPED,
    Stand.LOST,
    Stand.NO_CAMERA,
    Stand.INTERRUPTED,
    Stand.RUNNING,
    Stand.WAITING,
    Stand.COMPLETED,
)


class Submissions:
    """The submissions, and the shots of the shown one."""

    def __init__(self) -> None:
        self.heads: list[Head] = []
        """The newest submissions, the newest first."""
        self.wanted = ""
        """The id of the submission to show; empty for the newest one."""
        self.manifest: Manifest | None = None
        """The shown one."""
        self.shots: dict[str, Standing] = {}
        """The listed ones, by their numbers as texts."""
        self.counts: Counter[Stand] = Counter()
        """Of all its shots."""
        self.error = ""
        self.is_read = False  # at least once
        self.is_seen = False  # since the last look
        self._work: Iterator[None] | None = None
        self._asked: object = None  # what the last reading was of
        self._stamps: tuple[float, ...] = ()
        self._begun = 0.0  # the last reading
        self._next = 0.0  # look

    @property
    def total(self) -> int:
        """The number of shots of the shown submission."""
        return self.manifest.head.count if self.manifest is not None else 0

    @property
    def to_retry(self) -> int:
        """The number of shots that were begun and are worth another try."""
        return sum(self.counts[stand] for stand in RETRIED - {Stand.WAITING})

    @property
    def is_live(self) -> bool:
        """Whether shots run, or are still to run."""
        return bool(self.counts[Stand.RUNNING] or self.counts[Stand.WAITING])

    def forget(self) -> None:
        """Read it all again."""
        self._asked = None

    def is_due(self) -> bool:
        """Whether there is something to read. Cheap: looks at three folders every few seconds at most."""
        if self._work is not None or self._asked != self._asking():
            return True
        now = time.monotonic()
        if now < self._next:
            return False
        self._next = now + INTERVAL
        return bool(self.counts[Stand.RUNNING]) or self._stamps != self._now()

    def read(self, seconds: float) -> bool:
        """Read for about `seconds`; returns whether there is more to read. The shots change at the end."""
        if self._work is None or self._asked != self._asking():
            self._work, self._asked, self._begun = self._reading(), self._asking(), time.monotonic()
        until = time.monotonic() + seconds
        try:
            for _ in self._work:
                if time.monotonic() >= until:
                    return True
        except TrackingSessionError as error:
            self.error = error_words(error)
            self.shots, self.counts = {}, Counter()
        self._work, self.is_read, now = None, True, time.monotonic()
        self._next = now + max(INTERVAL, _SHARE * (now - self._begun))
        return False

    def _asking(self) -> object:
        return session_folder(), self.wanted

    def _now(self) -> tuple[float, ...]:
        """When the folders were changed last."""
        folders = [SessionFolder(session_folder()).farms]
        if self.manifest is not None:
            folders += [self.manifest.folder, States(self.manifest.folder).path(0).parent]
        return tuple(map(modified, folders))

    def _reading(self) -> Iterator[None]:
        root, error = session_folder(), ""
        heads: list[Head] = []
        for id in _newest(root):
            try:
                heads.append(Manifest.of(root, id).head)
            except TrackingSessionError as found_error:
                error = error_words(found_error)
            yield
        self.heads = heads
        shown = next((head for head in heads if head.id == self.wanted), heads[0] if heads else None)
        self.manifest = Manifest.of(root, shown.id) if shown is not None else None
        # the next change of a young folder may get the same time
        stamps = tuple(0.0 if time.time() - stamp < INTERVAL else stamp for stamp in self._now())
        found: list[Standing] = []
        for standing in standings(self.manifest) if self.manifest is not None else ():
            found.append(standing)
            yield
        self.counts = Counter(standing.stand for standing in found)
        if len(found) > LISTED:
            found.sort(key=lambda standing: _ORDER.index(standing.stand))
        self.shots = {str(standing.shot.index): standing for standing in found[:LISTED]}
        self._stamps, self.error = stamps, error


def _newest(root: Path) -> list[str]:
    """The ids of the newest submissions."""
    folder = SessionFolder(root).farms
    found: list[str] = []
    try:
        ids = sorted(os.listdir(folder), reverse=True)
    except OSError:
        return []
    for id in ids:
        if len(found) < OFFERED and (folder / id / FILE).is_file():
            found.append(id)
    return found


def session_folder() -> Path:
    """The session folder of what is submitted, absolute."""
    return Path(os.path.abspath(default_root()))


def submissions() -> Submissions:
    return open_file.view(Submissions)


class _ShotList(FilledList):
    """The list of the shots, and the looks at them."""

    def unregister(self) -> None:
        super().unregister()
        if bpy.app.timers.is_registered(look):
            bpy.app.timers.unregister(look)


FARM = _ShotList("tracking_sessions_farm", lambda seconds: submissions().read(seconds), lambda: submissions().shots)


def keep_seen(context: Context) -> None:
    """Read what is to be read, and look again as long as the panel that calls this while it is drawn is seen."""
    shown = submissions()
    shown.is_seen = True
    FARM.keep_filled(context, is_due=shown.is_due())
    if shown.is_live and not bpy.app.timers.is_registered(look):
        bpy.app.timers.register(look, first_interval=INTERVAL)


def look() -> float | None:
    """Draw the panel again if it was drawn since the last look."""
    shown = submissions()
    if not shown.is_seen:
        return None
    shown.is_seen = False
    redraw(bpy.context)
    return INTERVAL


def choose(id: str) -> None:
    """Show the submission of this id, or the newest one."""
    submissions().wanted = id
    redraw(bpy.context)


def refresh(context: Context) -> None:
    """Read it all again, in slices, if the panel is seen."""
    submissions().forget()
    redraw(context)


def chosen(context: Context) -> Standing | None:
    """The active shot of the list."""
    return submissions().shots.get(FARM.chosen(context))


def log_of(standing: Standing) -> Path | None:
    """The log of the shot's tasks; None before the first one has begun."""
    manifest = submissions().manifest
    path = manifest.folder / "logs" / f"{standing.shot.index}.log" if manifest is not None else None
    return path if path is not None and path.exists() else None


def session_of(standing: Standing) -> Path | None:
    """The session file of the shot; None before it has a session."""
    session = standing.state.session
    return SessionFolder(standing.shot.root).session_file(session) if session else None
