# SPDX-License-Identifier: GPL-3.0-or-later
"""The kinds of rendered shots: how the camera moves, before what, what spoils the picture, and what is to be said."""

from __future__ import annotations

from dataclasses import dataclass

from tracking_sessions.core.solve.solve import VerdictKind

SOLVED, TRIPOD, STATIC = VerdictKind.SOLVED, VerdictKind.TRIPOD, VerdictKind.STATIC
LOW, FOCAL, CUT = VerdictKind.LOW_PARALLAX, VerdictKind.FOCAL_UNDETERMINED, VerdictKind.CUT
FEW, TWO, NOT = VerdictKind.TOO_FEW_TRACKS, VerdictKind.TWO_MOTIONS, VerdictKind.NOT_SOLVED

SENSOR = 36.0
"""Millimetres: the width of every sensor."""
ALL = ("textured", "tiled", "bricked")


@dataclass(frozen=True)
class Kind:
    """`expected`: the right verdicts. `path`, `set`, `textures`, `movers`: names in PATHS, SETS, TEXTURES, MOVERS.

    `size`: pixels. `focal`: millimetres; `zoom`: what it is multiplied by until the last frame. `distortion`: Blender's
    polynomial coefficients. `shutter`: the share of a frame for which it is open. `rolling`: the share of a frame from
    the first line to the last. `noise`: deviation, of 255. `contrast`: 0..1. `flicker`: the largest change of the
    light, 0..1. `jpeg`: quality, 0 for PNG. `cut`: whether another shot begins in the middle. `is_lit`: whether
    surfaces mirror a lamp.
    """

    expected: tuple[VerdictKind, ...]
    path: str
    frames: int = 60
    size: tuple[int, int] = (960, 540)
    set: str = "furnished"
    textures: tuple[str, ...] = ALL
    movers: str = ""
    focal: float = 35.0
    is_lens_known: bool = True
    zoom: float = 1.0
    distortion: tuple[float, ...] = ()
    shutter: float = 0.0
    rolling: float = 0.0
    noise: float = 1.5
    contrast: float = 1.0
    flicker: float = 0.0
    jpeg: int = 0
    cut: bool = False
    is_lit: bool = False


KINDS: dict[str, Kind] = {
    # A camera can be had
    "orbit": Kind((SOLVED,), "orbit"),
    "lateral": Kind((SOLVED,), "lateral", frames=72),
    "walk": Kind((SOLVED,), "walk", frames=90),
    "forward": Kind((SOLVED,), "forward", frames=72),
    "crane": Kind((SOLVED,), "crane", is_lens_known=False),
    "walk_unknown_lens": Kind((SOLVED,), "walk", frames=90, is_lens_known=False),
    "walk_movers": Kind((SOLVED,), "walk", frames=72, movers="passing"),
    "lateral_movers": Kind((SOLVED,), "lateral", movers="passing"),
    "lateral_blur": Kind((SOLVED,), "lateral", shutter=0.5),
    "orbit_blur": Kind((SOLVED,), "orbit", shutter=0.5, is_lens_known=False),
    "orbit_lit_noisy": Kind((SOLVED,), "orbit", frames=68, noise=7.0, is_lit=True),
    "walk_low_contrast": Kind((SOLVED,), "walk", frames=90, noise=4.0, contrast=0.3, jpeg=60),
    "lateral_jpeg": Kind((SOLVED,), "lateral", frames=72, noise=10.0, contrast=0.6, jpeg=40),
    "orbit_flicker": Kind((SOLVED,), "orbit", noise=4.0, flicker=0.25, jpeg=70),
    "orbit_rolling": Kind((SOLVED, NOT), "orbit", rolling=0.4, size=(1280, 720)),
    "walk_wide": Kind((SOLVED,), "walk", focal=18.0, is_lens_known=False),
    "lateral_tele": Kind((SOLVED, LOW, FEW), "lateral", focal=85.0),
    "orbit_distorted": Kind((SOLVED,), "orbit", focal=24.0, distortion=(-0.12, 0.02), is_lens_known=False),
    "orbit_sparse": Kind((SOLVED, FEW), "orbit", textures=("sparse",), is_lit=True),
    "plane": Kind((SOLVED,), "arc", set="wall"),
    "walk_240": Kind((SOLVED,), "walk", frames=240, size=(640, 360)),
    "orbit_400": Kind((SOLVED,), "orbit", frames=400, size=(640, 360), is_lens_known=False),
    "crane_2k": Kind((SOLVED,), "crane", frames=48, size=(2048, 1152)),
    "orbit_4k": Kind((SOLVED,), "orbit", frames=24, size=(3840, 2160)),
    # It cannot
    "nodal": Kind((TRIPOD,), "nodal"),
    "nodal_unknown_lens": Kind((TRIPOD,), "nodal", frames=48, focal=28.0, is_lens_known=False),
    "nodal_movers": Kind((TRIPOD,), "nodal", movers="passing"),
    "near_nodal": Kind((LOW,), "near_nodal"),
    "static": Kind((STATIC,), "static", frames=36),
    "static_movers": Kind((STATIC,), "static", frames=48, movers="passing"),
    "cut": Kind((CUT,), "orbit", frames=64, cut=True),
    "bare": Kind((FEW, NOT, SOLVED), "orbit", textures=("blank",)),
    "blank": Kind((FEW, NOT), "orbit", set="empty", textures=("blank",)),
    "lateral_unknown_lens": Kind((FOCAL,), "lateral", is_lens_known=False),
    "forward_unknown_lens": Kind((FOCAL,), "forward", is_lens_known=False),
    "zoom": Kind((NOT, FOCAL), "orbit", zoom=1.5, is_lens_known=False),
    # Another motion has many of the tracks
    "small_lorry": Kind((SOLVED, TWO), "orbit", movers="small_lorry"),
    "lorry": Kind((TWO, SOLVED), "orbit", movers="lorry"),
    "large_lorry": Kind((TWO, SOLVED), "orbit", movers="large_lorry"),
    "lorry_on_plaster": Kind((TWO,), "orbit", textures=("sparse",), movers="large_lorry"),
    "lorry_in_void": Kind((TWO, FEW), "orbit", textures=("blank",), movers="large_lorry"),
    "walk_lorry": Kind((TWO, SOLVED), "walk", frames=72, movers="large_lorry", is_lens_known=False),
    "static_lorry": Kind((STATIC, TWO), "static", movers="large_lorry"),
    "nodal_lorry": Kind((TRIPOD, TWO), "nodal", movers="lorry"),
    "tram": Kind((SOLVED, TWO), "lateral", movers="tram"),
    "crowd": Kind((SOLVED, TWO, NOT), "lateral", movers="crowd"),
}
