# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether a picture shows two fields, taken one after the other: its even and its odd lines."""

from __future__ import annotations

import numpy as np

from .look import Picture, look_at
from .matching import match

_MOVES = 0.004  # widths of the picture, the least that blocks go from frame to frame: 1 pixel of 240
_LEAST_BLOCKS = 6
_LATER = 0.25
"""The part of the way to the next frame that separates fields: it is 0 between the lines of one exposure, and half of
the way between fields, forwards or backwards by the order of the fields."""


def has_fields(before: Picture, picture: Picture) -> bool | None:
    """Whether the odd lines of a picture were taken at another time than its even lines; `before`: the frame before.

    The way of each block from the even to the odd lines is compared with its way between the even lines of two frames,
    by least squares. None: too little moves.
    """
    first, even, odd = look_at(before[::2]), look_at(picture[::2]), look_at(picture[1::2])
    moved, apart = match(first, even), match(even, odd)
    if not (moved.share >= 0.5 and apart.share >= 0.5):
        return None
    places = {tuple(np.rint(1000 * place)): way for place, way in zip(apart.places, apart.ways, strict=True)}
    # the odd lines lie half a line of a field further up, so that what they show lies half a line lower
    half_line = np.array([0.0, 0.5 / picture.shape[1]])
    pairs = [
        (way, places[at] + half_line)
        for place, way in zip(moved.places, moved.ways, strict=True)
        if (at := tuple(np.rint(1000 * place))) in places and np.hypot(*way) > _MOVES
    ]
    if len(pairs) < _LEAST_BLOCKS:
        return None
    ways, later = (np.array(values) for values in zip(*pairs, strict=True))
    return bool(abs((ways * later).sum() / (ways * ways).sum()) > _LATER)
