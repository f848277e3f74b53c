# SPDX-License-Identifier: GPL-3.0-or-later
"""The clip of an artist in an open file, and what all actions need."""

from __future__ import annotations

import os
import random
import shutil
import time
from collections import Counter
from pathlib import Path
from typing import Any

import bpy

from tracking_sessions.bridge import watch
from tracking_sessions.bridge.open_file import open_file as state
from tracking_sessions.bridge.sessions import overview
from tracking_sessions.bridge.sessions.looking import tracks_in
from tracking_sessions.bridge.sessions.recording import Recording, known_recording
from tracking_sessions.core.journal.chain import Position
from tracking_sessions.core.library.catalogue import session_files
from tracking_sessions.tests.bpy.tracker import new_clip
from tracking_sessions.tests.bpy.window import inside, open_editor
from tracking_sessions.tests.footage import Shot
from tracking_sessions.tools.clip_tracks import Tracks, tracks_of, tracks_recorded
from tracking_sessions.tools.expected import Expected

clip_operators: Any = bpy.ops.clip
TRACKS = 4  # of the clip at the start


class Refused(Exception):
    """The action cannot be done now, as a button that is grey."""


def make_start(footage: Shot, path: Path) -> None:
    """Save a file with some tracks of the footage at `path`."""
    bpy.ops.wm.read_factory_settings(use_empty=False)
    clip = new_clip(footage, 1)
    clip.use_fake_user = True
    editor = open_editor(clip)
    for track in list(tracks_in(clip).values())[:TRACKS]:
        track.select = False
    with inside(editor):
        clip_operators.delete_track(confirm=False)
    bpy.ops.wm.save_as_mainfile(filepath=str(path), relative_remap=False)  # a copy finds the footage too


class Desk:
    """A clip in a saved file."""

    def __init__(self, start: Path, path: Path, chance: random.Random) -> None:
        """Open a copy of the file `start` at `path`."""
        self.chance = chance
        self.path = path
        self.states: dict[str, list[tuple[Position, Tracks]]] = {}
        """The states that stood for a second, of each session, as the clip was then."""
        self.now: Tracks = {}
        """The clip when it stood last."""
        self.expected = Expected()
        self.compared: Counter[str] = Counter()
        """How many restores and ways back were compared with the expected clip."""
        self.discarded: set[str] = set()
        """The sessions that were set aside."""
        self.has_copied = False
        self.has_undone = False
        shutil.copyfile(start, path)
        self.date_back()
        self.open()
        self.frames: int = self.clip.frame_duration

    @property
    def clip(self) -> Any:
        return self.editor.clip

    @property
    def recording(self) -> Recording | None:
        return known_recording(self.clip)

    @property
    def seen(self) -> overview.Overview:
        return overview.overview(self.clip)

    def session_paths(self) -> list[Path]:
        root = self.path.parent / "tracking_sessions"
        return session_files(root) if root.exists() else []

    def path_of(self, session: str) -> Path | None:
        """The file of the session of this id."""
        return next((path for path in self.session_paths() if path.stem == session), None)

    def recorded(self) -> Tracks | None:
        """The newest recorded state of the clip's session, as a second reader of journals finds it."""
        path = self.path_of(self.seen.session)
        return tracks_recorded(path) if path is not None else None

    # Time

    def stand(self) -> None:
        """Let the clip stand for a second, in which the timer looks at it."""
        self.changed()
        watch.tick()
        recording = self.recording
        while recording is not None and recording.has_more:
            recording.go_on(self.clip)
        self.now = tracks_of(self.clip)
        self.note_owned()
        self.expected.see(self.now)

    def note_owned(self) -> None:
        recording = self.recording
        if recording is not None and recording.session is not None:
            self.expected.own()

    def changed(self) -> None:
        """As Blender's signs tell of an operator or a script."""
        state.view(watch._Signs).is_changed = True

    def push(self, words: str) -> None:
        self.has_undone = False
        bpy.ops.ed.undo_push(message=words)

    # The clip

    def tracks(self) -> list[Any]:
        """The tracks of the active tracking object."""
        return list(self.clip.tracking.objects.active.tracks)

    def select(self, least: int = 1) -> list[Any]:
        """Select some tracks, as a click or a box does. Raises Refused if there are too few."""
        tracks = [track for track in self.tracks() if not track.hide]
        if len(tracks) < least:
            raise Refused("too few tracks")
        chosen = self.chance.sample(tracks, self.chance.randint(least, len(tracks)))
        for track in self.tracks():
            track.select = track in chosen
        self.clip.tracking.objects.active.tracks.active = chosen[0]
        self.stand()  # nobody clicks and goes on before the timer comes
        return chosen

    def go(self, frame: int | None = None) -> int:
        """Put the playhead on a frame."""
        frame = frame or self.chance.randint(1, self.frames)
        bpy.context.scene.frame_current = frame
        self.editor.space.clip_user.frame_current = frame
        return frame

    def call(self, operator: Any, **how: Any) -> None:
        """Call an operator in the editor. Raises Refused."""
        with inside(self.editor):
            if not operator.poll():
                raise Refused("grey")
            try:
                if operator(**how) != {"FINISHED"}:
                    raise Refused("cancelled")
            except RuntimeError as error:
                raise Refused(str(error).strip()) from error

    # The file

    def date_back(self) -> None:
        """The file was saved a second ago: an artist is not as quick, and times of passes have no fractions."""
        now = time.time()
        os.utime(self.path, (now - 1, now - 1))

    def open(self) -> None:
        """Open the saved file; Blender's handlers come first."""
        bpy.ops.wm.open_mainfile(filepath=str(self.path))
        self.editor = open_editor(bpy.data.movieclips[0])
        self.expected.open(self.recorded(), tracks_of(self.clip))
        self.push("Original")

    def die(self) -> None:
        """Kill Blender, and open the saved file in another."""
        self.note_owned()
        running, state.running = state.running, None
        if running is not None:
            running.shot.session.close()
        for recording in state.recordings.values():
            recording._release()
        state.recordings.clear()
        self.open()
