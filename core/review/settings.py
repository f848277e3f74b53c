# SPDX-License-Identifier: GPL-3.0-or-later
"""The thresholds of an audit. docs/review.md says what each was measured on."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Settings:
    """Thresholds, in pixels of the footage unless a name says otherwise.

    Of a threshold with a pixel value and a factor the larger one counts: the pixels are what an artist can see, the
    factor is a multiple of the shot's own noise.
    """

    jump: float = 0.5
    """T: the residual of a jump, half the size of a step."""
    jump_noise: float = 8.0
    """T: times the scale of the residuals of the frame."""
    jump_parallax: float = 0.04
    """T: times the track's own parallax."""
    jump_parallax_sure: float = 0.12
    """The same for T without E: perspective bends the path of a near and fast point, which T takes for straight."""
    jump_few: float = 1.0
    """T on frames with under `FEW_TRACKS` tracks, where the fit knows less."""
    event_share: float = 0.3
    """The share of tracks that jump on one frame from which it is an event of the frame."""
    event: float = 3.0
    """T: the scale of the residuals of a frame whose tracks do not fit together at all, as on a cut."""
    event_noise: float = 8.0
    """T: the same, times the median scale of the frames around."""
    epipolar: float = 0.3
    """E: the distance that confirms a jump."""
    epipolar_noise: float = 6.0
    """E: times the scale of the distances of the pair."""
    swap: float = 1.0
    """How far from the other's prediction a swapped track may be."""
    drift: float = 0.25
    """E over many frames: the distance of a track that leaves its feature."""
    drift_noise: float = 5.0
    stray_share: float = 0.25
    """The share of a track's tested frames with DRIFT from which it is a stray."""
    duplicate: float = 2.0
    """The distance of two tracks on one feature."""
    duplicate_frames: int = 5
    stuck: float = 0.05
    """The displacement per frame of a track that stands still."""
    stuck_motion: float = 1.0
    """The median displacement per frame of the others."""
    stuck_frames: int = 10
    shape_ratio: float = 2.0
    """How many times the area of its keyframe, or the inverse, a pattern may have."""
    short: int = 10
    """Frames: a segment of fewer is short."""
    thin: int = 16
    """Live tracks: Blender's dope sheet calls fewer acceptable."""
    very_thin: int = 8
    """Live tracks: Blender's dope sheet calls fewer bad, and its solve needs as many in common."""
    thin_cells: int = 3
    """Of the 3x3 cells of the picture, those with a track."""
    error: float = 0.2
    """P: the mean residual over five frames, after a solve."""
    error_noise: float = 6.0
    """P: times the median over the tracks."""
    correlation: float = 0.75
    """The normalised cross-correlation of a pattern with its reference; with less Blender gives a track up."""
