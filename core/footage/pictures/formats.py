# SPDX-License-Identifier: GPL-3.0-or-later
"""Finds the format of a picture by its content, as Blender does, and checks the file with it."""

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

HEAD = 4096  # bytes of the first read, enough for many files
_MARK = 32  # bytes at the beginning; no format has only zeros there
_BLOCK = 4096  # bytes; an unfinished copy lacks whole blocks
_SHARE = 24  # a hole in a small file may be shorter: this part of the file, down to a sector
_HOLES = 4  # a file with more runs of zeros is a dark picture
_BLACK = 0.95  # share of zeros in the file of a black picture
_DATA = 0.1  # share of bytes other than zero that makes data; many bytes of floating point are zeros


class _Format(NamedTuple):
    signatures: tuple[bytes, ...]
    inspect: Callable[[PictureFile], Picture]
    inspect_whole: Callable[[PictureFile], object] | None = None


_TGA = _Format((), plain.inspect_tga, partial(plain.inspect_tga, whole=True))
_FORMATS = (
    _Format((png.SIGNATURE,), png.inspect, png.inspect_whole),
    _Format((jpeg.SIGNATURE,), jpeg.inspect, jpeg.inspect_whole),
    _Format((exr.SIGNATURE,), exr.inspect, exr.inspect_whole),
    _Format(tiff.SIGNATURES, tiff.inspect),
    _Format(plain.DPX, plain.inspect_dpx),
    _Format(plain.CINEON, plain.inspect_cineon),
    _Format((jpeg2000.SIGNATURE, jpeg2000.CODESTREAM), jpeg2000.inspect),
    _Format(plain.HDR, plain.inspect_hdr, partial(plain.inspect_hdr, whole=True)),
    _Format((plain.WEBP,), plain.inspect_webp),
    _Format((plain.PSD,), plain.inspect_psd),
    _Format((plain.SGI,), plain.inspect_sgi),
    _Format((plain.BMP,), plain.inspect_bmp),
)


def inspect(file: PictureFile) -> Picture:
    """Check the headers, the tables and the end of the file, and return the size of its picture.

    Raises PictureDamaged, and OSError.
    """
    return _inspected(file, _format_of(file).inspect)


def inspect_whole(path: Path, neighbours: Sequence[Path] = ()) -> None:
    """Read all of the file, which takes some milliseconds, and check that it is whole.

    A block of zeros, where the files of the frames around it (`neighbours`) have data, is a hole that an unfinished
    copy left. Raises PictureDamaged, and OSError.
    """
    descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_BINARY", 0))
    try:
        size = os.fstat(descriptor).st_size
        file = PictureFile(descriptor, size, read_at(descriptor, 0, min(size, HEAD)))
        form = _format_of(file)
        _inspected(file, form.inspect)
        if form.inspect_whole is not None:
            _inspected(file, form.inspect_whole)
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


def _inspected(file: PictureFile, inspection: Callable[[PictureFile], _T]) -> _T:
    try:
        return inspection(file)
    except (struct.error, IndexError, OverflowError) as error:
        raise PictureDamaged(f"is damaged ({error})") from error


def _check_holes(data: bytes, neighbours: Sequence[Path]) -> None:
    length = min(_BLOCK, max(64, len(data) // _SHARE))
    if not neighbours or bytes(length) not in data:
        return
    zeros = [found.span() for found in re.finditer(rb"\0{%d,}" % length, data)]
    if sum(end - start for start, end in zeros) > _BLACK * len(data):
        return
    holes = [span for span in zeros if all(_has_data(path, *span) for path in neighbours)]
    if 0 < len(holes) <= _HOLES:
        start, end = holes[0]
        raise PictureDamaged(f"{HALF_WRITTEN} ({end - start:,} bytes from byte {start:,} on are zeros)")


def _has_data(path: Path, start: int, end: int) -> bool:
    """Whether the file has more than zeros between these offsets."""
    try:
        with open(path, "rb") as file:
            file.seek(start)
            data = file.read(end - start)
    except OSError:
        return False
    return len(data) - data.count(0) >= _DATA * (end - start)
