# SPDX-License-Identifier: GPL-3.0-or-later
"""Undo and redo, saving and loading, crashes."""

from __future__ import annotations

from typing import Any

import bpy

from tracking_sessions.tests.bpy.window import open_editor
from tracking_sessions.tools.clip_tracks import tracks_of

from .desk import Desk, Refused


class Files(Desk):
    """The actions on the file."""

    def undo(self) -> str:
        before = tracks_of(self.clip)
        self._step(bpy.ops.ed.undo)
        self.has_undone = True
        self.expected.undo(before, tracks_of(self.clip), is_recorded=bool(self.seen.session))
        return ""

    def redo(self) -> str:
        self._step(bpy.ops.ed.redo)
        return ""

    def _step(self, operator: Any) -> None:
        try:
            if not operator.poll() or operator() != {"FINISHED"}:
                raise Refused("nothing to undo or redo")
        except RuntimeError as error:
            raise Refused(str(error)) from error
        self.editor = open_editor(bpy.data.movieclips[0])

    def save(self) -> str:
        bpy.ops.wm.save_mainfile()
        self.date_back()
        self.expected.save()
        return ""

    def load(self) -> str:
        self.note_owned()
        self.expected.see(tracks_of(self.clip))  # Blender's handlers record it
        self.open()
        return ""

    def kill(self) -> str:
        self.die()
        return ""
