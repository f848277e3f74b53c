# SPDX-License-Identifier: GPL-3.0-or-later
"""The tags of QuickTime, MP4 and AVI files, of the first video track. No frame is decoded.

After ISO/IEC 14496-12 (ISO base media file format), Apple's “QuickTime File Format Specification”, and Microsoft's
“AVI RIFF File Reference”.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import NamedTuple

from .pictures.file import PictureDamaged, PictureFile
from .pictures.tags import Tags, clean

_BOXES = 4096  # that are looked at, at most
_TRACKS = 32
_RUNS = 4096  # of a table of durations that are read, at most
_CODECS = {
    "avc1": "H.264",
    "avc3": "H.264",
    "hvc1": "HEVC",
    "hev1": "HEVC",
    "mp4v": "MPEG-4",
    "av01": "AV1",
    "vp09": "VP9",
    "apcn": "ProRes 422",
    "apch": "ProRes 422 HQ",
    "apcs": "ProRes 422 LT",
    "apco": "ProRes 422 Proxy",
    "ap4h": "ProRes 4444",
    "ap4x": "ProRes 4444 XQ",
    "AVdn": "DNxHD",
    "AVdh": "DNxHR",
    "jpeg": "Motion JPEG",
    "mjpg": "Motion JPEG",
    "rle ": "Animation",
    "png ": "PNG",
}
_PRIMARIES = {1: "Rec.709", 5: "Rec.601 625", 6: "Rec.601 525", 9: "Rec.2020", 11: "P3", 12: "P3"}


class _Box(NamedTuple):
    kind: bytes
    at: int  # of its content
    end: int


def read_movie(file: PictureFile, tags: Tags) -> bool:
    """Read the tags; False for another kind of movie. Raises PictureDamaged, struct.error."""
    if file.head[4:8] in (b"ftyp", b"moov", b"mdat", b"wide", b"free", b"skip", b"pnot"):
        tags.format = "MP4" if file.head[4:8] == b"ftyp" and file.head[8:10] != b"qt" else "QuickTime"
        _read_quicktime(file, tags)
        return True
    if file.head[:4] == b"RIFF" and file.head[8:12] == b"AVI ":
        tags.format = "AVI"
        _read_avi(file, tags)
        return True
    return False


def _boxes(file: PictureFile, at: int, end: int) -> Iterator[_Box]:
    for _ in range(_BOXES):
        if at + 8 > end:
            return
        size, kind = struct.unpack(">I4s", file.read(at, 8))
        head = 8
        if size == 1:
            (size,) = struct.unpack(">Q", file.read(at + 8, 8))
            head = 16
        elif size == 0:
            size = end - at
        if size < head or at + size > end:
            raise PictureDamaged("is damaged")
        yield _Box(kind, at + head, at + size)
        at += size


def _inside(file: PictureFile, box: _Box, *path: bytes) -> _Box | None:
    """The first box at this path in a box."""
    for kind in path:
        found = next((inner for inner in _boxes(file, box.at, box.end) if inner.kind == kind), None)
        if found is None:
            return None
        box = found
    return box


def _read_quicktime(file: PictureFile, tags: Tags) -> None:
    movie = next((box for box in _boxes(file, 0, file.size) if box.kind == b"moov"), None)
    if movie is None:
        raise PictureDamaged("is damaged")
    tracks = [box for box in _boxes(file, movie.at, movie.end) if box.kind == b"trak"][:_TRACKS]
    has_video = False
    for track in tracks:
        handler = _inside(file, track, b"mdia", b"hdlr")
        kind = file.read(handler.at + 8, 4) if handler is not None else b""
        if kind == b"vide" and not has_video:
            has_video = True
            _read_video(file, track, tags)
        elif kind == b"tmcd" and not tags.time_code:
            _read_time_code(file, track, tags)
    if not has_video:
        raise PictureDamaged("has no video in it")


def _read_video(file: PictureFile, track: _Box, tags: Tags) -> None:
    _read_description(file, track, tags)
    media = _inside(file, track, b"mdia", b"mdhd")
    times = _inside(file, track, b"mdia", b"minf", b"stbl", b"stts")
    if media is None or times is None:
        return
    is_long = file.read(media.at, 1)[0] == 1
    (scale,) = struct.unpack(">I", file.read(media.at + (20 if is_long else 12), 4))
    (runs,) = struct.unpack(">I", file.read(times.at + 4, 4))
    runs = min(runs, _RUNS, max(0, times.end - times.at - 8) // 8)
    values = struct.unpack(f">{2 * runs}I", file.read(times.at + 8, 8 * runs))
    frames = sum(values[::2])
    ticks = sum(count * each for count, each in zip(values[::2], values[1::2], strict=True))
    if 0 < frames < 1 << 31 and ticks:
        tags.frames = frames
        tags.set_rate(scale * frames / ticks)


def _read_description(file: PictureFile, track: _Box, tags: Tags) -> None:
    table = _inside(file, track, b"mdia", b"minf", b"stbl", b"stsd")
    if table is None or table.end - table.at < 8 + 86:
        return
    size, kind = struct.unpack(">I4s", file.read(table.at + 8, 8))
    code = kind.decode("latin-1")
    tags.codec = _CODECS.get(code, clean(code))
    tags.size = struct.unpack(">HH", file.read(table.at + 8 + 32, 4))
    end = min(table.end, table.at + 8 + size)
    for box in _boxes(file, table.at + 8 + 86, end):
        if box.kind == b"pasp":
            across, down = struct.unpack(">II", file.read(box.at, 8))
            tags.set_aspect(across / down if down else 0.0)
        elif box.kind == b"colr" and file.read(box.at, 4) in (b"nclc", b"nclx"):
            (primaries,) = struct.unpack(">H", file.read(box.at + 4, 2))
            tags.colour_space = _PRIMARIES.get(primaries, "")
        elif box.kind == b"avcC" and box.end - box.at >= 4:
            profile = file.read(box.at + 1, 1)[0]
            tags.bits = 10 if profile == 110 else 8 if profile in (66, 77, 88, 100) else 0
        elif box.kind == b"hvcC" and box.end - box.at >= 18:
            tags.bits = 8 + (file.read(box.at + 17, 1)[0] & 7)


def _read_time_code(file: PictureFile, track: _Box, tags: Tags) -> None:
    """The number of the first frame, counted from 00:00:00:00 at so many frames per second."""
    table = _inside(file, track, b"mdia", b"minf", b"stbl", b"stsd")
    offsets = _inside(file, track, b"mdia", b"minf", b"stbl", b"stco")
    if table is None or offsets is None:
        return
    flags, _, _, rate = struct.unpack(">IIIB", file.read(table.at + 8 + 20, 13))
    (where,) = struct.unpack(">I", file.read(offsets.at + 8, 4))
    (number,) = struct.unpack(">I", file.read(where, 4))
    if not 0 < rate <= 120 or number >= 24 * 3600 * rate:
        return
    if flags & 1 and rate % 30 == 0:  # drop frame: 2 numbers in 30 are left out each minute but the tenth ones
        dropped = rate // 15
        tens, rest = divmod(number, 600 * rate - 9 * dropped)
        number += 9 * dropped * tens + dropped * max(0, (rest - dropped) // (60 * rate - dropped))
    seconds, frame = divmod(number, rate)
    joint = ";" if flags & 1 else ":"
    tags.time_code = f"{seconds // 3600:02d}:{seconds // 60 % 60:02d}:{seconds % 60:02d}{joint}{frame:02d}"


def _read_avi(file: PictureFile, tags: Tags) -> None:
    """The main header, and the header and format of the first video stream."""
    at, kind = 12, b""
    for _ in range(_BOXES):
        kind, size = struct.unpack("<4sI", file.read(at, 8))
        if kind == b"LIST":
            if file.read(at + 8, 4) == b"movi":
                return
            at += 12
            continue
        if kind == b"avih":
            each, frames, width, height = struct.unpack("<I12xI12xII", file.read(at + 8, 40))
            tags.size, tags.frames = (width, height), frames
            tags.set_rate(1e6 / each if each else 0.0)
        elif kind == b"strh" and file.read(at + 8, 4) == b"vids":
            code, scale, rate = struct.unpack("<4s12xII", file.read(at + 12, 24))
            tags.codec = clean(code)
            tags.set_rate(rate / scale if scale else 0.0)
        at += 8 + size + size % 2
