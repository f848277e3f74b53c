# SPDX-License-Identifier: GPL-3.0-or-later
"""An artist at random: the actions from which `sequences.py` makes its sequences, on one clip in the bpy wheel."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import bpy

from tracking_sessions.bridge import watch
from tracking_sessions.bridge.open_file import open_file as state
from tracking_sessions.bridge.sessions import overview
from tracking_sessions.bridge.sessions.blender_pass import BlenderPass, Way
from tracking_sessions.bridge.sessions.looking import tracks_in
from tracking_sessions.bridge.sessions.recording import Recording, known_recording, recording_of
from tracking_sessions.bridge.sessions.recovery import open_shot
from tracking_sessions.bridge.tracking import live
from tracking_sessions.core.journal.chain import Position
from tracking_sessions.core.journal.state_words import state_id
from tracking_sessions.core.library.catalogue import session_files
from tracking_sessions.core.model.types import SessionState
from tracking_sessions.core.recording.manager import load_session
from tracking_sessions.tests.bpy.tracker import new_clip, track_sequence
from tracking_sessions.tests.bpy.window import inside, open_editor
from tracking_sessions.tests.footage import Shot
from tracking_sessions.tools.clip_tracks import Tracks

operators: Any = bpy.ops.tracking_sessions  # type: ignore[attr-defined]  # made when they are registered
clip_operators: Any = bpy.ops.clip


class Refused(Exception):
    """The action cannot be done now, as a button that is grey."""


class Artist:
    """A clip in a saved file, and what can be done with it. Each action returns words for its log."""

    def __init__(self, footage: Shot, path: Path, chance: random.Random) -> None:
        """Make a file with some tracks of the footage, at `path`, in a fresh Blender."""
        self.chance = chance
        self.path = path
        clip = new_clip(footage, 1)
        clip.use_fake_user = True
        self.frames = clip.frame_duration
        self.editor = open_editor(clip)
        self.states: dict[str, list[tuple[Position, Tracks]]] = {}
        """The states that stood for a second, of each session, as the clip was then."""
        self._copied = False
        self._delete(list(tracks_in(clip).values())[4:])
        bpy.ops.wm.save_as_mainfile(filepath=str(path))
        self._push("Original")

    @property
    def clip(self) -> Any:
        return self.editor.clip

    @property
    def recording(self) -> Recording | None:
        return known_recording(self.clip)

    @property
    def seen(self) -> overview.Overview:
        return overview.overview(self.clip)

    # What all actions need

    def stand(self) -> None:
        """Let the clip stand for a second, in which the timer looks at it."""
        state.view(watch._Signs).is_changed = True
        watch.tick()
        recording = self.recording
        while recording is not None and recording.has_more:
            recording.go_on(self.clip)

    def _push(self, words: str) -> None:
        bpy.ops.ed.undo_push(message=words)

    def _changed(self) -> None:
        """As Blender's signs tell of an operator or a script."""
        state.view(watch._Signs).is_changed = True

    def _tracks(self) -> list[Any]:
        """The tracks of the active tracking object."""
        active = self.clip.tracking.objects.active
        return list(active.tracks)

    def _select(self, least: int = 1) -> list[Any]:
        """Select some tracks, as a click or a box does. Raises Refused if there are too few."""
        tracks = [track for track in self._tracks() if not track.hide]
        if len(tracks) < least:
            raise Refused("too few tracks")
        chosen = self.chance.sample(tracks, self.chance.randint(least, len(tracks)))
        for track in self._tracks():
            track.select = track in chosen
        self.clip.tracking.objects.active.tracks.active = chosen[0]
        self.stand()  # nobody clicks and goes on before the timer comes
        return chosen

    def _go(self, frame: int | None = None) -> int:
        """Put the playhead on a frame."""
        frame = frame or self.chance.randint(1, self.frames)
        bpy.context.scene.frame_current = frame
        self.editor.space.clip_user.frame_current = frame
        return frame

    def _call(self, operator: Any, **how: Any) -> None:
        """Call an operator in the editor. Raises Refused."""
        with inside(self.editor):
            if not operator.poll():
                raise Refused("grey")
            try:
                if operator(**how) != {"FINISHED"}:
                    raise Refused("cancelled")
            except RuntimeError as error:
                raise Refused(str(error).strip()) from error

    def _delete(self, tracks: list[Any]) -> None:
        for track in self._tracks():
            track.select = track in tracks
        with inside(self.editor):
            clip_operators.delete_track(confirm=False)

    # Our passes

    def _drive(self, run: live.LivePass, steps: int) -> str:
        goes_on = True
        while goes_on and run.run.steps < steps:
            goes_on = run.tick(0)
        if goes_on and self.chance.random() < 0.2:
            self._die()
            return f", killed after {run.run.steps} steps"
        if goes_on:
            run.finish()
        self._push("Track in Session")
        return f", {run.run.steps} steps, {run.run.outcome}"

    def track(self) -> str:
        self._select()
        frame = self._go()
        way = self.chance.choice(("FORWARDS", "BACKWARDS", "BOTH"))
        with inside(self.editor):
            if not operators.track.poll():
                raise Refused("grey")
            ranges = live.requested_ranges(self.editor, way, "SCENE", 0)
            run = live.LivePass(open_shot(self.editor), ranges)
        return f"{way} from {frame}" + self._drive(run, self.chance.randint(1, 2 * self.frames))

    def resume(self) -> str:
        number = 0
        if self.seen.resumable and self.chance.random() < 0.5:
            number = self.chance.choice(self.seen.resumable).number
        with inside(self.editor):
            if not operators.resume.poll():
                raise Refused("grey")
            run = live.LivePass(open_shot(self.editor, resumes=True), (), number=number or None)
        return f"pass {number}" + self._drive(run, self.chance.randint(1, 2 * self.frames))

    def drop(self) -> str:
        if not self.seen.resumable:
            raise Refused("no pass is left")
        number = self.chance.choice(self.seen.resumable).number
        self._call(operators.drop_pass, number=number)
        return f"pass {number}"

    # Blender's passes

    def blender_tracks(self) -> str:
        self._select()
        start, is_backwards = self._go(), self.chance.random() < 0.5
        direction = -1 if is_backwards else 1
        last = 1 if is_backwards else self.frames
        if start == last:
            raise Refused("no frame is left")
        end = self.chance.choice((last, self.chance.randint(*sorted((start + direction, last)))))
        recording = recording_of(self.clip)
        if recording is None:
            raise Refused("not recorded")
        one = BlenderPass(recording, self.clip, Way(is_backwards, True, 1, self.frames))
        every = self.chance.choice((1, 4, 99))
        words = f"from {start} to {end}, followed each {every} frames"
        at = start
        selected = [track for track in self._tracks() if track.select]
        while at != end:
            to = at + direction * min(every, abs(end - at))
            for track in selected:
                marker = track.markers.find_frame(at)
                track.select = marker is not None and not marker.mute
            if not any(track.select for track in selected):
                break
            track_sequence(self.clip, at, to)
            for track in selected:  # a job goes on with its tracks
                track.select = True
            if every < 99:
                one.follow(self.clip)
            at = to
            if self.chance.random() < 0.02:
                self._die()
                return f"{words}, killed at {at}"
        for track in selected:
            track.select = True
        one.finish(self.clip)
        self._changed()
        self._push("Track Markers")
        return words

    def blender_steps(self) -> str:
        self._select()
        start, is_backwards = self._go(), self.chance.random() < 0.5
        direction = -1 if is_backwards else 1
        count = 0
        for count in range(1, self.chance.randint(2, 4)):
            at = start + direction * (count - 1)
            if not 1 <= at + direction <= self.frames:
                break
            recording = recording_of(self.clip)
            if recording is None:
                raise Refused("not recorded")
            self._go(at)
            self._call(clip_operators.track_markers, backwards=is_backwards, sequence=False)
            BlenderPass(recording, self.clip, Way(is_backwards, False, 1, self.frames)).finish(self.clip)
            self._changed()
            self._push("Track Markers")
        return f"{count} from {start} by {direction}"

    # Edits

    def edit(self) -> str:
        """An operator of Blender's."""
        name, how, least = self.chance.choice(
            (
                ("delete_marker", {"confirm": False}, 1),
                ("disable_markers", {"action": "TOGGLE"}, 1),
                ("clear_track_path", {"action": self.chance.choice(("UPTO", "REMAINED", "ALL"))}, 1),
                ("keyframe_insert", {}, 1),
                ("keyframe_delete", {}, 1),
                ("lock_tracks", {"action": "TOGGLE"}, 1),
                ("hide_tracks", {}, 1),
                ("hide_tracks_clear", {}, 0),
                ("track_copy_color", {}, 1),
                ("track_settings_to_track", {}, 1),
                ("clean_tracks", {"frames": 3, "action": self.chance.choice(("DELETE_TRACK", "DELETE_SEGMENTS"))}, 1),
                ("filter_tracks", {"track_threshold": 5.0}, 1),
                ("join_tracks", {}, 2),
                ("average_tracks", {"keep_original": self.chance.random() < 0.5}, 2),
                ("copy_tracks", {}, 1),
                ("paste_tracks", {}, 0),
                ("add_marker", {"location": (self.chance.random(), self.chance.random())}, 0),
            )
        )
        if least:
            self._select(least)
        if name == "paste_tracks" and not self._copied:
            raise Refused("nothing is copied")
        frame = self._go()
        if not hasattr(bpy.ops.clip, name) or name not in dir(bpy.ops.clip):
            raise Refused("not in this Blender")
        self._call(getattr(clip_operators, name), **how)
        self._copied = self._copied or name == "copy_tracks"
        watch.note(f"CLIP_OT_{name}")
        self._push(name)
        return f"{name} {how} on {frame}"

    def delete_tracks(self) -> str:
        chosen = self._select()
        if len(chosen) == len(self._tracks()) and self.chance.random() < 0.8:
            raise Refused("all tracks")
        names = [track.name for track in chosen]
        self._call(clip_operators.delete_track, confirm=False)
        self._changed()
        self._push("Delete")
        return ", ".join(names)

    def script(self) -> str:
        """Changes by attributes and functions, of selected tracks."""
        track = self.chance.choice(self._select())
        frame = self.chance.randint(1, self.frames)
        markers = track.markers
        marker = markers.find_frame(frame) or markers[0]
        co = (self.chance.random(), self.chance.random())
        actions: dict[str, Callable[[], object]] = {
            "co": lambda: setattr(marker, "co", co),
            "mute": lambda: setattr(marker, "mute", not marker.mute),
            "is_keyed": lambda: setattr(marker, "is_keyed", not marker.is_keyed),
            "search_max": lambda: setattr(marker, "search_max", (0.4, 0.4)),
            "insert_frame": lambda: markers.insert_frame(frame, co=co),
            "delete_frame": lambda: markers.delete_frame(marker.frame) if len(markers) > 1 else None,
            "new": lambda: self.clip.tracking.objects.active.tracks.new(name="Mine", frame=frame),
            "weight": lambda: setattr(track, "weight", self.chance.random()),
            "lock": lambda: setattr(track, "lock", not track.lock),
            "correlation_min": lambda: setattr(track, "correlation_min", self.chance.random()),
            "color": lambda: setattr(track, "color", (self.chance.random(), 0.5, 0.25)),
        }
        name = self.chance.choice(list(actions))
        words = f"{name} of {track.name} on {frame}"
        actions[name]()
        self._changed()
        self._push(name)
        return words

    def rename(self) -> str:
        track = self.chance.choice(self._select())
        old = track.name
        track.name = self.chance.choice(("Näil 釘", "Survives.01", "Mine", old + "x"))
        self._changed()
        self._push("Rename")
        return f"{old} to {track.name}"

    def objects(self) -> str:
        """Make, rename, choose or delete a tracking object."""
        found = self.clip.tracking.objects
        others = [where for where in found if not where.is_camera]
        what = self.chance.choice(("new", "rename", "choose", "delete"))
        if what == "new" and len(others) < 2:
            made = found.new("Door")
            made.tracks.new(name="Knob", frame=3).select = True
        elif what == "rename" and others:
            self.chance.choice(others).name = self.chance.choice(("Gate", "Wall", "Door"))
        elif what == "choose":
            found.active = self.chance.choice(list(found))
        elif what == "delete" and others:
            found.remove(self.chance.choice(others))
        else:
            raise Refused("no object")
        self._changed()
        self._push("Object")
        return what

    # Files

    def undo(self) -> str:
        self._step_of_undo(bpy.ops.ed.undo)
        return ""

    def redo(self) -> str:
        self._step_of_undo(bpy.ops.ed.redo)
        return ""

    def _step_of_undo(self, operator: Any) -> None:
        try:
            if not operator.poll() or operator() != {"FINISHED"}:
                raise Refused("nothing to undo or redo")
        except RuntimeError as error:
            raise Refused(str(error)) from error
        self.editor = open_editor(bpy.data.movieclips[0])

    def save(self) -> str:
        bpy.ops.wm.save_mainfile()
        return ""

    def load(self) -> str:
        """Open the saved file; Blender's handlers come first."""
        self._open()
        return ""

    def kill(self) -> str:
        """Kill Blender, and open the saved file in another."""
        self._die()
        return ""

    def _die(self) -> None:
        running, state.running = state.running, None
        if running is not None:
            running.shot.session.close()
        for recording in state.recordings.values():
            recording._release()
        state.recordings.clear()
        self._open()

    def _open(self) -> None:
        bpy.ops.wm.open_mainfile(filepath=str(self.path))
        self.editor = open_editor(bpy.data.movieclips[0])
        self._push("Original")

    # Sessions

    def restore(self) -> str:
        choice = self.chance.choice(("KEEP", "TAKE"))
        self._call(operators.restore, choice=choice)
        self._push("Restore")
        return choice

    def go_back(self) -> str:
        states = self.states.get(self.seen.session, [])
        if not states:
            raise Refused("no state")
        position, _ = self.chance.choice(states)
        self._call(operators.go_back, state=state_id(position))
        self._push("Go Back")
        return state_id(position)

    def start_fresh(self) -> str:
        self._call(operators.start_fresh)
        return ""

    def bring_back(self) -> str:
        discarded = [
            path for path in self.session_paths() if load_session(path).session.state is SessionState.DISCARDED
        ]
        if not discarded or self.seen.session:
            raise Refused("no session is discarded, or the clip has another one")
        path = self.chance.choice(discarded)
        with load_session(path) as manager:
            manager.set_state(SessionState.ACTIVE)
        state.forget()
        return path.stem

    def session_paths(self) -> list[Path]:
        root = self.path.parent / "tracking_sessions"
        return session_files(root) if root.exists() else []


ACTIONS = {
    "track": 12, "resume": 10, "drop": 1, "blender_tracks": 10, "blender_steps": 5, "edit": 14, "delete_tracks": 2,
    "script": 10, "rename": 2, "objects": 2, "undo": 7, "redo": 4, "save": 6, "load": 3, "kill": 5, "restore": 6,
    "go_back": 3, "start_fresh": 1, "bring_back": 1,
}  # fmt: skip
"""The actions, and how often each is chosen."""


def actions(chance: random.Random) -> Iterator[str]:
    """An endless sequence of actions."""
    while True:
        yield chance.choices(list(ACTIONS), list(ACTIONS.values()))[0]
