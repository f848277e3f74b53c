# SPDX-License-Identifier: GPL-3.0-or-later
"""Splits a body that two frames take for one into those that three frames tell apart (`triples.py`)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from ..review.motion import Motion
from ..review.regression import Bools
from .consensus import LEAST, Block, Body, agrees, differ, followed, measured, seed
from .surroundings import CLEARLY, LOOSE, NEVER, spread
from .triples import triples

MOST = 4
"""Bodies that are sought."""
MOSTLY, ALWAYS = 0.5, 0.8
"""The share of the pairs, and of the triples of frames, in which a track agrees with its body: what drives and then
stops agrees in all triples that are wholly before or after that."""
FAR_OFF = 3.0
"""Pixels that each of two bodies all over the picture is off the other: a tram that fills half of it, beside a dolly,
had 4 and more; what distortion or noise made look like a body had 1.9 at most, and less the other way."""


@dataclass(frozen=True)
class Part:
    """A body, and the triples of frames that it was measured in; none if two frames are enough to tell it."""

    body: Body
    triples: Sequence[Block] = ()

    @property
    def agreeing(self) -> Bools:
        """[tracks]: those that agree with the body, members or not."""
        return agrees(self.body, ALWAYS if self.triples else MOSTLY)


def split(motion: Motion, pairs: Sequence[Block], body: Body) -> list[Part]:
    """The bodies that three frames tell apart, each without the tracks that agree with another one; or only `body`, if
    it is one. `motion` is undistorted.

    What is all over the picture, too, is a body of its own only if it is far off: an unknown distortion and the noise
    of a flickering picture make tracks all over it differ a little."""
    if body.is_member.sum() < LEAST + LOOSE:
        return [Part(body)]
    threes = list(triples(motion, body.is_member))
    found, left = _sought(threes, body.is_member)
    found = _apart(motion, found, body)
    # once more, with depths by the motion of each alone
    measures = [list(triples(motion, one.is_member)) or threes for one in found]
    found = [measured(three, one.is_member, body.is_member, ALWAYS) for three, one in zip(measures, found, strict=True)]
    if len(_apart(motion, found, body)) < len(found) or (len(found) < 2 and not _is_beset(motion, found, left)):
        return [Part(body)]
    return [
        Part(worse(measured(pairs, member, member), replace(one, is_member=member)), three)
        for member, one, three in zip(_own(found, body), found, measures, strict=True)
    ]


def _apart(motion: Motion, found: Sequence[Body], body: Body) -> list[Body]:
    """The body that is spread the widest over the picture, and those that are compact beside it, or far off."""
    own = _own(found, body)
    areas = [spread(motion, member) for member in own]
    widest = max(areas, default=0.0)
    wide = areas.index(widest) if areas else 0
    return [
        one
        for index, (one, member, area) in enumerate(zip(found, own, areas, strict=True))
        if index == wide
        or (
            member.sum() >= LEAST
            and (CLEARLY * area < widest or min(_off(one, own[wide]), _off(found[wide], member)) > FAR_OFF)
        )
    ]


def _off(body: Body, member: Bools) -> float:
    """How far other tracks are off the body: the median of their RMS, pixels of the reference width."""
    tested = member & (body.tested > 0)
    return float(np.median(body.rms[tested])) if tested.any() else 0.0


def _is_beset(motion: Motion, found: Sequence[Body], left: Bools) -> bool:
    """Whether the only body is compact, and enough of the tracks `left` around it never agree with it."""
    never = [left & (one.tested > 0) & (one.agreed < NEVER * one.tested) for one in found]
    return any(
        mine.sum() >= LOOSE and CLEARLY * spread(motion, one.is_member) < spread(motion, mine)
        for one, mine in zip(found, never, strict=True)
    )


def _sought(threes: Sequence[Block], candidates: Bools) -> tuple[list[Body], Bools]:
    """The bodies among the candidates, and the tracks that none has."""
    left = candidates.copy()
    found: list[Body] = []
    while threes and len(found) < MOST and left.any():
        begun = seed(threes, left)
        if begun is None:
            break
        part = followed(threes, *begun, left, ALWAYS)
        if part.is_member.sum() < (LEAST if found else 1):
            break
        left &= ~part.is_member
        if all(differ(threes, each, part) for each in found):
            found.append(measured(threes, part.is_member, candidates, ALWAYS))
    return found, left


def _own(found: Sequence[Body], body: Body) -> list[Bools]:
    """[tracks] of each: those that agree with it alone."""
    agreeing = [agrees(one, ALWAYS) & body.is_member for one in found]
    counts = np.sum(agreeing, axis=0) if found else 0
    return [mine & (counts == 1) for mine in agreeing]


def worse(one: Body, other: Body) -> Body:
    """The members of `other`, with the worse of two measurements of each track: with two frames and with three."""
    is_other = (other.tested > 0) & (other.agreed * one.tested <= one.agreed * other.tested)
    return Body(
        other.is_member,
        np.maximum(one.rms, other.rms),
        np.maximum(one.largest, other.largest),
        np.where(is_other, other.tested, one.tested),
        np.where(is_other, other.agreed, one.agreed),
        min(one.inliers, other.inliers),
    )
