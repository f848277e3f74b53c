# SPDX-License-Identifier: GPL-3.0-or-later
"""Reads start positions of tracks from a JSON file.

    {"tracks": [{"name": "corner", "frame": 1, "co": [0.25, 0.5], "pattern_size": 21, "search_size": 71}]}

`co` is 0..1 of the frame from its lower left; `pixels` may replace it, also from the lower left. `frame` is the
displayed number, such as that of the file in an image sequence; without it the track starts on the first frame. Sizes
are in pixels. Any other key is a setting of the track under Blender's name for it, such as `pattern_match` or
`motion_model`.
"""

from __future__ import annotations

import json
import math
from collections.abc import Collection
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

from ..errors import TracksFileInvalid
from ..model.counting import Counting

_FILE_LIMIT = 64 << 20
_TRACK_LIMIT = 100_000
_OWN_KEYS = frozenset({"name", "frame", "co", "pixels", "pattern_size", "search_size"})


@dataclass(frozen=True)
class StartPosition:
    """The start of a track: a clip frame, `co` in 0..1 from the lower left, sizes in pixels (0: Blender's default)."""

    name: str
    frame: int
    co: tuple[float, float]
    pattern_size: float = 0.0
    search_size: float = 0.0
    settings: dict[str, Any] = field(default_factory=dict[str, Any])


def read_tracks_file(
    path: Path, size: tuple[int, int], frame_count: int, settings: Collection[str], counting: Counting
) -> list[StartPosition]:
    """Read the start positions for footage of `size` pixels and `frame_count` frames.

    `settings` are the names of the settings that a track may have. Raises TracksFileInvalid.
    """
    try:
        with open(path, "rb") as file:
            data = file.read(_FILE_LIMIT + 1)
        if len(data) > _FILE_LIMIT:
            raise TracksFileInvalid(f"{path} is larger than {_FILE_LIMIT >> 20} MiB: it cannot be a list of tracks")
        content = json.loads(data)
    except OSError as error:
        raise TracksFileInvalid(f"{path} cannot be read: {error.strerror or error}") from error
    except (ValueError, RecursionError) as error:
        raise TracksFileInvalid(f"{path} is not JSON: {error}") from error
    entries = cast("dict[str, Any]", content).get("tracks") if isinstance(content, dict) else content
    if not isinstance(entries, list) or not entries or len(cast("list[Any]", entries)) > _TRACK_LIMIT:
        raise TracksFileInvalid(f'{path} needs a list of tracks: {{"tracks": [{{"co": [0.5, 0.5]}}, ...]}}')
    found: list[StartPosition] = []
    for number, entry in enumerate(cast("list[Any]", entries), 1):
        try:
            found.append(_start_position(entry, number, size, frame_count, settings, counting))
        except (TypeError, ValueError, KeyError, OverflowError) as error:
            raise TracksFileInvalid(f"Track {number} in {path}: {error.args[0] if error.args else error}") from error
    return found


def _start_position(
    entry: object,
    number: int,
    size: tuple[int, int],
    frame_count: int,
    settings: Collection[str],
    counting: Counting,
) -> StartPosition:
    if not isinstance(entry, dict):
        raise ValueError("it is not a mapping")
    fields = cast("dict[str, Any]", entry)
    unknown = [key for key in fields if key not in _OWN_KEYS and key not in settings]
    if unknown:
        raise ValueError(
            f"“{unknown[0]}” is no setting of a track; there are {', '.join(sorted(_OWN_KEYS | set(settings)))}"
        )
    if ("co" in fields) == ("pixels" in fields):
        raise ValueError("it needs either “co” (0..1) or “pixels”")
    x, y = _numbers(fields.get("co", fields.get("pixels")), 2)
    if "pixels" in fields:
        x, y = x / size[0], y / size[1]
    if not (0.0 <= x <= 1.0 and 0.0 <= y <= 1.0):
        raise ValueError(f"its position ({x:g}, {y:g}) is outside the frame (0..1 from the lower left)")
    shown = fields.get("frame", counting.start)
    if not isinstance(shown, int) or isinstance(shown, bool) or not 1 <= counting.clip_frame(shown) <= frame_count:
        raise ValueError(f"frame {shown!r} is not one of the frames {counting.span(1, frame_count)}")
    frame = counting.clip_frame(shown)
    pattern, search = (_numbers([fields.get(key, 0)], 1)[0] for key in ("pattern_size", "search_size"))
    if not (0 <= pattern <= max(size) and 0 <= search <= max(size)):
        raise ValueError("its pattern or search area is larger than the frame")
    if pattern and search and search < pattern:
        raise ValueError("its search area is smaller than its pattern")
    name = fields.get("name", f"Track.{number:03d}")
    if not isinstance(name, str) or not name:
        raise ValueError("its name is not a text")
    return StartPosition(name, frame, (x, y), pattern, search, {k: fields[k] for k in fields if k not in _OWN_KEYS})


def _numbers(value: object, count: int) -> list[float]:
    if not isinstance(value, list) or len(cast("list[Any]", value)) != count:
        raise ValueError(f"{value!r} is not a list of {count} numbers")
    numbers = cast("list[Any]", value)
    if not all(isinstance(n, (int, float)) and not isinstance(n, bool) and math.isfinite(n) for n in numbers):
        raise ValueError(f"{value!r} contains something that is not a number")
    return [float(n) for n in numbers]
