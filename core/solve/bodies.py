# SPDX-License-Identifier: GPL-3.0-or-later
"""The rigid bodies among the tracks, and which of them is the set.

The largest body need not be the set: an actor or a car can carry most of the tracks, and a solve of those alone is as
good as one of the set, with a wrong camera. A thing that moves is compact in the picture, the set lies around it: so
the spread of a body over the picture tells, and its number of tracks does not. Where the spread cannot tell, nobody
but the artist can.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from ..review.distortion import CameraLens
from ..review.motion import Motion
from ..review.regression import Bools
from .consensus import LEAST, Block, Body, blocks, differ, followed, measured, seed, undistorted
from .splitting import ALWAYS, MOST, Part, split, worse
from .surroundings import CLEARLY, LOOSE, NEVER, Surroundings, spread, surroundings

LOCKED = 3
"""Locked tracks that make their body the set: an artist has vouched for them."""
OUTNUMBERS = 10
"""Of two bodies spread alike the one with so many times the tracks is the set. Measured: of 400 tracks of which half
slide or jump, up to 19 slides agree by chance with one motion, 5 % of the others."""
MOST_LOCKED = 0.8
"""The share of the locked tracks that one body has, for them to say which is the set."""


@dataclass(frozen=True)
class Bodies:
    """`parts`: the bodies, those of most tracks first; `spreads` of each, 1 for tracks all over the picture. `set`: the
    index of the set. `is_clear`: whether it can be told; `why`: how, without a full stop, if it cannot. `is_vouched`:
    whether locked tracks have told it.

    `blocks`: the pairs of frames that all this was measured in. `surroundings`: of the set.
    """

    parts: tuple[Part, ...]
    spreads: tuple[float, ...]
    set: int
    is_clear: bool
    why: str
    is_vouched: bool
    blocks: list[Block]
    surroundings: Surroundings

    @property
    def found(self) -> list[Body]:
        return [part.body for part in self.parts]

    @property
    def others(self) -> Bools:
        """[tracks]: members of a body that is not the set, which do not agree with the set as well."""
        main = self.parts[self.set]
        others = np.zeros(len(main.body.is_member), bool)
        for index, body in enumerate(self.found):
            if index != self.set:
                others |= body.is_member
        return others & ~main.body.is_member & ~main.agreeing


def bodies(motion: Motion, lens: CameraLens | None = None) -> Bodies | None:
    """The bodies of a motion, whose lens is that of the footage; None if no two frames share enough tracks."""
    straight = undistorted(motion, lens)
    pairs = list(blocks(straight))
    left = np.ones(len(motion.tracks), bool)
    found: list[Body] = []
    while pairs and len(found) < MOST and left.any():
        begun = seed(pairs, left)
        if begun is None:
            break
        body = followed(pairs, *begun, left)
        if body.is_member.sum() < (LEAST if found else 1):
            break
        left &= ~body.is_member
        same = next((index for index, one in enumerate(found) if not differ(pairs, one, body)), None)
        if same is None:
            found.append(body)
        else:
            both = found[same].is_member | body.is_member
            found[same] = measured(pairs, both, left | both)
    if not found:
        return None
    parts = [part for body in found for part in split(straight, pairs, body)]
    found = [part.body for part in parts]
    spreads = tuple(spread(motion, body.is_member) for body in found)
    vouched = _vouched(motion, found)
    chosen, is_clear, why = (vouched, True, "") if vouched is not None else _set_of(motion, found, spreads)
    main = parts[chosen]
    if main.triples:  # what agrees with several parts of a body is the set's
        others = np.logical_or.reduce([body.is_member for body in found])
        main = parts[chosen] = replace(
            main, body=replace(main.body, is_member=main.body.is_member | (main.agreeing & ~others))
        )
    around = surroundings(motion, main.body)
    return Bodies(tuple(parts), spreads, chosen, is_clear, why, vouched is not None, pairs, around)


def _vouched(motion: Motion, found: list[Body]) -> int | None:
    """The index of the body that locked tracks make the set."""
    locked = np.array([track.is_locked for track in motion.tracks], bool)
    counts = [int((body.is_member & locked).sum()) for body in found]
    if sum(counts) >= LOCKED and max(counts) > MOST_LOCKED * sum(counts):
        return counts.index(max(counts))
    return None


def _set_of(motion: Motion, found: list[Body], spreads: tuple[float, ...]) -> tuple[int, bool, str]:
    """The index of the set, whether it is clear, and why it is not."""
    sizes = [int(body.is_member.sum()) for body in found]
    wide = [index for index, area in enumerate(spreads) if area * CLEARLY > max(spreads)]
    widest = max(wide, key=lambda index: sizes[index])
    for index in wide:
        if index != widest and sizes[index] * OUTNUMBERS > sizes[widest]:
            return widest, False, (
                f"{sizes[widest]} tracks and {sizes[index]} others each move as one, in different ways, and both "
                "groups are spread over the picture"
            )  # fmt: skip
    loose = np.ones(len(motion.tracks), bool)
    for body in found:
        loose &= ~body.is_member
    main = found[widest]
    never = loose & (main.tested > 0) & (main.agreed < NEVER * main.tested)
    if never.sum() >= LOOSE and spreads[widest] * CLEARLY < spread(motion, never):
        return widest, False, (
            f"{sizes[widest]} tracks move as one in a small part of the picture, and {int(never.sum())} around them "
            "move otherwise"
        )  # fmt: skip
    return widest, True, ""


def set_body(found: Bodies) -> Body:
    """The set, with the distances of all tracks to its motion."""
    main = found.parts[found.set]
    member, every = main.body.is_member, np.ones(len(main.body.is_member), bool)
    body = measured(found.blocks, member, every)
    return worse(body, measured(main.triples, member, every, ALWAYS)) if main.triples else body
