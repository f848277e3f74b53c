# SPDX-License-Identifier: GPL-3.0-or-later
"""Tags in the headers of OpenEXR, DPX, Cineon, PNG and JPEG files."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable

from .exif import read_exif
from .file import PictureDamaged, PictureFile
from .tags import Tags, clean

_ATTRIBUTES = 256  # of an EXR, at most
_VALUE = 64 << 10  # bytes of one that is read
_CHUNKS = 64  # chunks of a PNG or segments of a JPEG before its pixels, at most
_EXR_CODECS = ("uncompressed", "RLE", "ZIPS", "ZIP", "PIZ", "PXR24", "B44", "B44A", "DWAA", "DWAB")
_EXR_TEXTS = {
    "cameraMake": "camera make",
    "cameraModel": "camera model",
    "cameraLabel": "camera",
    "lensMake": "lens make",
    "lensModel": "lens model",
    "capDate": "date",
}
_EXR_NUMBERS = {
    "focalLength": "focal length (mm)",
    "nominalFocalLength": "focal length (mm)",
    "effectiveFocalLength": "effective focal length (mm)",
    "focus": "focus distance (m)",
    "aperture": "f-number",
    "tStop": "T-stop",
    "expTime": "exposure time (s)",
    "isoSpeed": "ISO",
    "shutterOpening": "shutter (degrees)",
}
_PRIMARIES = {  # x and y of red, green, blue
    (0.64, 0.33, 0.30, 0.60, 0.15, 0.06): "Rec.709 primaries",
    (0.7347, 0.2653, 0.0, 1.0, 0.0001, -0.077): "ACES AP0 primaries",
    (0.713, 0.293, 0.165, 0.83, 0.128, 0.044): "ACES AP1 primaries",
    (0.68, 0.32, 0.265, 0.69, 0.15, 0.06): "P3 primaries",
    (0.708, 0.292, 0.17, 0.797, 0.131, 0.046): "Rec.2020 primaries",
}
_TRANSFERS = {
    1: "printing density",
    2: "linear",
    3: "logarithmic",
    5: "SMPTE 274M",
    6: "Rec.709",
    7: "Rec.601 625",
    8: "Rec.601 525",
    9: "NTSC",
    10: "PAL",
}


def read_exr(file: PictureFile, tags: Tags) -> None:
    """The attributes of the first header (“OpenEXR File Layout”, “Standard Attributes”). Raises PictureDamaged."""
    tags.format, tags.is_float = "OpenEXR", True
    at = 8
    for _ in range(_ATTRIBUTES):
        name, at = _text(file, at)
        if not name:
            return
        _, at = _text(file, at)
        (size,) = struct.unpack("<I", file.read(at, 4))
        if at + 4 + size > file.size:
            raise PictureDamaged("is damaged")
        if size <= _VALUE:
            _exr_attribute(name, file.read(at + 4, size), tags)
        at += 4 + size


def _text(file: PictureFile, at: int) -> tuple[str, int]:
    data = file.read(at, min(256, max(0, file.size - at)))
    end = data.find(0)
    if end < 0:
        raise PictureDamaged("is damaged")
    return data[:end].decode("latin-1"), at + end + 1


def _exr_attribute(name: str, value: bytes, tags: Tags) -> None:
    try:
        if name == "compression" and value:
            tags.codec = _EXR_CODECS[value[0]] if value[0] < len(_EXR_CODECS) else f"compression {value[0]}"
        elif name == "channels":
            kind = struct.unpack_from("<I", value, value.index(0) + 1)[0]
            tags.bits, tags.is_float = 16 if kind == 1 else 32, kind != 0
        elif name == "dataWindow":
            left, top, right, bottom = struct.unpack("<4i", value)
            tags.size = right - left + 1, bottom - top + 1
        elif name == "pixelAspectRatio":
            tags.set_aspect(*struct.unpack("<f", value))
        elif name == "framesPerSecond":
            above, below = struct.unpack("<iI", value)
            tags.set_rate(above / below if below else 0.0)
        elif name == "timeCode":
            tags.set_time_code(struct.unpack("<I", value[:4])[0])
        elif name == "chromaticities":
            tags.colour_space = tags.colour_space or _primaries(struct.unpack("<8f", value))
        elif name in ("colorInteropID", "oiio:ColorSpace"):
            tags.colour_space = clean(value) or tags.colour_space
        elif name in _EXR_TEXTS:
            tags.note(_EXR_TEXTS[name], value)
        elif name in _EXR_NUMBERS:
            tags.note(_EXR_NUMBERS[name], struct.unpack("<f" if len(value) == 4 else "<d", value)[0])
    except (struct.error, ValueError):
        pass  # the attribute is damaged, others need not be


def _primaries(values: tuple[float, ...]) -> str:
    for known, name in _PRIMARIES.items():
        if all(abs(a - b) < 0.002 for a, b in zip(known, values, strict=False)):
            return name
    return "primaries of its own"


def read_dpx(file: PictureFile, tags: Tags) -> None:
    """SMPTE 268M: the generic, orientation, film and television headers. Raises PictureDamaged, struct.error."""
    order = ">" if file.head.startswith(b"SDPX") else "<"
    tags.format = "DPX"

    def number(form: str, at: int) -> float:
        return struct.unpack(order + form, file.read(at, struct.calcsize(form)))[0]

    tags.size = int(number("I", 772)), int(number("I", 776))
    transfer, bits, encoding = int(number("B", 801)), int(number("B", 803)), int(number("H", 806))
    tags.bits = bits if bits in (1, 8, 10, 12, 16, 32, 64) else 0
    tags.is_float = bits in (32, 64)
    tags.codec = "RLE" if encoding == 1 else "uncompressed"
    tags.colour_space = _TRANSFERS.get(transfer, "")
    across, down = number("I", 1628), number("I", 1632)
    if 0 < across < 0xFFFFFFFF and 0 < down < 0xFFFFFFFF:
        tags.set_aspect(across / down)
    tags.note("device", file.read(1556, 32))
    for at in (1724, 1940):  # film, television
        if not tags.fps:
            tags.set_rate(number("f", at))
    tags.set_time_code(int(number("I", 1920)))


def read_cineon(file: PictureFile, tags: Tags) -> None:
    """Kodak's “Cineon Image File Format”, draft 1.7. Raises PictureDamaged, struct.error."""
    order = ">" if file.head.startswith(b"\x80\x2a") else "<"
    tags.format, tags.codec, tags.colour_space = "Cineon", "uncompressed", "printing density"
    tags.bits = file.read(198, 1)[0]
    tags.size = struct.unpack(order + "II", file.read(200, 8))
    tags.set_rate(struct.unpack(order + "f", file.read(1072, 4))[0] if file.size >= 1076 else 0.0)


