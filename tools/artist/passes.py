# SPDX-License-Identifier: GPL-3.0-or-later
"""Passes of ours and of Blender's tracker, by an artist at random."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import bpy

from tracking_sessions.bridge.sessions.blender_pass import BlenderPass, Way
from tracking_sessions.bridge.sessions.recording import recording_of
from tracking_sessions.bridge.sessions.recovery import open_shot
from tracking_sessions.bridge.tracking import live
from tracking_sessions.core.errors import TrackingSessionError
from tracking_sessions.core.journal.changes import Key
from tracking_sessions.core.recording.manager import load_session
from tracking_sessions.tests.bpy.tracker import track_sequence
from tracking_sessions.tests.bpy.window import inside
from tracking_sessions.tools.clip_tracks import tracks_of

from .desk import Desk, Refused, clip_operators

operators: Any = bpy.ops.tracking_sessions  # type: ignore[attr-defined]  # made when they are registered


class Passes(Desk):
    """The actions that track."""

    def _drive(self, run: live.LivePass, steps: int) -> str:
        goes_on = True
        while goes_on and run.run.steps < steps:
            goes_on = run.tick(0)
        if goes_on and self.chance.random() < 0.2:
            self.die()
            return f", killed after {run.run.steps} steps"
        if goes_on:
            run.finish()
        self.push("Track in Session")
        return f", {run.run.steps} steps, {run.run.outcome}"

    def _begin(self, begin: Callable[[], live.LivePass], *, resumes: bool) -> live.LivePass:
        try:
            run = begin()
        except TrackingSessionError:
            self.expected.doubt()
            raise
        self.expected.catch_up(tracks_of(self.clip), resumes=resumes)
        if not resumes:
            self.expected.begin_pass(self._selected())
        return run

    def _selected(self) -> list[Key]:
        name = self.clip.tracking.objects.active.name
        return [(name, track.name) for track in self.tracks() if track.select]

    def track(self) -> str:
        self.select()
        frame = self.go()
        way = self.chance.choice(("FORWARDS", "BACKWARDS", "BOTH"))
        with inside(self.editor):
            if not operators.track.poll():
                raise Refused("grey")
            ranges = live.requested_ranges(self.editor, way, "SCENE", 0)
            run = self._begin(lambda: live.LivePass(open_shot(self.editor), ranges), resumes=False)
        return f"{way} from {frame}" + self._drive(run, self.chance.randint(1, 2 * self.frames))

    def resume(self) -> str:
        number = 0
        if self.seen.resumable and self.chance.random() < 0.5:
            number = self.chance.choice(self.seen.resumable).number
        with inside(self.editor):
            if not operators.resume.poll():
                raise Refused("grey")
            run = self._begin(
                lambda: live.LivePass(open_shot(self.editor, resumes=True), (), number=number or None), resumes=True
            )
        return f"pass {number}" + self._drive(run, self.chance.randint(1, 2 * self.frames))

    def drop(self) -> str:
        if not self.seen.resumable:
            raise Refused("no pass is left")
        number = self.chance.choice(self.seen.resumable).number
        self.call(operators.drop_pass, number=number)
        self.expected.doubt()
        return f"pass {number}"

    def _select_inside(self) -> None:
        """Select tracks; refuse if one has an enabled marker outside the footage, which Average Tracks makes at times.

        Blender's tracker crashes on it.
        """
        self.select()
        for track in self.tracks():
            if track.select and any(not m.mute and not 1 <= m.frame <= self.frames for m in track.markers):
                raise Refused("a marker outside the footage")

    def blender_tracks(self) -> str:
        self._select_inside()
        start, is_backwards = self.go(), self.chance.random() < 0.5
        direction = -1 if is_backwards else 1
        last = 1 if is_backwards else self.frames
        if start == last:
            raise Refused("no frame is left")
        end = self.chance.choice((last, self.chance.randint(*sorted((start + direction, last)))))
        recording = recording_of(self.clip)
        if recording is None:
            raise Refused("not recorded")
        one = BlenderPass(recording, self.clip, Way(is_backwards, True, 1, self.frames))
        known = self._pass_count()
        every = self.chance.choice((1, 4, 99))
        words = f"from {start} to {end}, followed each {every} frames"
        at = start
        selected = [track for track in self.tracks() if track.select]
        while at != end:
            to = at + direction * min(every, abs(end - at))
            for track in selected:
                marker = track.markers.find_frame(at)
                track.select = marker is not None and not marker.mute
            if not any(track.select for track in selected):
                if at == start:
                    raise Refused("no track has a marker")
                break
            track_sequence(self.clip, at, to)
            for track in selected:  # a job goes on with its tracks
                track.select = True
            if every < 99:
                one.follow(self.clip)
            at = to
            if self.chance.random() < 0.02:
                self.expected.doubt()  # about the tracks whose markers were recorded
                self.die()
                return f"{words}, killed at {at}"
        for track in selected:
            track.select = True
        one.finish(self.clip)
        self._note_pass(known)
        self.changed()
        self.push("Track Markers")
        return words

    def _pass_count(self) -> int:
        session = self.recording.session if self.recording is not None else None
        path = self.path_of(self.seen.session) if session is None else None
        session = load_session(path) if path is not None else session
        return len(session.passes) if session is not None else 0

    def _note_pass(self, known: int) -> None:
        """Blender's tracker has ended; before it there were so many passes."""
        self.expected.see(tracks_of(self.clip))
        if self._pass_count() > known:
            self.expected.begin_pass(self._selected())

    def blender_steps(self) -> str:
        self._select_inside()
        start, is_backwards = self.go(), self.chance.random() < 0.5
        direction = -1 if is_backwards else 1
        count = 0
        for count in range(1, self.chance.randint(2, 4)):
            at = start + direction * (count - 1)
            if not 1 <= at + direction <= self.frames:
                break
            recording = recording_of(self.clip)
            if recording is None:
                raise Refused("not recorded")
            self.go(at)
            known = self._pass_count()
            self.call(clip_operators.track_markers, backwards=is_backwards, sequence=False)
            BlenderPass(recording, self.clip, Way(is_backwards, False, 1, self.frames)).finish(self.clip)
            self._note_pass(known)
            self.changed()
            self.push("Track Markers")
        return f"{count} from {start} by {direction}"
