# SPDX-License-Identifier: GPL-3.0-or-later
"""The analysis of footage with the pictures that Blender reads, and what Blender knows of it."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import replace
from typing import TYPE_CHECKING

import bpy

from ...core.footage.details import FootageDetails
from ...core.footage.files import Footage
from ...core.footage.metadata import Metadata, is_rate
from .brightness import Frames
from .movie_clip import clip_size, open_footage

if TYPE_CHECKING:
    from ...core.footage.analysis.known import Analysis


def completed(metadata: Metadata, footage: Footage) -> Metadata:
    """The metadata with what Blender says in place of what the headers do not. Raises FootageUnusable."""
    clip = open_footage(footage)
    try:
        rate = round(clip.fps, 6) if footage.source == "MOVIE" and is_rate(clip.fps) else 0.0
        return replace(
            metadata,
            size=clip_size(clip),  # that of the clip, whose pixels are tracked
            frames=clip.frame_duration if footage.source == "MOVIE" else metadata.frames,
            fps=metadata.fps or rate,
            colour_space=metadata.colour_space or clip.colorspace_settings.name,
        )
    finally:
        bpy.data.movieclips.remove(clip)


def analyzing(
    footage: Footage, details: FootageDetails, size: tuple[int, int], frame_count: int, offset: int = 0
) -> Generator[float, None, Analysis]:
    """Analyse footage of which Blender makes a clip of this size, in pixels, and count; yields the share done.

    `offset`: the frame of a movie before clip frame 1.
    """
    from ...core.footage.analysis.analyze import analyze_footage

    with Frames(footage, size, offset) as frames:
        return (yield from analyze_footage(frames, frame_count, size, details.entries))