def read_png(file: PictureFile, tags: Tags) -> None:
    """The chunks before the pixels (https://www.w3.org/TR/png-3/, section 11). Raises PictureDamaged, struct.error."""
    tags.format, tags.codec = "PNG", "Deflate"
    at = 8
    for _ in range(_CHUNKS):
        length, kind = struct.unpack(">I4s", file.read(at, 8))
        if kind in (b"IDAT", b"IEND"):
            return
        if at + 12 + length > file.size:
            raise PictureDamaged("is damaged")
        data = file.read(at + 8, min(length, _VALUE))
        if length <= _VALUE and zlib.crc32(kind + data) == struct.unpack(">I", file.read(at + 8 + length, 4))[0]:
            _png_chunk(kind, data, tags)
        at += 12 + length


def _png_chunk(kind: bytes, data: bytes, tags: Tags) -> None:
    try:
        if kind == b"IHDR":
            width, height, tags.bits = struct.unpack(">IIB", data[:9])
            tags.size = width, height
        elif kind == b"pHYs":
            across, down = struct.unpack(">II", data[:8])
            tags.set_aspect(down / across if across else 0.0)
        elif kind == b"sRGB":
            tags.colour_space = "sRGB"
        elif kind == b"iCCP":
            tags.colour_space = clean(data[:80]) or "an ICC profile"
        elif kind == b"cICP" and len(data) >= 2:
            tags.colour_space = f"cICP {data[0]}, {data[1]}"
        elif kind == b"gAMA" and not tags.colour_space:
            tags.colour_space = f"gamma {100_000 / max(1, struct.unpack('>I', data)[0]):.3g}"
        elif kind == b"eXIf":
            read_exif(data, tags, is_picture=False)
        elif kind == b"tEXt":
            name, _, text = data.partition(b"\0")
            _named_text(clean(name), text, tags)
    except (struct.error, IndexError, PictureDamaged):
        pass  # the chunk is damaged, others need not be


def _named_text(name: str, text: bytes, tags: Tags) -> None:
    """Blender writes its stamp so."""
    if name.lower() == "timecode" and not tags.time_code:
        tags.time_code = clean(text)[:16]
    elif name.lower() in ("camera", "lens"):
        tags.note(name.lower(), text)


def read_jpeg(file: PictureFile, tags: Tags) -> None:
    """The segments before the scan (ITU-T T.81, annex B; JFIF 1.02; EXIF 2.3). Raises PictureDamaged, struct.error."""
    tags.format, tags.codec = "JPEG", "JPEG"
    at = 2
    for _ in range(_CHUNKS):
        mark, kind, length = struct.unpack(">BBH", file.read(at, 4))
        if mark != 0xFF or length < 2:
            raise PictureDamaged("is damaged")
        if kind == 0xDA:
            return
        data = file.read(at + 4, length - 2)
        if 0xC0 <= kind <= 0xCF and kind not in (0xC4, 0xC8, 0xCC):
            tags.bits, height, width = struct.unpack(">BHH", data[:5])
            tags.size = width, height
            tags.codec = "progressive JPEG" if kind == 0xC2 else "JPEG"
        elif kind == 0xE0 and data[:5] == b"JFIF\0":
            across, down = struct.unpack(">HH", data[8:12])
            tags.set_aspect(down / across if across else 0.0)
        elif kind == 0xE1 and data[:6] == b"Exif\0\0":
            _exif_of_jpeg(data[6:], tags)
        elif kind == 0xE2 and data[:11] == b"ICC_PROFILE":
            tags.colour_space = "an ICC profile"
        at += 2 + length


def _exif_of_jpeg(data: bytes, tags: Tags) -> None:
    try:
        read_exif(data, tags, is_picture=False)
    except (PictureDamaged, struct.error, IndexError):
        pass  # the tags are damaged, the picture need not be


def read_tiff(file: PictureFile, tags: Tags) -> None:
    tags.format = "TIFF"
    read_exif(file, tags, is_picture=True)


READERS: tuple[tuple[tuple[bytes, ...], Callable[[PictureFile, Tags], None]], ...] = (
    ((b"\x76\x2f\x31\x01",), read_exr),
    ((b"SDPX", b"XPDS"), read_dpx),
    ((b"\x80\x2a\x5f\xd7", b"\xd7\x5f\x2a\x80"), read_cineon),
    ((b"\x89PNG\r\n\x1a\n",), read_png),
    ((b"\xff\xd8\xff",), read_jpeg),
    ((b"II*\x00", b"MM\x00*", b"II+\x00", b"MM\x00+"), read_tiff),
)
"""The reader of tags for files that begin so."""
