# SPDX-License-Identifier: GPL-3.0-or-later
"""Small pictures of frames with their tracks, for reports and lists. Each costs the reading of a picture."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import bpy

from ...core.footage.files import Footage, find_footage
from ...core.recording.manager import TrackingSessionManager
from ...core.review.frames import Spot, frames_to_show, spots
from ...core.storage.folder import resolve

if TYPE_CHECKING:
    from bpy.types import Scene

WIDTH = 320  # pixels
ARM, SUSPECT_ARM = 3, 7  # pixels of the arms of a cross
SUSPECT, GOOD, OUTLINE = (1.0, 0.25, 0.1), (0.35, 0.9, 0.45), (0.0, 0.0, 0.0)


def review_pictures(session: TrackingSessionManager, count: int) -> dict[int, bytes]:
    """Pictures of the reference frame and of the worst frames of the review, at most `count`, by clip frame.

    Raises FootageUnusable and the errors of reading the session.
    """
    frames = frames_to_show(session.review, count)
    if not frames:
        return {}
    replay, flags = session.replay(), session.review.open_flags
    footage = find_footage(resolve(session.path, session.session.footage.path))
    marks = {frame: spots(replay, flags, frame) for frame in frames}
    return dict(frame_pictures(footage, session.session.footage.size, frames, marks))


def frame_pictures(
    footage: Footage,
    size: tuple[int, int],
    frames: Iterable[int],
    spots: Mapping[int, Iterable[Spot]],
    *,
    width: int = WIDTH,
) -> Iterator[tuple[int, bytes]]:
    """Each of the clip frames with a PNG of so many pixels across, on which crosses mark its `spots`.

    `size`: of the footage, in pixels. Blender renders the files in its sequencer, as its clip strips show the first
    frame only. A frame that cannot be rendered is left out.
    """
    if min(size) < 1:
        return
    width = min(width, size[0])
    height = max(1, round(width * size[1] / size[0]))
    with _scene(width, height) as scene, tempfile.TemporaryDirectory(prefix="frames-") as folder:
        for frame in frames:
            path = Path(folder, f"{frame}.png")
            if _render(scene, footage, frame, path):
                _mark(path, spots.get(frame, ()))
                yield frame, path.read_bytes()


@contextmanager
def _scene(width: int, height: int) -> Iterator[Scene]:
    """An empty scene for a sequence of this size. It is gone afterwards."""
    scene = bpy.data.scenes.new(name="Frames")
    try:
        render: Any = scene.render
        render.resolution_x, render.resolution_y, render.resolution_percentage = width, height, 100
        render.use_sequencer, render.use_file_extension = True, False
        render.image_settings.file_format = "PNG"
        with suppress(TypeError):  # another configuration of colours may not have it
            scene.view_settings.view_transform = "Standard"  # type: ignore[assignment]  # no look: the values of the plate
        scene.sequence_editor_create()
        yield scene
    finally:
        bpy.data.scenes.remove(scene)


def _render(scene: Scene, footage: Footage, frame: int, path: Path) -> bool:
    """Render the clip frame to `path`; returns whether there is a picture."""
    editor: Any = scene.sequence_editor
    strips = editor.strips if hasattr(editor, "strips") else editor.sequences  # Blender 4.2 and 4.3
    is_movie = footage.source == "MOVIE"
    file = footage.first if is_movie else footage.file(frame)
    if not file.exists():  # Blender would render a placeholder
        return False
    try:
        if not len(strips) or not is_movie:
            for strip in list(strips):
                strips.remove(strip)
            (strips.new_movie if is_movie else strips.new_image)("Frame", str(file), 1, 1, fit_method="FIT")
        scene.frame_start = scene.frame_end = frame if is_movie else 1
        scene.render.filepath = str(path)
        bpy.ops.render.render(animation=True, scene=scene.name)  # a still shows the first frame of a movie
        written = Path(scene.render.frame_path(frame=scene.frame_start))
        return bool(written.replace(path))
    except (RuntimeError, FileNotFoundError):
        return False


class _Canvas(NamedTuple):
    """Pixels of a picture: [height, width, 4], from the lower left."""

    pixels: Any

    def cross(self, spot: Spot) -> None:
        height, width = self.pixels.shape[:2]
        x, y = round(spot.x * width - 0.5), round(spot.y * height - 0.5)
        colour, length, half = (SUSPECT, SUSPECT_ARM, 1) if spot.is_suspect else (GOOD, ARM, 0)
        for arm, thick, shade in ((length + 1, half + 1, OUTLINE), (length, half, colour)):
            self._fill(x - arm, x + arm, y - thick, y + thick, shade)
            self._fill(x - thick, x + thick, y - arm, y + arm, shade)

    def _fill(self, left: int, right: int, low: int, high: int, colour: tuple[float, float, float]) -> None:
        if right >= 0 and high >= 0:
            self.pixels[max(0, low) : high + 1, max(0, left) : right + 1, :3] = colour


def _mark(path: Path, spots: Iterable[Spot]) -> None:
    """Draw the spots into the picture, the suspect ones on top."""
    import numpy as np

    image = bpy.data.images.load(str(path))
    try:
        size: Any = image.size
        width, height = size
        flat: Any = np.empty(width * height * image.channels, np.float32)
        image.pixels.foreach_get(flat)
        canvas = _Canvas(flat.reshape(height, width, image.channels))
        for spot in sorted(spots, key=lambda spot: spot.is_suspect):
            canvas.cross(spot)
        image.pixels.foreach_set(flat)
        image.file_format = "PNG"
        image.save()
    finally:
        bpy.data.images.remove(image)
