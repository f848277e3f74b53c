# SPDX-License-Identifier: GPL-3.0-or-later
"""Markers and settings of Blender's tracks, as packed markers (`core.journal.rows.MARKER`) and back, bit for bit.

`foreach_get` and `foreach_set` move them without the clamping and tagging of attribute writes: many markers in whole
columns, a thousand times cheaper than attributes, and few markers of a long track one by one.
"""

from __future__ import annotations

import hashlib
from array import array
from bisect import bisect_left
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple

from ...core.errors import ClipChanged, ShotUnusable
from ...core.journal.rows import (
    CO,
    CORNERS,
    FLAGS,
    FRAME,
    KEYED,
    MARKER,
    MARKER_SIZE,
    MUTED,
    SEARCH_MAX,
    SEARCH_MIN,
    TRACK,
    bytes_of,
    column_of,
    count_rows,
    equal_at_end,
    equal_at_start,
    flags_of,
    frame_of,
    head_of,
    is_muted,
    join_rows,
    positions_of,
    split_rows,
    width_of,
    with_flags,
)

if TYPE_CHECKING:
    from bpy.types import MovieTrackingMarker, MovieTrackingTrack

SETTINGS = (
    "pattern_match",
    "motion_model",
    "correlation_min",
    "margin",
    "frames_limit",
    "use_brute",
    "use_normalization",
    "use_mask",
    "use_red_channel",
    "use_green_channel",
    "use_blue_channel",
    "use_grayscale_preview",
    "use_alpha_preview",
    "weight",
    "weight_stab",
    "offset",
)
"""The settings that the tracker or a solve reads."""

APPEARANCE = (
    "select",
    "select_anchor",
    "select_pattern",
    "select_search",
    "hide",
    "lock",
    "use_custom_color",
    "color",
)
"""Further attributes that a track gets when it is made again."""

COLUMNS = {"co": CO, "pattern_corners": CORNERS, "search_min": SEARCH_MIN, "search_max": SEARCH_MAX}
BESIDE = 2  # markers beside moved ones that are read as well: the tracker changes their flags
READS_FROM = 8  # so many times cheaper is one marker in whole columns
COLUMNS_FROM = 64  # markers from which whole columns are faster, in short and in long tracks


class Columns(NamedTuple):
    """All markers of a track by frame, in columns as Blender hands them over: cheaper to compare than to pack."""

    frames: bytes
    flags: bytes
    values: tuple[bytes, ...]  # of `COLUMNS`

    def rows(self, number: int, start: int = 0, end: int | None = None) -> bytes:
        """The markers from index `start` up to `end`, packed, with `number` as their track id."""
        flags = self.flags[start:end]
        count = len(flags)
        words = array("i", bytes(count * MARKER_SIZE))
        words[TRACK] = array("i", [number]) * count
        words[FRAME] = array("i", self.frames)[start:end]
        for place, values in zip(COLUMNS.values(), self.values, strict=True):
            width = width_of(place)
            bits = array("i", values[start * 4 * width : (start + count) * 4 * width])
            for i in range(width):
                words[column_of(place, i)] = bits[i::width]
        return with_flags(words.tobytes(), flags)

    def rows_after(self, before: Columns, known: bytes, number: int) -> bytes:
        """As `rows`, if the columns `before` are the rows `known` of that number: packs only what differs from them."""
        pairs = [(self.frames, before.frames, 4), (self.flags, before.flags, 1)]
        for place, now, then in zip(COLUMNS.values(), self.values, before.values, strict=True):
            pairs.append((now, then, 4 * width_of(place)))
        start = min(equal_at_start(*pair) for pair in pairs)
        count, there = len(self.flags), len(before.flags)
        end = min(*(equal_at_end(*pair) for pair in pairs), count - start, there - start)
        changed = self.rows(number, start, count - end)
        return b"".join((known[: start * MARKER_SIZE], changed, known[(there - end) * MARKER_SIZE :]))


def read_columns(track: MovieTrackingTrack) -> Columns:
    """All markers of the track."""
    markers = track.markers
    count = len(markers)
    if not count:
        return Columns(b"", b"", (b"",) * len(COLUMNS))
    mute, keyed = (_bits(markers, name, count) for name in ("mute", "is_keyed"))
    values: list[bytes] = []
    for name, place in COLUMNS.items():
        column = array("f", bytes(4 * width_of(place) * count))
        markers.foreach_get(name, column)
        values.append(column.tobytes())
    return Columns(_frames(markers, count), (mute * MUTED | keyed * KEYED).to_bytes(count, "little"), tuple(values))


def _frames(markers: Any, count: int) -> bytes:
    """The frames of all markers. Blender keeps them by frame: without a gap the first and the last one tell them."""
    first, last = markers[0].frame, markers[count - 1].frame
    if last - first == count - 1:
        return _run(first, last)
    frames = array("i", bytes(4 * count))
    markers.foreach_get("frame", frames)
    return frames.tobytes()


