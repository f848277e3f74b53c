# SPDX-License-Identifier: GPL-3.0-or-later
"""Turns the PNG files of a folder into JPEG files, by Blender: `python jpeg.py FOLDER QUALITY`."""

import sys
from pathlib import Path
from typing import Any

import bpy
import numpy as np


def main(folder: Path, quality: int) -> None:
    for source in sorted(folder.glob("*.png")):
        read: Any = bpy.data.images.load(str(source))
        width, height = read.size
        pixels = np.empty(width * height * 4, np.float32)
        read.pixels.foreach_get(pixels)
        made: Any = bpy.data.images.new(source.stem, width, height)
        made.pixels.foreach_set(pixels)
        made.file_format = "JPEG"  # an image that was read would be saved in the format that it has
        made.filepath_raw = str(source.with_suffix(".jpg"))
        made.save(quality=quality)
        for image in (read, made):
            bpy.data.images.remove(image)
        source.unlink()


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
