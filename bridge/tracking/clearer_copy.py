# SPDX-License-Identifier: GPL-3.0-or-later
"""Makes a smaller copy of a picture with more contrast, in which Blender finds features that are too soft or too faint
for its lowest threshold. Blender tracks nothing in the copy."""

from __future__ import annotations

import math
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import bpy

from ..clip.editor import ClipEditor
from ..clip.movie_clip import clip_size, footage_of

if TYPE_CHECKING:
    import numpy as np
    from bpy.types import Image, MovieClip
    from numpy.typing import NDArray

LONGEST = 960  # pixels of a copy: an edge blurred over six pixels of a 4K picture is sharp in it
GRAIN = 2 / 255
"""The strongest grain of a copy. White noise of 2.5 levels gives no feature at Blender's lowest threshold, and of 4
levels 177 in 960x540."""
LEAST = 1.2  # times the contrast: with less a copy shows no more features than the picture


@dataclass(frozen=True)
class ClearerCopy:
    """An editor that shows a clip of the copy."""

    editor: ClipEditor
    shrink: int
    """Pixels of the picture, across and up, in a pixel of the copy."""
    contrast: float


@contextmanager
def clearer_copy(editor: ClipEditor, frame: int) -> Iterator[ClearerCopy | None]:
    """A copy of clip frame `frame`, displayed in the editor until the end of the block; None if it would not help.

    Blender gives access only to the pixels of image files and of the first frame of a movie: None for other frames.
    """
    clip = editor.clip
    path = _picture(clip, frame)
    shrink = math.ceil(max(clip_size(clip)) / LONGEST)
    grey = None if path is None else _grey(path, shrink, clip_size(clip))
    contrast, middle = (1.0, 0.5) if grey is None else _possible_contrast(grey)
    if grey is None or (contrast < LEAST and shrink == 1):
        yield None
        return
    with tempfile.TemporaryDirectory(prefix="tracking_sessions-", ignore_cleanup_errors=True) as folder:
        file = Path(folder, "clearer.png")
        _write((grey - middle) * contrast + 0.5, file)
        copy = bpy.data.movieclips.load(str(file))
        displayed = editor.space.clip_user.frame_current
        try:
            editor.space.clip = copy
            yield ClearerCopy(ClipEditor(editor.window, editor.area, copy), shrink, contrast)
        finally:
            editor.space.clip = clip
            editor.space.clip_user.frame_current = displayed
            bpy.data.movieclips.remove(copy)


def _picture(clip: MovieClip, frame: int) -> Path | None:
    footage = footage_of(clip)
    if footage.source == "MOVIE" and frame + clip.frame_offset != 1:
        return None
    return footage.file(frame)


def _grey(path: Path, shrink: int, size: tuple[int, int]) -> NDArray[np.float32] | None:
    """The luminance of the picture, each pixel the mean of a square of `shrink`; None if Blender gives no pixels."""
    import numpy as np

    try:
        image: Image = bpy.data.images.load(str(path))
    except RuntimeError:
        return None
    try:
        width, height = tuple(image.size)  # type: ignore[misc]  # the stubs do not know that it can be unpacked
        if (width, height) != size or not image.channels:
            return None
        pixels = np.empty(width * height * image.channels, np.float32)
        image.pixels.foreach_get(pixels)  # type: ignore[arg-type]  # the stubs know of no arrays
        channels = image.channels
    finally:
        bpy.data.images.remove(image)
    weights = (0.2126, 0.7152, 0.0722) if channels >= 3 else (1.0,)
    rows, columns = height // shrink, width // shrink
    pixels = pixels.reshape(height, width, channels)[: rows * shrink, : columns * shrink]
    grey = np.zeros((rows, columns), np.float32)
    for channel, weight in enumerate(weights):
        for y in range(shrink):
            for x in range(shrink):
                grey += pixels[y::shrink, x::shrink, channel] * np.float32(weight / shrink**2)
    return np.nan_to_num(grey, copy=False, nan=0.0, posinf=1.0, neginf=0.0)


def _possible_contrast(grey: NDArray[np.float32]) -> tuple[float, float]:
    """The largest factor of contrast that keeps the range of greys and the grain within bounds, and the middle grey.

    Differences across both diagonals measure the grain: even and sloping surfaces and straight edges cancel out in
    them (J. Immerkær, "Fast noise variance estimation", 1996). Their median size for Gaussian noise of deviation 1 is
    1.35.
    """
    import numpy as np

    low, high = (float(grey_level) for grey_level in np.percentile(grey, (0.5, 99.5)))
    corners = grey[1:, 1:] - grey[1:, :-1] - grey[:-1, 1:] + grey[:-1, :-1]
    grain = float(np.median(np.abs(corners))) / 1.35 if corners.size else 0.0
    return min(1 / max(high - low, 1e-6), GRAIN / max(grain, 1e-6)), (low + high) / 2


def _write(grey: NDArray[np.float32], file: Path) -> None:
    import numpy as np

    height, width = grey.shape
    pixels = np.ones((height, width, 4), np.float32)
    pixels[..., :3] = np.clip(grey, 0, 1)[..., None]
    image: Image = bpy.data.images.new(file.stem, width, height)
    try:
        image.pixels.foreach_set(pixels.ravel())  # type: ignore[arg-type]  # the stubs know of no arrays
        image.filepath_raw = str(file)
        image.file_format = "PNG"
        image.save()
    finally:
        bpy.data.images.remove(image)
