# SPDX-License-Identifier: GPL-3.0-or-later
"""Analyses a clip from sampled pictures, in steps.

A clip of up to `picture_limit` pictures is read whole. Of a longer one a coarse sample is read: two frames that show
the same have no cut between them, as a shot does not come back. A gap whose ends differ is searched, first where the
size of a compressed file jumps, as another picture compresses to another size, then by halves, the most different ends
first. A pan also differs at the ends of a gap, but then both halves differ less, and the search leaves it. Frames whose
file is much smaller or larger than those around them are read with their neighbours: many black, white and foreign
pictures are such. Other short defects between the frames of the sample remain unseen.
"""

from __future__ import annotations

import heapq
import statistics
from collections.abc import Generator, Sequence
from itertools import pairwise
from typing import Protocol

from ...model.ranges import FrameRanges
from .camera import camera_motion
from .fields import has_fields
from .following import ODD, SAME_SHOT, Follower
from .known import Analysis
from .look import WIDTH, Look, Picture, look_at
from .matching import match
from .series import defects

PIXELS = 600e6
"""Pixels that are read whatever the length of the clip: 72 frames in 4K, 289 in full HD, 650 in 720p."""
_WHOLE = 1000  # frames of a clip, at most, that is read whole: each costs 30 ms beside its reading
_LEAST, _MOST_SAMPLED = 24, 400  # pictures of a sample, of which each takes 0.8 MB until the end
_SHARE = 0.07  # of the frames of a longer clip: reading one costs about as much as tracking it
_COARSE = 0.55  # of the pictures, for the first sample; the others are for the search
_KEPT = 400  # looks of a clip that are kept to judge the camera
_OUTLIERS = 8  # frames with an odd file size that are read with their neighbours, at most
_ODD_SIZE = 0.12  # of the median around it
_SIZE_SPREADS = 8.0
_SIZE_REACH = 4  # frames
_JUMP_SIZE = 0.02  # of a file: from here on a jump in its size may be a cut
_JUMPS = 3.0  # and in usual jumps
_FIELDS = 4  # pairs of pictures of full size that are read to look for fields
_INTERLACED_LINES = 1200  # no interlaced format has more


class Pictures(Protocol):
    """Gives the pictures of a clip: `bridge.clip.brightness.Frames`."""

    def shown(self, frame: int, width: int = 0) -> Picture | None:
        """The brightness of the clip frame as a screen shows it, float32 [height, width] from the lower left; None if
        it is unreadable. `width`: pixels that are enough, 0 for all."""
        ...


def picture_limit(frame_count: int, size: tuple[int, int]) -> int:
    """The number of pictures that an analysis reads of a clip of that many frames, of `size` pixels."""
    by_pixels = round(PIXELS / max(1, size[0] * size[1]))
    if frame_count <= max(_LEAST, min(by_pixels, _WHOLE)):
        return frame_count
    return min(max(by_pixels, round(_SHARE * frame_count), _LEAST), _MOST_SAMPLED)


def analyze_footage(
    pictures: Pictures, frame_count: int, size: tuple[int, int], entries: Sequence[tuple[int, int]] = ()
) -> Generator[float, None, Analysis]:
    """Analyse a clip; yields the share done, 0 to 1, after each picture.

    `size`: width and height, pixels. `entries`: size and checksum of the file of each frame (`FootageDetails.entries`),
    if there is one for each.
    """
    reading = _Reading(pictures, frame_count, size, entries if len(entries) == frame_count else ())
    follower = Follower()
    if reading.limit >= frame_count:
        yield from reading.all_of(follower)
    else:
        yield from reading.sample()
        reading.follow(follower)
    follower.finish()
    found = defects(follower.pairs, follower.cuts)
    repeated = _union(found.repeated, reading.equal_files())
    looked = reading.looked.without(reading.unread)
    partial = Analysis(frame_count, cuts=follower.cuts)
    is_interlaced = yield from reading.fields(follower)
    return Analysis(
        frame_count,
        looked=looked,
        unread=reading.unread,
        cuts=follower.cuts,
        unsearched=reading.unsearched,
        repeated=repeated,
        black=follower.black,
        flashes=_union(follower.flashes, found.flashes),
        blurred=found.blurred,
        unlike=follower.unlike,
        jumps=found.jumps,
        featureless=follower.featureless,
        is_interlaced=is_interlaced,
        motion=camera_motion(sorted(reading.kept.items()), partial.shots()),
        flicker=found.flicker,
    )


