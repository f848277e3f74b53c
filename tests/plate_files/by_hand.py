# SPDX-License-Identifier: GPL-3.0-or-later
"""Picture files that no library at hand writes, written from their published specifications with numpy alone.

Each takes RGB of one byte, HxWx3, and returns the file.
"""

from __future__ import annotations

import struct
import zlib

import numpy as np
from numpy.typing import NDArray

Pixels = NDArray[np.uint8]

_ADAM7 = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2))


def png(rgb: Pixels, chunk: int = 0, interlaced: bool = False, bits: int = 8, alpha: bool = False) -> bytes:
    """PNG (ISO/IEC 15948): IDAT chunks of `chunk` bytes, 0 for one; without filters."""
    image = np.dstack([rgb, np.full(rgb.shape[:2], 255, np.uint8)]) if alpha else rgb
    if bits == 16:
        image = (image.astype(">u2") * 257).astype(">u2")
    passes = [image[y::down, x::across] for x, y, across, down in _ADAM7] if interlaced else [image]
    rows = b"".join(b"\0" + row.tobytes() for part in passes for row in part)
    packed = zlib.compress(rows, 9)
    header = struct.pack(">IIBBBBB", rgb.shape[1], rgb.shape[0], bits, 6 if alpha else 2, 0, 0, interlaced)
    size = chunk or len(packed)
    data = [(b"IDAT", packed[at : at + size]) for at in range(0, len(packed), size)]
    file = b"\x89PNG\r\n\x1a\n"
    for kind, body in ((b"IHDR", header), *data, (b"IEND", b"")):
        file += struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
    return file


def bmp(rgb: Pixels, bits: int = 24, top_down: bool = False) -> bytes:
    """BMP with a BITMAPINFOHEADER, 24 or 32 bit."""
    height, width = rgb.shape[:2]
    rows = rgb[:, :, ::-1] if top_down else rgb[::-1, :, ::-1]
    if bits == 32:
        rows = np.dstack([rows, np.full((height, width), 255, np.uint8)])
    flat = rows.reshape(height, -1)
    data = np.pad(flat, ((0, 0), (0, -flat.shape[1] % 4))).tobytes()
    sizes = (40, width, -height if top_down else height, 1, bits, 0, len(data), 2835, 2835, 0, 0)
    return struct.pack("<2sIHHI", b"BM", 54 + len(data), 0, 0, 54) + struct.pack("<IiiHHIIiiII", *sizes) + data


def _wide(plane: Pixels, bits: int) -> bytes:
    return (plane.astype(">u2") * 257).astype(">u2").tobytes() if bits == 16 else plane.tobytes()


def _runs(row: bytes, longest: int) -> list[tuple[int, bytes]]:
    """A row in pieces: (count, byte) for a run of three or more, (0, bytes) for what does not repeat."""
    pieces: list[tuple[int, bytes]] = []
    at = start = 0
    while at < len(row):
        end = at
        while end < len(row) and row[end] == row[at] and end - at < longest:
            end += 1
        if end - at >= 3 or end == len(row):
            pieces += [(0, row[low : min(low + longest, at)]) for low in range(start, at, longest)]
            pieces.append((end - at, row[at : at + 1]))
            start = end
        at = end
    return pieces


