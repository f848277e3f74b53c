# SPDX-License-Identifier: GPL-3.0-or-later
"""A plate as a movie."""

from __future__ import annotations

from pathlib import Path

import bpy

from tracking_sessions.tests.footage import Shot


def make_movie(shot: Shot, path: Path) -> None:
    """Write the shot, of 320x180 pixels, as an MP4."""
    scene = bpy.context.scene
    editor = scene.sequence_editor_create()
    strips = editor.strips if hasattr(editor, "strips") else editor.sequences
    strip = strips.new_image(name="plate", filepath=str(shot.files[0]), channel=1, frame_start=1)
    for file in shot.files[1:]:
        strip.elements.append(file.name)
    scene.frame_start, scene.frame_end = 1, shot.frames
    render = scene.render
    render.resolution_x, render.resolution_y, render.resolution_percentage = 320, 180, 100
    if hasattr(render.image_settings, "media_type"):  # Blender 5
        render.image_settings.media_type = "VIDEO"
    render.image_settings.file_format = "FFMPEG"
    render.ffmpeg.format, render.ffmpeg.codec, render.ffmpeg.gopsize = "MPEG4", "H264", 10
    render.filepath, render.use_file_extension = str(path), False
    bpy.ops.render.render(animation=True)
