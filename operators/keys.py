# SPDX-License-Identifier: GPL-3.0-or-later
"""Keys in the Clip Editor, which a person may change in the Preferences.

Those of Blender's tracker track in the session if the artist prefers that, and never beside a pass. Those of a review
do nothing in a clip without one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import bpy

from ..bridge.preferences import preferences
from ..bridge.tracking import live
from . import review, signing
from .track import Range, Tracks

if TYPE_CHECKING:
    from bpy.types import Context, Event, KeyMap, KeyMapItem

# of Blender's tracker, as its keymap has them, and the properties of our operator
TRACKER_KEYS = (
    ("T", {"ctrl": True}, {"direction": "FORWARDS"}),
    ("T", {"ctrl": True, "shift": True}, {"direction": "BACKWARDS"}),
    ("RIGHT_ARROW", {"alt": True, "repeat": True}, {"direction": "FORWARDS", "extent": "FRAMES", "frames": 1}),
    ("LEFT_ARROW", {"alt": True, "repeat": True}, {"direction": "BACKWARDS", "extent": "FRAMES", "frames": 1}),
)
# of the review, all for the left hand; Blender's keymaps of the Clip Editor have nothing there
REVIEW_KEYS = (
    ("V", {}, review.TRACKING_SESSIONS_OT_next_problem, {"direction": "NEXT"}),
    ("V", {"shift": True}, review.TRACKING_SESSIONS_OT_next_problem, {"direction": "PREVIOUS"}),
    ("W", {}, review.TRACKING_SESSIONS_OT_approve, {"extent": "FRAME"}),
    ("W", {"ctrl": True}, review.TRACKING_SESSIONS_OT_approve, {"extent": "PROBLEM"}),
    ("W", {"alt": True, "shift": True}, signing.TRACKING_SESSIONS_OT_take_back, {"extent": "FRAME"}),
    ("Z", {}, review.TRACKING_SESSIONS_OT_fine, {}),
    ("Z", {"shift": True}, review.TRACKING_SESSIONS_OT_mute, {"extent": "PROBLEM"}),
    ("Z", {"alt": True}, review.TRACKING_SESSIONS_OT_note, {}),
    ("V", {"alt": True}, review.TRACKING_SESSIONS_OT_audit, {"level": "QUICK"}),
    ("V", {"alt": True, "shift": True}, review.TRACKING_SESSIONS_OT_audit, {"level": "FULL"}),
)
_items: list[tuple[KeyMap, KeyMapItem]] = []


class TRACKING_SESSIONS_OT_track_by_key(Tracks, Range):
    """Track in the session in place of Blender's tracker, or say why not"""

    bl_idname = "tracking_sessions.track_by_key"
    bl_label = "Track in Session"
    bl_options = {"UNDO", "INTERNAL"}

    @classmethod
    def poll(cls, context: Context) -> bool:
        """Whether the key is ours; otherwise Blender goes on to its own item of that key."""
        space = context.space_data
        is_tracking = space is not None and space.type == "CLIP_EDITOR" and space.clip and space.mode == "TRACKING"
        return bool(is_tracking and (preferences().takes_keys or live.running() is not None))

    def _begin(self, context: Context, *, separate_clip: bool) -> bool:
        if obstacle := self._obstacle(context):
            self.report({"WARNING"}, obstacle)
            return False
        return super()._begin(context, separate_clip=separate_clip)

    def invoke(self, context: Context, event: Event) -> set[str]:
        self._choose(context)
        if (self.extent, self.frames) == ("FRAMES", 1):
            return self.execute(context)  # a held key repeats sooner than a timer ends the pass
        return super().invoke(context, event)


def register() -> None:
    config = bpy.context.window_manager.keyconfigs.addon
    if config is None:  # in a Blender without keys
        return
    keymap = config.keymaps.new("Clip", space_type="CLIP_EDITOR")  # Blender asks it before its own of that name
    ours = [(key, how, TRACKING_SESSIONS_OT_track_by_key, properties) for key, how, properties in TRACKER_KEYS]
    for key, how, operator, properties in (*ours, *REVIEW_KEYS):
        item = keymap.keymap_items.new(operator.bl_idname, key, "PRESS", **how)
        for name, value in properties.items():
            setattr(item.properties, name, value)
        _items.append((keymap, item))


def unregister() -> None:
    while _items:
        keymap, item = _items.pop()
        keymap.keymap_items.remove(item)


classes = (TRACKING_SESSIONS_OT_track_by_key,)