@lru_cache(maxsize=16)
def _run(first: int, last: int) -> bytes:
    return array("i", range(first, last + 1)).tobytes()


def read_rows(track: MovieTrackingTrack, number: int) -> bytes:
    """All markers of the track, packed, by frame, with `number` as their track id."""
    return read_columns(track).rows(number)


def read_moved(track: MovieTrackingTrack, number: int, known: bytes) -> bytes:
    """As `read_rows`, but reads whole only the markers that were added, removed or moved, and `BESIDE` ones beside.

    The others are as in `known`, the markers before: for changes that leave them alone, as those by the tracker do.
    """
    markers = track.markers
    count, before = len(markers), count_rows(known)
    size = 4 * width_of(CO)
    column = array("f", bytes(size * count))
    if count:
        markers.foreach_get("co", column)
    now, then = column.tobytes(), positions_of(known)
    start = max(0, equal_at_start(now, then, size) - BESIDE)
    end = max(0, min(equal_at_end(now, then, size) - BESIDE, count - start, before - start))
    if (count - start - end) * READS_FROM > count:
        return read_rows(track, number)
    is_same = _has_frames(markers, 0, known[: start * MARKER_SIZE])
    if not is_same or not _has_frames(markers, count - end, known[(before - end) * MARKER_SIZE :]):
        return read_rows(track, number)
    changed = [read_row(markers[index], number) for index in range(start, count - end)]
    return b"".join((known[: start * MARKER_SIZE], *changed, known[(before - end) * MARKER_SIZE :]))


def _has_frames(markers: Any, start: int, rows: bytes) -> bool:
    """Whether the markers from `start` on have the frames of the rows, as far as the ends tell: only without a gap."""
    count = count_rows(rows)
    if not count:
        return True
    ends = frame_of(rows), frame_of(rows[-MARKER_SIZE:])
    return ends[1] - ends[0] == count - 1 and ends == (markers[start].frame, markers[start + count - 1].frame)


def _bits(markers: Any, name: str, count: int) -> int:
    """A boolean of all markers, each in a byte of a long number, which is far faster than a number for each."""
    values = bytearray(count)
    markers.foreach_get(name, memoryview(values).cast("?"))
    return int.from_bytes(values, "little")


def read_row(marker: MovieTrackingMarker, number: int) -> bytes:
    """One marker, packed, with `number` as its track id."""
    corners = array("f", bytes(4 * width_of(CORNERS)))
    marker.pattern_corners.foreach_get(corners)
    flags = MUTED * marker.mute | KEYED * marker.is_keyed
    return MARKER.pack(number, marker.frame, flags, *marker.co, *corners, *marker.search_min, *marker.search_max)


def write_rows(track: MovieTrackingTrack, rows: bytes) -> None:
    """Replace all markers of the track by these packed ones, by frame; at least one."""
    words = array("i", rows)
    _make_frames(track, words[FRAME])
    markers = track.markers
    for name, place in COLUMNS.items():
        width = width_of(place)
        bits = array("i", bytes(4 * width * count_rows(rows)))
        for i in range(width):
            bits[i::width] = words[column_of(place, i)]
        markers.foreach_set(name, array("f", bits.tobytes()))
    flags = words[FLAGS]
    markers.foreach_set("mute", [bool(f & MUTED) for f in flags])
    markers.foreach_set("is_keyed", [bool(f & KEYED) for f in flags])


def _make_frames(track: MovieTrackingTrack, frames: array[int]) -> None:
    """Insert and delete markers until the track has one on each of `frames` and no others."""
    markers = track.markers
    there = array("i", bytes(4 * len(markers)))
    markers.foreach_get("frame", there)
    have, want = set(there), set(frames)
    # Blender makes negative frames when it tracks past the beginning, but takes them for 0 in calls: move the markers
    beyond = max(there[-1], frames[-1]) + 1
    for frame in sorted(want - have):
        markers.insert_frame(beyond if frame < 0 else frame)
        if frame < 0:
            markers[len(markers) - 1].frame = frame
    for frame in have - want:
        if frame < 0:
            next(marker for marker in markers if marker.frame == frame).frame = beyond
        markers.delete_frame(beyond if frame < 0 else frame)


