# SPDX-License-Identifier: GPL-3.0-or-later
"""The analysis of clips with known defects, and of real footage."""

from __future__ import annotations

import random
import zlib
from pathlib import Path

import numpy as np
import pytest

from tracking_sessions.core.footage.analysis.analyze import analyze_footage, picture_limit
from tracking_sessions.core.footage.analysis.known import Analysis, CameraMotion
from tracking_sessions.core.model.counting import Counting
from tracking_sessions.core.model.ranges import FrameRanges
from tracking_sessions.tests.defects import (
    Clip,
    Frame,
    blurred_motion,
    forward,
    nodal,
    still,
    travelling,
)
from tracking_sessions.tests.pictures import MIRE2, read_pgm
from tracking_sessions.tests.textures import Floats

FOUR_K = 3840, 2160
SMALL = 240, 136


def analysed(clip: Clip, size: tuple[int, int] | None = None, *, has_files: bool = False) -> Analysis:
    steps = analyze_footage(clip, clip.count, size or clip.size, files_of(clip) if has_files else ())
    share = 0.0
    while True:
        try:
            now = next(steps)
        except StopIteration as end:
            return end.value
        assert share <= now <= 1, "the share done never falls"
        share = now


def files_of(clip: Clip) -> list[tuple[int, int]]:
    """Size and checksum of each frame as a compressed file."""
    found: list[tuple[int, int]] = []
    for frame in range(1, clip.count + 1):
        picture = clip.shown(frame)
        assert picture is not None
        data = zlib.compress(np.diff(np.round(picture * 255).astype(np.uint8), axis=0).tobytes(), 1)
        found.append((len(data), zlib.crc32(data)))
    clip.reads.clear()
    return found


def defects(analysis: Analysis) -> dict[str, str]:
    """The sets that are not empty, but for what was read."""
    sets = {name: str(getattr(analysis, name)) for name in Analysis.SETS if name != "looked"}
    return {name: frames for name, frames in sets.items() if frames}


def test_each_defect_is_found_where_it_is_and_nowhere_else() -> None:
    clip = Clip(
        64,
        {1: travelling(1), 44: nodal(2)},
        repeated=frozenset({8, 25, 26}),
        light={15: 1.6},
        from_={54: 0.75},
        soft={20: 2.0, 59: 2.0},
        replaced={33: 0.0, 38: 1.0},
    )
    expected = {
        "cuts": "44",
        "repeated": "8,25-26",
        "black": "33",
        "flashes": "15,38",
        "blurred": "20,59",
        "jumps": "54",
    }
    assert defects(analysed(clip)) == expected


@pytest.mark.parametrize(
    "clip",
    [
        Clip(40, {1: nodal(1, speed=0.07)}),
        Clip(40, {1: blurred_motion(nodal(1, speed=0.17), steps=5)}),
        Clip(40, {1: forward(1)}),
        Clip(40, {1: travelling(2)}, flicker=0.25),
        Clip(40, {1: travelling(2)}, noise=0.05),
        Clip(40, {1: travelling(2)}, contrast=0.25),
        Clip(30, {1: still(1)}),
        Clip(30, {1: still(1)}, noise=0.0),
    ],
    ids=["pan", "whip pan with motion blur", "forward", "flicker", "noise", "faint", "still", "still without noise"],
)
def test_no_false_alarm(clip: Clip) -> None:
    assert defects(analysed(clip)) == {}


def test_flicker_is_measured() -> None:
    flickers = analysed(Clip(40, {1: travelling(2)}, flicker=0.2))
    assert 0.15 < flickers.flicker < 0.4 and "flickers" in " ".join(flickers.problems(Counting()))
    assert analysed(Clip(40, {1: travelling(2)})).flicker < 0.01


@pytest.mark.parametrize("seed", range(3))
def test_a_cut_between_shots_of_one_kind_is_found_in_flicker_and_noise(seed: int) -> None:
    at = random.Random(seed).randrange(6, 18)
    clip = Clip(24, {1: nodal(seed), at: nodal(seed + 50)}, noise=0.02, flicker=0.2, seed=seed)
    assert str(analysed(clip).cuts) == f"{at}"


@pytest.mark.parametrize(
    ("shot", "motion"),
    [(still(3), CameraMotion.STATIC), (nodal(3), CameraMotion.NODAL), (travelling(3), CameraMotion.TRAVELLING)],
    ids=["static", "nodal", "travelling"],
)
def test_the_motion_of_the_camera(shot: Frame, motion: CameraMotion) -> None:
    assert analysed(Clip(48, {1: shot})).motion is motion


def test_the_motion_is_unknown_where_nothing_tells_it() -> None:
    assert analysed(Clip(3, {1: travelling()})).motion is CameraMotion.UNKNOWN
    assert analysed(Clip(20, {1: still()}, contrast=0.0)).motion is CameraMotion.UNKNOWN


@pytest.mark.parametrize(
    "shot", [travelling(1, 6.0), nodal(1, 0.02), forward(1, 0.02)], ids=["travelling", "pan", "zoom"]
)
def test_fields_are_told_from_frames(shot: Frame) -> None:
    assert analysed(Clip(12, {1: shot}, interlaced=True)).is_interlaced is True
    assert analysed(Clip(12, {1: shot})).is_interlaced is False


