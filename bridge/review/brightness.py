# SPDX-License-Identifier: GPL-3.0-or-later
"""The pixels of frames, for measures that compare patterns. Each frame costs the reading of a picture."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any, Self

import bpy

from ...core.errors import FootageUnusable
from ...core.footage.files import Footage
from ...core.footage.frames import check_whole
from ...core.model.ranges import FrameRanges

if TYPE_CHECKING:
    from ...core.review.correlation import Picture

LUMA = (0.2126, 0.7152, 0.0722)
"""The parts of red, green and blue in the brightness that Blender's tracker compares (libmv)."""
KEPT = 8  # frames that an image of a movie keeps in memory until it is made anew


class Frames:
    """The frames of the footage, a context. Blender's movie clips give no pixels to Python, its images do."""

    def __init__(self, footage: Footage, size: tuple[int, int], offset: int = 0) -> None:
        """`size`: of the clip, in pixels; a picture of another one counts as unreadable. `offset`: the frame of a movie
        before clip frame 1."""
        self.unread = FrameRanges()
        """The clip frames that could not be read."""
        self._footage, self._size, self._offset = footage, size, offset
        self._movie: Any = None
        self._count = 0  # of frames that the movie has in memory

    def read(self, frame: int) -> Picture | None:
        """The brightness of the clip frame, float32 [height, width] from the lower left; None if it is unreadable."""
        picture = self._read(frame)
        if picture is None:
            self.unread.add(frame, frame)
        return picture

    def _read(self, frame: int) -> Picture | None:
        try:
            if self._footage.source == "MOVIE":
                return self._of_movie(frame + self._offset)
            check_whole(self._footage, frame)  # Blender dies of some that are cut
            image = bpy.data.images.load(str(self._footage.file(frame)), check_existing=False)
            try:
                return self._pixels(image)
            finally:
                bpy.data.images.remove(image)
        except (FootageUnusable, RuntimeError):
            return None

    def _of_movie(self, frame: int) -> Picture | None:
        if self._count >= KEPT:
            self.close()
        try:
            self._movie = self._movie or bpy.data.images.load(str(self._footage.first), check_existing=False)
            movie = self._movie
            if not 1 <= frame <= movie.frame_duration:
                return None
            # the one function that makes another frame the image's own, whose pixels Python gets
            movie.scale(*movie.size, frame=frame)
        except ReferenceError:  # an undo step has removed it
            self._movie, self._count = None, 0
            return self._of_movie(frame)
        self._count += 1
        return self._pixels(movie)

    def _pixels(self, image: Any) -> Picture | None:
        import numpy as np

        width, height = image.size
        if (width, height) != self._size or min(self._size) < 2:
            return None
        flat = np.empty(width * height * image.channels, np.float32)
        image.pixels.foreach_get(flat)
        pixels = flat.reshape(height, width, image.channels)
        if image.channels < len(LUMA):
            return pixels[..., 0]
        return sum(pixels[..., i] * np.float32(part) for i, part in enumerate(LUMA))  # type: ignore[return-value]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Remove what was loaded. Can be repeated."""
        if self._movie is not None:
            with suppress(ReferenceError):
                bpy.data.images.remove(self._movie)
        self._movie, self._count = None, 0
