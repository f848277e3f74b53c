# SPDX-License-Identifier: GPL-3.0-or-later
"""The tags of a picture file, or a movie's: what its header says beside the size. No pixel is decoded.

Every value is untrusted: lengths are checked before they are believed, and damage ends the reading of a header, which
keeps what was read before it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

TEXT_LIMIT = 200  # characters of a tag
_TAG_LIMIT = 64
LARGEST_RATE = 100_000.0  # frames per second; a damaged header says more


@dataclass
class Tags:
    """`aspect`: of a pixel, width to height; 0 and empty texts are unknown. `bits`: of a channel. `duration`: seconds.
    `camera`: tags about camera and lens by their names, in the units that the names say."""

    format: str = ""
    size: tuple[int, int] = (0, 0)
    aspect: float = 0.0
    fps: float = 0.0
    frames: int = 0
    bits: int = 0
    is_float: bool = False
    codec: str = ""
    colour_space: str = ""
    time_code: str = ""
    camera: dict[str, str] = field(default_factory=dict[str, str])

    def note(self, name: str, value: object) -> None:
        """Add a tag about camera or lens, if the value says anything."""
        text = clean(value) if isinstance(value, (str, bytes)) else number_words(value)
        if text and len(self.camera) < _TAG_LIMIT:
            self.camera.setdefault(name, text)

    def set_rate(self, rate: float) -> None:
        if math.isfinite(rate) and 0 < rate <= LARGEST_RATE:
            self.fps = round(rate, 6)

    def set_aspect(self, aspect: float) -> None:
        if math.isfinite(aspect) and 0.05 < aspect < 20:
            self.aspect = round(aspect, 6)

    def set_time_code(self, word: int) -> None:
        """SMPTE 12M: binary coded decimals of hours, minutes, seconds, frames, from the highest byte down."""
        masks = (0x3F, 0x7F, 0x7F, 0x3F)
        parts = [word >> shift & mask for shift, mask in zip((24, 16, 8, 0), masks, strict=True)]
        if word in (0xFFFFFFFF, 0) or any(part & 0xF > 9 for part in parts):
            return
        hours, minutes, seconds, frames = ((part >> 4) * 10 + (part & 0xF) for part in parts)
        if hours < 24 and minutes < 60 and seconds < 60:
            drop = ";" if word & 0x40 else ":"
            self.time_code = f"{hours:02d}:{minutes:02d}:{seconds:02d}{drop}{frames:02d}"


def clean(text: str | bytes) -> str:
    """A text of a file up to its first zero byte, printable and short; empty for one without content."""
    if isinstance(text, bytes):
        text = text[: 4 * TEXT_LIMIT].partition(b"\0")[0].decode("utf-8", "replace")
    line = "".join(letter if letter.isprintable() and letter != "\ufffd" else " " for letter in text[: 4 * TEXT_LIMIT])
    return " ".join(line.split())[:TEXT_LIMIT]


def number_words(value: object) -> str:
    if isinstance(value, int):
        return str(value)
    if isinstance(value, float) and math.isfinite(value):
        return f"{value:.6g}"
    return ""