def test_frames_without_texture() -> None:
    clip = Clip(20, {1: travelling(), 9: lambda time: np.full((270, 480), 0.4, np.float32)}, noise=0.01)
    assert str(analysed(clip).featureless) == "9-20"
    assert str(analysed(Clip(10, {1: travelling()}, replaced=dict.fromkeys(range(1, 11), 0.0))).black) == "1-10"


class Unreadable(Clip):
    def shown(self, frame: int, width: int = 0) -> Floats | None:
        return None if frame in (5, 6) else super().shown(frame, width)


def test_unreadable_and_hostile_pictures() -> None:
    found = analysed(Unreadable(12, {1: travelling()}))
    assert str(found.unread) == "5-6" and str(found.looked) == "1-4,7-12" and not found.is_sampled

    def hostile(time: float) -> Floats:
        picture = travelling()(time).copy()
        picture[::7, ::5], picture[3::7, ::5] = np.nan, np.inf
        return picture

    assert len(analysed(Clip(6, {1: hostile}, noise=0.0)).looked) == 6
    for size in ((2, 2), (3, 200), (200, 5), (31, 31)):
        tiny = np.random.default_rng(1).random((size[1], size[0])).astype(np.float32)
        assert len(analysed(Clip(5, {1: lambda time, tiny=tiny: tiny}, size=size)).looked) == 5


def test_the_same_clip_gives_the_same_analysis() -> None:
    clips = [Clip(30, {1: travelling(4), 12: nodal(4)}, flicker=0.1) for _ in range(2)]
    assert analysed(clips[0]) == analysed(clips[1])


@pytest.mark.parametrize("has_files", [True, False])
@pytest.mark.parametrize("first", [travelling(1, 1.5, SMALL), nodal(1, 0.03, SMALL)], ids=["travelling", "fast pan"])
def test_a_cut_in_a_long_clip_is_found_from_a_sample(first: Frame, has_files: bool) -> None:
    clip = Clip(400, {1: first, 211: nodal(5, size=SMALL)}, size=SMALL)
    found = analysed(clip, FOUR_K, has_files=has_files)
    assert str(found.cuts) == "211" and found.is_sampled
    assert len(clip.reads) <= picture_limit(400, FOUR_K) + 4


def test_a_sample_finds_short_defects_by_the_size_of_their_files() -> None:
    replaced = {100: 1.0, 50: 0.0, 51: 0.0}
    shots = {1: travelling(1, 1.5, SMALL)}
    clip = Clip(400, shots, size=SMALL, replaced=replaced, repeated=frozenset({160}))
    found = analysed(clip, FOUR_K, has_files=True)
    assert defects(found) == {"black": "50-51", "flashes": "100", "repeated": "160"}
    assert "of 400 frames" in found.sampling_words()


def test_a_long_clip_in_4k_is_sampled_and_a_short_or_small_one_read_whole() -> None:
    assert picture_limit(1000, FOUR_K) <= 80
    assert picture_limit(10_000, FOUR_K) <= 0.08 * 10_000
    assert picture_limit(400, (960, 540)) == 400
    assert picture_limit(100_000, (320, 240)) <= 400
    assert picture_limit(5, FOUR_K) == 5 and picture_limit(1, (0, 0)) == 1


def test_what_was_not_searched_is_said() -> None:
    """Noise, of which no two frames show the same."""
    rng = np.random.default_rng(1)
    clip = Clip(400, {1: lambda time: rng.random((68, 120)).astype(np.float32)})
    found = analysed(clip, FOUR_K)
    assert len(found.unsearched) > 100 and not found.cuts
    assert len(clip.reads) <= picture_limit(400, FOUR_K) + 4


class Real(Clip):
    """Frames of a real sequence."""

    def __init__(self, files: list[Path]) -> None:
        height, width = read_pgm(files[0]).shape
        super().__init__(len(files), {}, size=(width, height))
        self._files = files

    def shown(self, frame: int, width: int = 0) -> Floats | None:
        return np.flipud(read_pgm(self._files[frame - 1])).astype(np.float32) / np.float32(255)


@pytest.mark.skipif(not MIRE2.exists(), reason="needs the Debian package visp-images-data")
def test_real_footage() -> None:
    images = MIRE2.parent
    cube, castle = sorted((images / "cube").glob("*.pgm")), images / "mbt-depth" / "Castle-simu" / "Images"
    mire, held = sorted(MIRE2.glob("image.*.pgm*"))[:60], sorted((images / "mbt" / "cube").glob("*.pgm"))[:40]
    travels = [analysed(Real(cube)), analysed(Real(sorted(castle.glob("*.pgm"))))]
    assert [(defects(one), one.motion) for one in travels] == 2 * [({}, CameraMotion.TRAVELLING)]
    stands = analysed(Real(held))
    assert defects(stands) == {"repeated": "2"}, "the first two files are equal"
    assert stands.motion is CameraMotion.STATIC
    joined = analysed(Real([*cube[:20], *mire[:20]]))
    assert defects(joined) == {"cuts": "21"} and joined.shots() == [(1, 20), (21, 40)]


def test_frames_in_words_are_displayed_numbers() -> None:
    found = Analysis(10, cuts=FrameRanges([(5, 5)]), blurred=FrameRanges([(2, 3)]))
    assert found.problems(Counting(1001)) == ["A cut at frame 1005", "Blurred: frames 1002 to 1003"]
