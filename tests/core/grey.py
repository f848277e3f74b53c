# SPDX-License-Identifier: GPL-3.0-or-later
"""Small pictures for tests that look at no pixels."""

import struct
import zlib


def grey_png(text: bytes = b"", width: int = 8, height: int = 6) -> bytes:
    """A grey picture with a text in it, so that it differs from others."""
    chunks = (
        (b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)),
        (b"tEXt", b"Comment\0" + text),
        (b"IDAT", zlib.compress(bytes((width + 1) * height))),
        (b"IEND", b""),
    )
    data = b"\x89PNG\r\n\x1a\n"
    for kind, body in chunks:
        data += struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
    return data
