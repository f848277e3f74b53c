# SPDX-License-Identifier: GPL-3.0-or-later
"""Edits of tracks and tracking objects, by an artist at random."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import bpy

from tracking_sessions.bridge import watch

from .desk import Desk, Refused, clip_operators


class Edits(Desk):
    """The actions that change tracks."""

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
            self.select(least)
        if name == "paste_tracks" and not self.has_copied:
            raise Refused("nothing is copied")
        frame = self.go()
        if not hasattr(bpy.ops.clip, name) or name not in dir(bpy.ops.clip):
            raise Refused("not in this Blender")
        self.call(getattr(clip_operators, name), **how)
        self.has_copied = self.has_copied or name == "copy_tracks"
        watch.note(f"CLIP_OT_{name}")
        self.push(name)
        return f"{name} {how} on {frame}"

    def delete_tracks(self) -> str:
        chosen = self.select()
        if len(chosen) == len(self.tracks()) and self.chance.random() < 0.8:
            raise Refused("all tracks")
        names = [track.name for track in chosen]
        self.call(clip_operators.delete_track, confirm=False)
        self.changed()
        self.push("Delete")
        return ", ".join(names)

    def script(self) -> str:
        """Changes by attributes and functions, of selected tracks."""
        track = self.chance.choice(self.select())
        frame = self.chance.randint(1, self.frames)
        markers = track.markers
        inside = [marker for marker in markers if 1 <= marker.frame <= self.frames]
        if not inside:  # Blender crashes after a border outside the footage is enabled
            raise Refused("no marker inside the clip")
        marker = markers.find_frame(frame) or inside[0]
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
        self.changed()
        self.push(name)
        return words

    def rename(self) -> str:
        track = self.chance.choice(self.select())
        old = track.name
        track.name = self.chance.choice(("Näil 釘", "Survives.01", "Mine", old + "x"))
        where = self.clip.tracking.objects.active.name
        self.expected.rename((where, old), (where, track.name))
        self.changed()
        self.push("Rename")
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
            self._rename_object(self.chance.choice(others), self.chance.choice(("Gate", "Wall", "Door")))
        elif what == "choose":
            found.active = self.chance.choice(list(found))
        elif what == "delete" and others:
            found.remove(self.chance.choice(others))
        else:
            raise Refused("no object")
        self.changed()
        self.push("Object")
        return what

    def _rename_object(self, where: Any, name: str) -> None:
        names = [track.name for track in where.tracks]
        self.expected.rename(*((where.name, track) for track in names))
        where.name = name
        self.expected.rename(*((where.name, track) for track in names))