class _Reading:
    """The frames of a clip as they are read."""

    def __init__(
        self, pictures: Pictures, frame_count: int, size: tuple[int, int], entries: Sequence[tuple[int, int]]
    ) -> None:
        self.limit = picture_limit(frame_count, size)
        self.looked, self.unread, self.unsearched = FrameRanges(), FrameRanges(), FrameRanges()
        self.kept: dict[int, Look] = {}
        self._pictures, self._count, self._size, self._entries = pictures, frame_count, size, entries
        self._sampled: dict[int, Look] = {}
        self._gaps: list[tuple[float, int, int]] = []  # share of blocks found again, and the frames at the ends

    def _look(self, frame: int) -> Look | None:
        self.looked.add(frame)
        picture = self._pictures.shown(frame, WIDTH)
        if picture is None or min(picture.shape) < 2:
            self.unread.add(frame)
            return None
        return look_at(picture)

    def all_of(self, follower: Follower) -> Generator[float, None, None]:
        every = -(-self._count // _KEPT)
        for frame in range(1, self._count + 1):
            look = self._look(frame)
            if look is not None:
                follower.add(frame, look)
                if frame % every == 1 % every:
                    self.kept[frame] = look.kept()
            yield frame / (self._count + _FIELDS)

    def sample(self) -> Generator[float, None, None]:
        """Read a coarse sample, the frames whose file is odd, and search the gaps whose ends differ."""
        coarse = max(2, round(_COARSE * self.limit))
        frames = {1 + round(i * (self._count - 1) / (coarse - 1)) for i in range(coarse)}
        for odd in self._odd_sizes():
            frames.update(range(max(1, odd - 1), min(self._count, odd + 1) + 1))
        for frame in sorted(frames):
            yield from self._sample(frame)
        known = sorted(self._sampled)
        for first, last in pairwise(known):
            self._push(first, last)
        while self._gaps and len(self.looked) < self.limit:
            _, first, last = heapq.heappop(self._gaps)
            if last - first == 1:  # the frames around a cut tell it from a flash
                around = range(max(1, first - 1), min(self._count, last + ODD) + 1)
                for frame in around:
                    yield from self._sample(frame)
                continue
            for frame in self._split(first, last):
                yield from self._sample(frame)
            inside = [frame for frame in range(first, last + 1) if frame in self._sampled]
            if len(inside) > 2:
                for low, high in pairwise(inside):
                    self._push(low, high)
        for _, first, last in self._gaps:
            self.unsearched.add(first + 1, last)

    def _sample(self, frame: int) -> Generator[float, None, None]:
        if frame in self.looked:
            return
        look = self._look(frame)
        if look is not None:
            self._sampled[frame] = look
        yield min(1.0, len(self.looked) / (self.limit + ODD + _FIELDS))

    def _push(self, first: int, last: int) -> None:
        """Add a gap whose ends differ."""
        a, b = self._sampled[first], self._sampled[last]
        share = match(a, b).share
        if share < SAME_SHOT and not (a.is_black or b.is_black):
            heapq.heappush(self._gaps, (share, first, last))

    def _split(self, first: int, last: int) -> list[int]:
        """The frames to read next between two that differ: those at the largest jump in the size of the files, or the
        middle one."""
        start = max(1, first - _SIZE_REACH)
        sizes = [size for size, _ in self._entries[start - 1 : last + _SIZE_REACH]]
        jumps = {start + at: abs(b - a) for at, (a, b) in enumerate(pairwise(sizes), 1)}  # by the frame behind it
        inside = {frame: jump for frame, jump in jumps.items() if first < frame <= last}
        if inside:
            frame = max(inside, key=inside.__getitem__)
            least = max(_JUMP_SIZE * statistics.median(sizes), _JUMPS * statistics.median(jumps.values()))
            if inside[frame] > least:
                return [frame - 1, frame]
        return [(first + last) // 2]

    def follow(self, follower: Follower) -> None:
        before = 0
        for frame, look in sorted(self._sampled.items()):
            if before and frame != before + 1:
                follower.leap()
            follower.add(frame, look)
            self.kept[frame] = look
            before = frame

    def _odd_sizes(self) -> list[int]:
        """The frames whose file is much smaller or larger than those around it, the oddest first."""
        sizes = [size for size, _ in self._entries]
        found: list[tuple[float, int]] = []
        for at, size in enumerate(sizes):
            around = sizes[max(0, at - _SIZE_REACH) : at] + sizes[at + 1 : at + 1 + _SIZE_REACH]
            middle = statistics.median(around)
            spread = statistics.median(abs(other - middle) for other in around)
            off = abs(size - middle)
            if off > max(_ODD_SIZE * middle, _SIZE_SPREADS * spread):
                found.append((-off / max(1.0, middle), at + 1))
        return [frame for _, frame in sorted(found)[:_OUTLIERS]]

    def equal_files(self) -> FrameRanges:
        """The frames that were not read and whose file has the size and the samples of the one before."""
        found = FrameRanges()
        if self._entries and self.limit < self._count:
            equal = [a == b for a, b in pairwise(self._entries)]
            if sum(equal) * 2 < len(equal):  # else the shot stands still
                for at, is_equal in enumerate(equal, 2):
                    if is_equal:
                        found.add(at)
        return found

    def fields(self, follower: Follower) -> Generator[float, None, bool | None]:
        """Whether frames that move show two fields; None if none does move, or no format of this size has fields."""
        if self._size[1] > _INTERLACED_LINES:
            return False
        moving = sorted((pair for pair in follower.pairs if pair.distance > 0), key=lambda pair: -pair.distance)
        spread: list[int] = []
        for pair in moving:
            if len(spread) < _FIELDS and all(abs(pair.frame - other) > 2 for other in spread):
                spread.append(pair.frame)
        found: list[bool] = []
        for done, frame in enumerate(spread, 1):
            before, picture = self._pictures.shown(frame - 1), self._pictures.shown(frame)
            if before is not None and picture is not None and before.shape == picture.shape:
                verdict = has_fields(before, picture)
                if verdict is not None:
                    found.append(verdict)
            yield 1.0 - (_FIELDS - done) / (self.limit + _FIELDS)
        return sum(found) * 2 > len(found) if found else None


def _union(a: FrameRanges, b: FrameRanges) -> FrameRanges:
    found = FrameRanges(a.ranges())
    found.update(b)
    return found
