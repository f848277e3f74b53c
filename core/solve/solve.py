# SPDX-License-Identifier: GPL-3.0-or-later
"""A solved camera as plain values, as it is stored and put back into a scene.

Positions are those of Blender's reconstruction: its unit, right-handed, the camera looking along its own -z with y up.
Frames are clip frames: 1 is the first frame of the clip.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import NamedTuple

Matrix = tuple[float, ...]
"""Twelve numbers: the upper three rows of a 4x4 matrix, row by row. It takes camera axes to those of the solve."""


class VerdictKind(StrEnum):
    """What a solve is worth."""

    SOLVED = "solved"
    TRIPOD = "tripod"  # the camera turns on the spot: rotation, no position
    STATIC = "static"  # the camera does not move
    LOW_PARALLAX = "low_parallax"  # good for a matte, not for distances
    FOCAL_UNDETERMINED = "focal_undetermined"
    CUT = "cut"
    TOO_FEW_TRACKS = "too_few_tracks"
    TWO_MOTIONS = "two_motions"
    NOT_SOLVED = "not_solved"


@dataclass(frozen=True, slots=True)
class Verdict:
    """`reason`: a sentence with its figures, `advice`: what to do next, both without a full stop; frames in them are
    displayed numbers. `figures`: the measures behind it, by name, those of `verdict.py`."""

    kind: VerdictKind
    reason: str
    advice: str = ""
    figures: Mapping[str, float] = field(default_factory=dict[str, float])


@dataclass(frozen=True, slots=True)
class Lens:
    """The lens of a solve.

    `focal`: millimetres. `sensor`: the width of the sensor, millimetres. `size`: of the picture, pixels; `aspect`: of a
    pixel, width to height. `centre`: the principal point, pixels from the centre of the picture, y up. `model` and
    `coefficients`: the distortion, as in `core.model.types.COEFFICIENTS`.
    """

    focal: float
    sensor: float
    size: tuple[int, int]
    aspect: float = 1.0
    centre: tuple[float, float] = (0.0, 0.0)
    model: str = "POLYNOMIAL"
    coefficients: tuple[float, ...] = (0.0, 0.0, 0.0)


class Camera(NamedTuple):
    """The camera on clip frame `frame`; `error`: the mean reprojection error of its markers, pixels."""

    frame: int
    matrix: Matrix
    error: float = 0.0


class Bundle(NamedTuple):
    """The point of a track, by its number in the journal; `error`: the mean reprojection error, pixels."""

    track: int
    position: tuple[float, float, float]
    error: float = 0.0


class Drop(NamedTuple):
    """A track that a solve leaves out, and why: a sentence without a full stop."""

    track: int
    reason: str


class Mute(NamedTuple):
    """A stretch of a track that a solve leaves out: clip frames `first` to `last`; `error`: its largest, pixels."""

    track: int
    first: int
    last: int
    error: float


class Round(NamedTuple):
    """A step of a refinement: what was done, and the solve after it. `error`: pixels, 0 without a solve."""

    name: str
    error: float
    cameras: int
    tracks: int
    markers: int


@dataclass(frozen=True, slots=True)
class Solve:
    """A camera that was solved or, without `cameras`, could not be.

    `digest`: of the markers that it was made from (`digest.py`). `average_error`: Blender's, pixels. `keyframes`: clip
    frames. `refined`: what Blender refined, by its names, such as FOCAL_LENGTH. `marker_errors` by track: the clip
    frames of its markers and the error of each, pixels.
    """

    id: str
    created: str
    blender: str
    object: str
    digest: str
    verdict: Verdict
    lens: Lens
    frames: tuple[int, int]
    keyframes: tuple[int, int] = (0, 0)
    refined: tuple[str, ...] = ()
    is_tripod: bool = False
    average_error: float = 0.0
    cameras: tuple[Camera, ...] = ()
    bundles: tuple[Bundle, ...] = ()
    marker_errors: Mapping[int, tuple[tuple[int, float], ...]] = field(
        default_factory=dict[int, tuple[tuple[int, float], ...]]
    )
    dropped: tuple[Drop, ...] = ()
    muted: tuple[Mute, ...] = ()
    rounds: tuple[Round, ...] = ()
    tracks_made: int = 0
    """Tracks of the object that have a marker, whether the solve takes them or not."""

    @property
    def parts(self) -> list[tuple[int, int]]:
        """The first and the last clip frame of both sides of the cut; none without a cut."""
        (first, last), cut = self.frames, int(self.verdict.figures.get("link_frame", 0))
        if self.verdict.kind is not VerdictKind.CUT or not first <= cut < last:
            return []
        return [(first, cut), (cut + 1, last)]