def sgi(rgb: Pixels, rle: bool = True, bits: int = 8, grey: bool = False) -> bytes:
    """SGI image file format 1.00: planes from below, raw or with run lengths and their tables."""
    height, width = rgb.shape[:2]
    planes = [rgb[::-1, :, channel] for channel in ((1,) if grey else (0, 1, 2))]
    head = struct.pack(">HBBHHHHII", 474, rle, bits // 8, 2 if grey else 3, width, height, len(planes), 0, 255)
    head = head.ljust(512, b"\0")
    if not rle:
        return head + b"".join(_wide(plane, bits) for plane in planes)
    packed: list[bytes] = []
    for plane in planes:
        for row in plane:
            pieces = _runs(row.tobytes(), 126)
            packed.append(b"".join(bytes([n]) + b if n else bytes([128 | len(b)]) + b for n, b in pieces) + b"\0")
    lengths = [len(row) for row in packed]
    offsets = [512 + 8 * len(packed) + sum(lengths[:index]) for index in range(len(packed))]
    return head + struct.pack(f">{2 * len(packed)}I", *offsets, *lengths) + b"".join(packed)


def hdr(rgb: Pixels, rle: bool) -> bytes:
    """Radiance RGBE: flat, or each scanline in four planes with run lengths."""
    height, width = rgb.shape[:2]
    linear = rgb.astype(np.float64) / 255
    mantissa, exponent = np.frexp(linear.max(2))
    scale = np.where(linear.max(2) > 1e-32, mantissa * 256 / np.maximum(linear.max(2), 1e-32), 0)
    rgbe = np.dstack([(linear * scale[..., None]).astype(np.uint8), (exponent + 128).astype(np.uint8)])
    head = f"#?RADIANCE\nFORMAT=32-bit_rle_rgbe\n\n-Y {height} +X {width}\n".encode()
    if not rle:
        return head + rgbe.tobytes()
    body = b""
    for row in rgbe:
        body += struct.pack(">BBH", 2, 2, width)
        for channel in range(4):
            pieces = _runs(row[:, channel].tobytes(), 127)
            body += b"".join(bytes([128 + n]) + b if n else bytes([len(b)]) + b for n, b in pieces)
    return head + body


def psd(rgb: Pixels, rle: bool, bits: int = 8) -> bytes:
    """Photoshop: header, no layers, the merged picture in planes, raw or packed with PackBits."""
    height, width = rgb.shape[:2]
    head = struct.pack(">4sH6sHIIHH", b"8BPS", 1, b"", 3, height, width, bits, 3) + struct.pack(">III", 0, 0, 0)
    planes = [rgb[:, :, channel] for channel in range(3)]
    if not rle:
        return head + struct.pack(">H", 0) + b"".join(_wide(plane, bits) for plane in planes)
    packed: list[bytes] = []
    for plane in planes:
        for row in plane:
            pieces = _runs(row.tobytes(), 128)
            packed.append(b"".join(bytes([(257 - n) % 256 if n else len(b) - 1]) + b for n, b in pieces))
    return head + struct.pack(f">H{len(packed)}H", 1, *map(len, packed)) + b"".join(packed)


def tga(rgb: Pixels, rle: bool, footer: bool, alpha: bool = False) -> bytes:
    """Truevision TGA, from below; with the footer of version 2.0 or without, as version 1.0 has it."""
    height, width = rgb.shape[:2]
    image = np.dstack([rgb[:, :, ::-1], np.full((height, width), 255, np.uint8)]) if alpha else rgb[:, :, ::-1]
    depth = image.shape[2]
    head = struct.pack("<BBBHHBHHHHBB", 0, 0, 10 if rle else 2, 0, 0, 0, 0, 0, width, height, 8 * depth, 8 * alpha)
    data = b"".join(_tga_row(row) for row in image[::-1]) if rle else image[::-1].tobytes()
    return head + data + (struct.pack("<II", 0, 0) + b"TRUEVISION-XFILE.\0" if footer else b"")


def _tga_row(row: Pixels) -> bytes:
    pixels = [pixel.tobytes() for pixel in row]
    packed, at = b"", 0
    while at < len(pixels):
        end = at + 1
        while end < len(pixels) and end - at < 128 and pixels[end] == pixels[at]:
            end += 1
        if end - at > 1:
            packed += bytes([127 + end - at]) + pixels[at]
        else:
            while end < len(pixels) and end - at < 128 and (end + 1 == len(pixels) or pixels[end] != pixels[end + 1]):
                end += 1
            packed += bytes([end - at - 1]) + b"".join(pixels[at:end])
        at = end
    return packed


def dpx(rgb: Pixels, order: str, bits: int = 10, start: int = 2048) -> bytes:
    """SMPTE 268M: RGB of 10 bit filled to 32 (method A), or of 8, 12 (filled to 16) or 16; `order` is > or <."""
    height, width = rgb.shape[:2]
    deep = rgb.astype(np.uint32) * ((1 << bits) - 1) // 255
    if bits == 10:
        data = (deep[..., 0] << 22 | deep[..., 1] << 12 | deep[..., 2] << 2).astype(order + "u4").tobytes()
    elif bits == 8:
        data = rgb.tobytes()
    else:
        data = (deep << (16 - bits)).astype(order + "u2").tobytes()
    none = 0xFFFFFFFF
    sizes = (start + len(data), 1, 1664, 384, 0)
    head = struct.pack(order + "II8sIIIII100s", 0x53445058, start, b"V1.0", *sizes, b"plate.dpx")
    head = head.ljust(660, b"\0") + struct.pack(order + "I", none)
    head = head.ljust(768, b"\0") + struct.pack(order + "HHII", 0, 1, width, height)
    packing = 1 if bits in (10, 12) else 0
    high = (1 << bits) - 1
    head += struct.pack(order + "IIfIfBBBBHHIII", 0, 0, 0.0, high, 0.0, 50, 2, 2, bits, packing, 0, start, 0, 0)
    return head.ljust(start, b"\xff") + data


def cineon(rgb: Pixels) -> bytes:
    """Kodak Cineon 4.5: three channels of 10 bit in 32, big-endian."""
    height, width = rgb.shape[:2]
    deep = rgb.astype(np.uint32) * 1023 // 255
    data = (deep[..., 0] << 22 | deep[..., 1] << 12 | deep[..., 2] << 2).astype(">u4").tobytes()
    head = struct.pack(">IIIIII8s100s12s12s", 0x802A5FD7, 2048, 1024, 1024, 0, 2048 + len(data), b"V4.5", b"", b"", b"")
    head = head.ljust(192, b"\0") + struct.pack(">BBH", 0, 3, 0)
    for channel in (1, 2, 3):
        head += struct.pack(">BBBBIIffff", 0, channel, 10, 0, width, height, 0.0, 0.0, 1023.0, 2.046)
    head = head.ljust(680, b"\0") + struct.pack(">BBBBIII", 0, 5, 0, 0, 0, 0, 0)
    return head.ljust(2048, b"\0") + data


def with_thumbnail(jpeg: bytes, small: bytes) -> bytes:
    """A JPEG with an Exif segment that holds `small`, a whole JPEG with an end mark of its own."""
    tiff = b"II*\0" + struct.pack("<I", 8) + struct.pack("<HI", 0, 14)
    tags = ((0x103, 3, 1, 6), (0x201, 4, 1, 14 + 2 + 3 * 12 + 4), (0x202, 4, 1, len(small)))
    tiff += struct.pack("<H", 3) + b"".join(struct.pack("<HHII", *tag) for tag in tags) + struct.pack("<I", 0) + small
    body = b"Exif\0\0" + tiff
    return jpeg[:2] + b"\xff\xe1" + struct.pack(">H", len(body) + 2) + body + jpeg[2:]
