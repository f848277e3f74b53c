# SPDX-License-Identifier: GPL-3.0-or-later
"""Sequences in every variant of the formats of plates, as cameras, scanners and other programs write them.

plate_files/make.py has made the pictures in plate_files/pictures.tar.xz: two neighbours of a pan of 2 pixels a frame,
which a sequence repeats in turn, and the first at half its size. The name of a variant is its suffix and its
speciality, such as `exr-tiled`. As a command: python tests/plates.py FOLDER [VARIANT…]
"""

from __future__ import annotations

import sys
import tarfile
from functools import cache
from pathlib import Path

WIDTH, HEIGHT = 134, 76  # pixels, the display window of an EXR
_ARCHIVE = Path(__file__).resolve().with_name("plate_files") / "pictures.tar.xz"


@cache
def _files() -> dict[str, dict[str, bytes]]:
    found: dict[str, dict[str, bytes]] = {}
    with tarfile.open(_ARCHIVE, "r:xz") as archive:
        for member in archive:
            variant, _, name = member.name.partition("/")
            file = archive.extractfile(member)
            assert file is not None
            found.setdefault(variant, {})[name.partition(".")[0]] = file.read()
    return dict(sorted(found.items()))


def variants() -> tuple[str, ...]:
    """The names of all variants."""
    return tuple(_files())


def suffix(variant: str) -> str:
    """The suffix of a variant's files, such as .exr."""
    return f".{variant.partition('-')[0]}"


def picture(variant: str, frame: int = 1) -> bytes:
    """The file of a frame, counted from 1."""
    return _files()[variant][str((frame - 1) % 2)]


def half_size(variant: str) -> bytes:
    """The file of a picture of the same format and of half the size."""
    return _files()[variant]["half"]


def lay(folder: Path, variant: str, frames: int = 6, first: int = 1, stem: str = "plate") -> list[Path]:
    """Make `folder` and write a sequence plate.0001.exr … of `frames` whole pictures into it."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = [folder / f"{stem}.{first + index:04d}{suffix(variant)}" for index in range(frames)]
    for frame, path in enumerate(paths, 1):
        path.unlink(missing_ok=True)  # may be a hard link to another frame
        path.write_bytes(picture(variant, frame))
    return paths


if __name__ == "__main__":
    for name in sys.argv[2:] or variants():
        print(lay(Path(sys.argv[1], name), name)[0])
