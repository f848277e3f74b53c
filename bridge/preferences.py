# SPDX-License-Identifier: GPL-3.0-or-later
"""The preferences of the extension."""

from __future__ import annotations

from typing import Any, NamedTuple

import bpy


class Preferences(NamedTuple):
    folder: str = ""  # the session folder; empty: beside the .blend
    is_durable: bool = True  # whether each checkpoint is flushed to the disk
    interval: float = 0.25  # seconds between two updates of the tracks and the view while a pass runs
    has_strip: bool = True  # whether the strip of tracked frames is drawn in the Clip Editor
    records: bool = True  # whether everything that happens to the tracks is recorded
    saves_copy: bool = False  # whether the end of a pass saves a copy of the file beside the session
    takes_keys: bool = False  # whether the keys of Blender's tracker track in the session
    farm_blender: str = ""  # the Blender of a farm's nodes; empty: at the path of this one
    farm_extension: str = ""  # the name of this extension there; empty: as here
    farm_rules: str = ""  # the file with rules for paths; empty: nodes see the paths of this machine
    farm_queue: str = ""  # a partition, a queue or a worker tag; empty: the farm chooses
    farm_url: str = ""  # of Flamenco's Manager


def stored_preferences() -> Any:
    """Blender's stored preferences, which can be set; None if the extension is not enabled, as in a script."""
    addon = bpy.context.preferences.addons.get((__package__ or "").rpartition(".")[0])
    return addon.preferences if addon is not None else None


def preferences() -> Preferences:
    """The preferences, or their defaults if the extension is not enabled."""
    stored = stored_preferences()
    if stored is None:
        return Preferences()
    return Preferences(*(getattr(stored, name) for name in Preferences._fields))
