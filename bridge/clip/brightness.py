# SPDX-License-Identifier: GPL-3.0-or-later
"""The brightness of frames, for measures of pictures. Each frame costs the reading of a picture."""

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
GAMMA = 2.2
"""Of a screen, about."""
KEPT = 8  # frames that an image of a movie keeps in memory until it is made anew


def _size_of(image: Any) -> tuple[int, int]:
    width, height = image.size
    return width, height


def _by_gamma(picture: Picture) -> Picture:
    import numpy as np

    return np.maximum(np.nan_to_num(picture, nan=0.0, posinf=1e4), 0) ** np.float32(1 / GAMMA)


class Frames:
    """The frames of the footage, a context. Blender's movie clips give no pixels to Python, its images do."""

    def __init__(self, footage: Footage, size: tuple[int, int], offset: int = 0) -> None:
        """`size`: of the clip, in pixels; a picture of another one counts as unreadable. `offset`: the frame of a movie
        before clip frame 1."""
        self.unread = FrameRanges()
        """The clip frames that could not be read."""
        self._footage, self._size, self._offset = footage, size, offset
        self._movie: Any = None
        self._movie_size = self._scaled = (0, 0)
        self._count = 0  # of frames that the movie has in memory

    def read(self, frame: int) -> Picture | None:
        """The brightness of the clip frame, float32 [height, width] from the lower left; None if it is unreadable."""
        return self._noted(frame, 0, is_shown=False)

    def shown(self, frame: int, width: int = 0) -> Picture | None:
        """As `read`, as a screen shows it: pictures of floating point, which are linear, by their gamma.

        `width`: pixels that are enough; Blender scales down to it, at an eighth of the cost of all pixels. 0: all.
        """
        return self._noted(frame, width, is_shown=True)

    def _noted(self, frame: int, width: int, *, is_shown: bool) -> Picture | None:
        picture = self._read(frame, width, is_shown=is_shown)
        if picture is None:
            self.unread.add(frame, frame)
        return picture

    def _read(self, frame: int, width: int, *, is_shown: bool) -> Picture | None:
        size = self._reduced(width)
        try:
            if self._footage.source == "MOVIE":
                return self._of_movie(frame + self._offset, size)
            check_whole(self._footage, frame)  # Blender dies of some that are cut
            image = bpy.data.images.load(str(self._footage.file(frame)), check_existing=False)
            try:
                if _size_of(image) != self._size:
                    return None
                if size != self._size:
                    image.scale(*size)
                picture = self._pixels(image)
                return _by_gamma(picture) if is_shown and image.is_float and picture is not None else picture
            finally:
                bpy.data.images.remove(image)
        except (FootageUnusable, RuntimeError):
            return None

    def _reduced(self, width: int) -> tuple[int, int]:
        if not 0 < width < self._size[0]:
            return self._size
        return width, max(1, round(self._size[1] * width / self._size[0]))

    def _of_movie(self, frame: int, size: tuple[int, int]) -> Picture | None:
        if self._count >= KEPT or size != self._scaled:  # a frame in memory would be scaled again
            self.close()
            self._scaled = size
        try:
            if self._movie is None:
                self._movie = bpy.data.images.load(str(self._footage.first), check_existing=False)
                self._movie_size = _size_of(self._movie)
            movie = self._movie
            if self._movie_size != self._size or not 1 <= frame <= movie.frame_duration:
                return None
            # the one function that makes another frame the image's own, whose pixels Python gets
            movie.scale(*size, frame=frame)
        except ReferenceError:  # an undo step has removed it
            self._movie, self._count = None, 0
            return self._of_movie(frame, size)
        self._count += 1
        return self._pixels(movie)

    def _pixels(self, image: Any) -> Picture | None:
        import numpy as np

        width, height = image.size
        if min(width, height) < 2:
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