def merge_rows(track: MovieTrackingTrack, rows: Mapping[int, bytes]) -> None:
    """Write packed markers, by frame, to the track; its other markers stay."""
    if not rows:
        return
    markers = track.markers
    frames = sorted(rows)
    if frames[0] < 0 or markers[0].frame < 0:  # see _make_frames
        merged = join_rows({**split_rows(read_rows(track, 0)), **rows})
        return write_rows(track, merged)
    if len(frames) < COLUMNS_FROM:
        return _merge_few(track, [rows[frame] for frame in frames])
    for frame in frames:
        if markers.find_frame(frame) is None:
            markers.insert_frame(frame)
    count = len(markers)
    at = _places(track, frames)
    for name, place in COLUMNS.items():
        values, size = bytes_of(place), 4 * width_of(place)
        column = array("f", bytes(size * count))
        markers.foreach_get(name, column)
        view = memoryview(column).cast("B")
        for frame, row in rows.items():
            start = at[frame] * size
            view[start : start + size] = row[values]
        view.release()
        markers.foreach_set(name, column)
    for frame, row in rows.items():
        marker = markers[at[frame]]
        mute, keyed = is_muted(row), bool(flags_of(row) & KEYED)
        if marker.mute != mute:
            marker.mute = mute
        if marker.is_keyed != keyed:
            marker.is_keyed = keyed


def _merge_few(track: MovieTrackingTrack, rows: Iterable[bytes]) -> None:
    """Write packed markers one by one; most of the time goes to Blender, which moves all markers for each new one."""
    markers = track.markers
    find, insert = markers.find_frame, markers.insert_frame
    last = markers[len(markers) - 1].frame
    for row in rows:
        _, frame, flags = head_of(row)
        words = memoryview(row).cast("f")
        marker: Any = find(frame) if frame <= last else None
        if marker is None:
            marker, was = insert(frame), KEYED  # as Blender makes it
        else:
            was = MUTED * marker.mute | KEYED * marker.is_keyed
        resolve = marker.path_resolve  # a resolved property takes values unchanged, an attribute clamps them
        resolve("co", False).foreach_set(words[CO])
        marker.pattern_corners.foreach_set(words[CORNERS])
        resolve("search_min", False).foreach_set(words[SEARCH_MIN])
        resolve("search_max", False).foreach_set(words[SEARCH_MAX])
        if (flags ^ was) & MUTED:
            marker.mute = bool(flags & MUTED)
        if (flags ^ was) & KEYED:
            marker.is_keyed = bool(flags & KEYED)


def _places(track: MovieTrackingTrack, frames: Iterable[int]) -> dict[int, int]:
    """The indices of the markers on `frames`, ascending. Reading all frames of a long track costs far more."""
    markers = track.markers
    places: dict[int, int] = {}
    place = -1
    for frame in frames:
        place += 1
        if not place or markers[place].frame != frame:
            place = bisect_left(range(len(markers)), frame, key=lambda index: markers[index].frame)
        places[frame] = place
    return places


def read_settings(track: MovieTrackingTrack, names: Iterable[str] = SETTINGS + APPEARANCE) -> dict[str, Any]:
    """The settings of the track as plain values, and a digest of its mask if it uses one."""
    settings: dict[str, Any] = {}
    for name in names:
        value = getattr(track, name)
        settings[name] = value if isinstance(value, (bool, int, float, str)) else list(value)
    settings["mask"] = mask_digest(track)
    return settings


def write_settings(track: MovieTrackingTrack, settings: Mapping[str, Any]) -> None:
    """Set the values of `read_settings`. Raises ClipChanged for another mask, or a value that cannot be set."""
    for name in SETTINGS + APPEARANCE:
        if name in settings and hasattr(track, name) and settings[name] != "":  # empty: this Blender did not know it
            try:
                setattr(track, name, settings[name])
            except (TypeError, ValueError) as error:
                raise ClipChanged(f"Blender cannot set the recorded {name} of track “{track.name}”: {error}") from error
    if settings.get("mask", "") != mask_digest(track):
        raise ClipChanged(
            f"The mask of track “{track.name}” differs from the recorded one: restore its annotation, "
            "or start a fresh session"
        )


def check_settings(track: MovieTrackingTrack) -> None:
    """Raise ShotUnusable for a setting that this Blender does not know: it reads as empty, and cannot be copied."""
    for name in SETTINGS:
        if getattr(track, name) == "":
            setting: Any = track.bl_rna.properties[name]
            raise ShotUnusable(
                f"Track “{track.name}” has a {setting.name} that this Blender does not know, perhaps of a newer one: "
                f"choose one of {', '.join(item.name for item in setting.enum_items)}"
            )


def mask_name(track: MovieTrackingTrack) -> str:
    """Blender's name for the annotation of a track, which changed in 5.0."""
    return "annotation" if hasattr(track, "annotation") else "grease_pencil"


def mask_digest(track: MovieTrackingTrack) -> str:
    """A digest of the track's mask; empty if the track uses none."""
    annotation = getattr(track, mask_name(track)) if track.use_mask else None
    if annotation is None:
        return ""
    digest = hashlib.blake2b(digest_size=16)
    for layer in annotation.layers:
        for frame in layer.frames:
            for stroke in frame.strokes:
                digest.update(repr([tuple(point.co) for point in stroke.points]).encode())
    return digest.hexdigest()
