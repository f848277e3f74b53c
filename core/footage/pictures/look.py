# SPDX-License-Identifier: GPL-3.0-or-later
"""One look at the file of a picture, whatever its format: Blender goes by what is in a file, not by its name."""

from __future__ import annotations

import os
import re
import struct
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import NamedTuple, TypeVar

from . import exr, jpeg, jpeg2000, plain, png, tiff
from .file import HALF_WRITTEN, Picture, PictureDamaged, PictureFile, read_at

_T = TypeVar("_T")

HEAD = 4096  # bytes that are read first, and all that many files need
_MARK = 32  # bytes at the beginning, of which each format has some that are not zero
_BLOCK = 4096  # bytes; a file that was not copied to its end lacks whole blocks
_SHARE = 24  # a hole in a small file may be shorter, down to a sector: this part of it
_HOLES = 4  # more are no holes, but a dark picture
_BLACK = 0.95  # share of zeros in a file whose picture is black
_SOMETHING = 0.1  # share of a hole in which a neighbour has something; many bytes of floating point are zeros


class _Format(NamedTuple):
    signatures: tuple[bytes, ...]
    look: Callable[[PictureFile], Picture]
    look_whole: Callable[[PictureFile], object] | None = None


_TGA = _Format((), plain.look_tga, partial(plain.look_tga, all_of_it=True))
_FORMATS = (
    _Format((png.SIGNATURE,), png.look, png.look_whole),
    _Format((jpeg.SIGNATURE,), jpeg.look, jpeg.look_whole),
    _Format((exr.SIGNATURE,), exr.look, exr.look_whole),
    _Format(tiff.SIGNATURES, tiff.look),
    _Format(plain.DPX, plain.look_dpx),
    _Format(plain.CINEON, plain.look_cineon),
    _Format((jpeg2000.SIGNATURE, jpeg2000.CODESTREAM), jpeg2000.look),
    _Format(plain.HDR, plain.look_hdr, partial(plain.look_hdr, all_of_it=True)),
    _Format((plain.WEBP,), plain.look_webp),
    _Format((plain.PSD,), plain.look_psd),
    _Format((plain.SGI,), plain.look_sgi),
    _Format((plain.BMP,), plain.look_bmp),
)


def look(file: PictureFile) -> Picture:
    """What the file says of its picture, if it is whole as far as headers, tables and its end tell.

    Raises PictureDamaged, and OSError.
    """
    return _looked(file, _format_of(file).look)


def look_whole(path: Path, neighbours: Sequence[Path] = ()) -> None:
    """Read all of the file, which takes some milliseconds, and see whether it is whole.

    A block of zeros in it, where the files of the frames around it (`neighbours`) have something, is a hole that a copy
    has left which did not come to its end. Raises PictureDamaged, and OSError.
    """
    descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_BINARY", 0))
    try:
        size = os.fstat(descriptor).st_size
        file = PictureFile(descriptor, size, read_at(descriptor, 0, min(size, HEAD)))
        form = _format_of(file)
        _looked(file, form.look)
        if form.look_whole is not None:
            _looked(file, form.look_whole)
        _check_holes(file.whole(), neighbours)
    finally:
        os.close(descriptor)


def _format_of(file: PictureFile) -> _Format:
    for form in _FORMATS:
        if file.head.startswith(form.signatures):
            return form
    if plain.is_tga(file):
        return _TGA
    raise PictureDamaged("is no picture that Blender reads" if any(file.head[:_MARK]) else HALF_WRITTEN)


def _looked(file: PictureFile, look: Callable[[PictureFile], _T]) -> _T:
    try:
        return look(file)
    except (struct.error, IndexError, OverflowError) as error:
        raise PictureDamaged(f"is damaged ({error})") from error


def _check_holes(data: bytes, neighbours: Sequence[Path]) -> None:
    length = min(_BLOCK, max(64, len(data) // _SHARE))
    if not neighbours or bytes(length) not in data:
        return
    zeros = [found.span() for found in re.finditer(rb"\0{%d,}" % length, data)]
    if sum(end - start for start, end in zeros) > _BLACK * len(data):
        return
    holes = [span for span in zeros if all(_has_something(path, *span) for path in neighbours)]
    if 0 < len(holes) <= _HOLES:
        start, end = holes[0]
        raise PictureDamaged(f"{HALF_WRITTEN} ({end - start:,} bytes from byte {start:,} on are zeros)")


def _has_something(path: Path, start: int, end: int) -> bool:
    """Whether the file has something there besides zeros."""
    try:
        with open(path, "rb") as file:
            file.seek(start)
            data = file.read(end - start)
    except OSError:
        return False
    return len(data) - data.count(0) >= _SOMETHING * (end - start)
