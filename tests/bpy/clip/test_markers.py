# SPDX-License-Identifier: GPL-3.0-or-later
"""Markers and settings, packed and unpacked, are equal to the bit."""

import random
import struct
from pathlib import Path
from typing import Any

import bpy
import pytest

from tracking_sessions.bridge.clip.markers import (
    COLUMNS_FROM,
    merge_rows,
    read_columns,
    read_moved,
    read_rows,
    read_settings,
    write_rows,
    write_settings,
)
from tracking_sessions.core.errors import ClipChanged
from tracking_sessions.core.journal.rows import (
    KEYED,
    MARKER,
    MARKER_SIZE,
    MUTED,
    count_rows,
    flags_of,
    split_rows,
    with_flags,
)
from tracking_sessions.tests.footage import make_shot


@pytest.fixture
def clip(tmp_path: Path) -> Any:
    return bpy.data.movieclips.load(str(make_shot(tmp_path, 2, 64, 48, tracks=0).files[0]))


def new_track(clip: Any, name: str = "Track") -> Any:
    return clip.tracking.tracks.new(name=name, frame=1)


EXTREMES = (0.0, -0.0, 1.0, 1e-45, -1e-38, 3.4e38, -3.4e38, 0.1, 1 / 3, float("inf"), -float("inf"), 2**-24, 1 - 2**-24)


def random_rows(rng: random.Random, frames: list[int]) -> dict[int, bytes]:
    """Markers of random numbers: far outside the frame, with empty or inverted search areas."""
    rows = {}
    for frame in sorted(frames):
        values = [rng.choice(EXTREMES) if rng.random() < 0.5 else rng.uniform(-2, 2) for _ in range(14)]
        if rng.random() < 0.2:
            values[10:] = [0.0] * 4
        rows[frame] = MARKER.pack(7, frame, rng.choice((0, MUTED, KEYED, MUTED | KEYED)), *values)
    return rows


def joined(rows: dict[int, bytes]) -> bytes:
    return b"".join(row for _, row in sorted(rows.items()))


@pytest.mark.parametrize("stands", [False, True])
@pytest.mark.parametrize("seed", range(5))
def test_moved_markers_are_read_as_if_all_were(clip: Any, seed: int, stands: bool) -> None:
    """As the tracker changes them: a run of frames set anew, a border beside it; also while a pattern stands."""
    rng = random.Random(seed)
    values = tuple(rng.random() for _ in range(14))
    track = new_track(clip)
    frames = [*range(1, 400)] if rng.random() < 0.5 else [*range(1, 200), *range(210, 400)]
    rows = {frame: MARKER.pack(7, frame, 0, *values) for frame in frames}
    write_rows(track, joined(rows))
    for _ in range(20):
        known = read_rows(track, 7)
        first, length = rng.randrange(1, 420), rng.randrange(12)
        for frame in range(first, first + length):
            rows[frame] = MARKER.pack(7, frame, 0, *(values if stands else [rng.random() for _ in range(14)]))
        if length and rng.random() < 0.5:
            rows[first + length] = MARKER.pack(7, first + length, MUTED | KEYED, *values)
        for frame in rng.sample(sorted(rows), rng.choice((0, 0, 1, 3))):
            del rows[frame]
        write_rows(track, joined(rows))
        if not stands:  # else only flags have changed, perhaps far from any other change
            assert read_moved(track, 7, known) == joined(rows)
        else:
            moved = read_moved(track, 7, known)
            assert list(split_rows(moved)) == sorted(rows) and count_rows(moved) == len(rows)
    assert read_moved(track, 7, b"") == joined(rows) == read_moved(track, 7, read_rows(track, 7))


@pytest.mark.parametrize("seed", range(5))
def test_columns_are_packed_where_they_differ(clip: Any, seed: int) -> None:
    rng = random.Random(seed)
    track = new_track(clip)
    rows = random_rows(rng, [*range(1, 60), *range(70, 100)])
    write_rows(track, joined(rows))
    before, known = read_columns(track), read_rows(track, 7)
    assert read_columns(track).rows_after(before, known, 7) == known
    for _ in range(20):
        for frame in rng.sample(range(-3, 110), rng.choice((1, 1, 2, 9))):
            row = rows.get(frame)
            if row is None or rng.random() < 0.5:
                rows |= random_rows(rng, [frame])
            elif rng.random() < 0.3 and len(rows) > 1:
                del rows[frame]
            else:  # a flag only
                flags = flags_of(row) ^ rng.choice((MUTED, KEYED))
                rows[frame] = with_flags(row[:8] + bytes(4) + row[12:], bytes([flags]))
        write_rows(track, joined(rows))
        now = read_columns(track)
        assert now.rows_after(before, known, 7) == joined(rows) == now.rows(7)
        before, known = now, joined(rows)


@pytest.mark.parametrize("seed", range(5))
def test_markers_are_written_and_read_bit_for_bit(clip: Any, seed: int) -> None:
    rng = random.Random(seed)
    track = new_track(clip)
    for _ in range(4):  # each time over the markers of the time before
        rows = random_rows(rng, rng.sample(range(-5, 200), rng.choice((1, 2, 30, 150))))
        write_rows(track, joined(rows))
        assert read_rows(track, 7) == joined(rows)


@pytest.mark.parametrize("seed", range(5))
def test_merged_markers_leave_the_others_as_they_are(clip: Any, seed: int) -> None:
    rng = random.Random(seed)
    track = new_track(clip)
    rows = random_rows(rng, rng.sample(range(100), 40))
    write_rows(track, joined(rows))
    assert 60 < COLUMNS_FROM < 100
    for first, count in ((0, 1), (0, 5), (0, 60), (0, 100), (-10, 60)):
        more = random_rows(rng, rng.sample(range(first, 150), count))
        shuffled = dict(rng.sample(sorted(more.items()), len(more)))
        merge_rows(track, shuffled)
        rows.update(more)
        assert read_rows(track, 7) == joined(rows)
    merge_rows(track, {})
    assert read_rows(track, 7) == joined(rows)


def test_markers_are_those_that_blender_shows(clip: Any) -> None:
    track = new_track(clip)
    values = [struct.unpack("<f", struct.pack("<f", n / 10))[0] for n in range(14)]
    write_rows(track, MARKER.pack(1, 3, MUTED, *values))
    (marker,) = track.markers
    corners = [value for corner in marker.pattern_corners for value in corner]
    shown = [*marker.co, *corners, *marker.search_min, *marker.search_max]
    assert (marker.frame, marker.mute, marker.is_keyed, shown) == (3, True, False, values)


def test_ten_thousand_markers_are_no_work(clip: Any) -> None:
    rows = random_rows(random.Random(1), list(range(10_000)))
    track = new_track(clip)
    write_rows(track, joined(rows))
    merge_rows(track, {5_000: rows[4_999][:4] + struct.pack("<i", 5_000) + rows[4_999][8:]})
    assert len(read_rows(track, 7)) == 10_000 * MARKER_SIZE


CHANGED: dict[str, Any] = {
    "pattern_match": "PREV_FRAME",
    "motion_model": "Perspective",
    "correlation_min": 0.625,
    "margin": 17,
    "frames_limit": 12,
    "use_brute": False,
    "use_normalization": True,
    "use_mask": True,
    "use_red_channel": False,
    "use_green_channel": False,
    "use_blue_channel": True,
    "use_grayscale_preview": True,
    "use_alpha_preview": True,
    "weight": 0.25,
    "weight_stab": 0.75,
    "offset": (0.125, -0.5),
    "hide": True,
    "lock": True,
    "use_custom_color": True,
    "color": (0.25, 0.5, 0.75),
}


def test_settings_go_into_another_track(clip: Any) -> None:
    first, second = new_track(clip, "A"), new_track(clip, "B")
    for name, value in CHANGED.items():
        setattr(first, name, value)
    settings = read_settings(first)
    write_settings(second, settings)
    assert read_settings(second) == settings
    for name, value in CHANGED.items():
        found = getattr(second, name)
        assert (found if isinstance(value, (bool, int, float, str)) else tuple(found)) == value


def test_every_setting_that_blender_tracks_by_is_kept(clip: Any) -> None:
    """Fails for a setting that a new Blender adds."""
    known = {*CHANGED, "select", "select_anchor", "select_pattern", "select_search"}
    known |= {"rna_type", "name", "markers", "annotation", "grease_pencil"}
    known |= {"has_bundle", "bundle", "average_error"}  # the result of a solve
    assert {prop.identifier for prop in bpy.types.MovieTrackingTrack.bl_rna.properties} <= known


def test_an_impossible_setting_is_refused(clip: Any) -> None:
    settings = {**read_settings(new_track(clip)), "motion_model": "Bent"}
    with pytest.raises(ClipChanged, match="motion_model"):
        write_settings(new_track(clip), settings)


@pytest.mark.parametrize("name", ["Wand links", "ямка", "左上", "ลายผนัง", "🧱🪵", "a\nb", "日" * 21, "e\u0301" * 21])
def test_a_track_is_found_by_its_name_in_any_script(clip: Any, name: str) -> None:
    track = new_track(clip, name)
    assert len(track.name.encode()) <= 63
    assert clip.tracking.tracks.get(track.name) == track
    twin = new_track(clip, name)
    assert twin.name != track.name
    assert clip.tracking.tracks.get(twin.name) == twin
