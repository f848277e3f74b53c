# SPDX-License-Identifier: GPL-3.0-or-later
"""What a refinement has come to, in words: what kind of camera it is, by which figures, and what to do next.

A low error proves nothing: a pan solved as a travelling camera gave 0.04 px, a scene that is not rigid 0.23 px, bad
tracks that had lost half of the shot 0.10 px and a path that was 5.9 % off. So the other figures decide first. The
thresholds parted every good solve from every bad one of 21 rendered shots with known cameras and of three real ones.
Pixels are those of pictures 960 wide, and scale with the width.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping

from ..model.counting import Counting
from ..model.ranges import FrameRanges
from .bodies import Bodies
from .consensus import REFERENCE
from .outcome import Facts, Outcome
from .refining import CAMERAS, LINK, OBSERVED
from .solve import Verdict, VerdictKind
from .solver import Solution

ERROR = 0.5
"""Pixels. Good solves had 0.05 to 0.24, the worst that was still right 0.65 and a path 0.6 % off."""
ANGLE = 1.0
"""Degrees between the rays of the middle point: good solves had 1.7 and more, a camera that turned near its nodal point
0.25, and its path was 0.6 to 5 % off."""
LIVE = 12
"""Live tracks on each frame: with fewer a solve is right by luck. With 10 clean ones the path was right."""
REMOVED = 0.5
"""The share of the markers that was left out: good solves had 44 % at most, 65 % where a hand moved the object."""
KEPT, OWN = 0.7, 0.8
"""The share of the tracks that move with the set, of those that do not move with another body: without such a body, and
with one. Right solves had 0.72 and more without one, and 0.85 with one. A crowd of small movers had 0.74 with one, and
a camera that was 2.8 % off with 0.25 px."""
UNSTEADY = 1.1
"""How many times the error may become what it was when bad markers are left out: 0.26 to 0.94 in 30 rendered shots
whose camera was right, without a camera lost. Where a fast move of a long lens left 14 tracks across a frame, each of
19 solves of the same tracks lost cameras or had 1.2 to 6 times the error, and rotations were 0.96 degrees off."""
ALIVE = 16
"""Live tracks on both sides of a missing link that make it a cut: with fewer there are too few tracks."""
COVERED = 0.25
"""The share of the picture that live tracks cover on each frame. Good solves had 0.39 and more, a dolly with a long
lens 0.13 where a smooth box passed: its path was 0.9 % off and its rotation 1 degree, with 0.31 px."""
PATH = 0.5
"""Percent of its length by which the path was off at most where the verdict was solved and the error this low: 0.15 on
good tracks, 0.38 on poor ones."""


def error_limit(width: int) -> float:
    """The error, in pixels, above which a solve of pictures `width` pixels wide is not believed."""
    return ERROR * width / REFERENCE


def verdict(outcome: Outcome, counting: Counting, width: int) -> Verdict:
    """The verdict on an outcome. `width`: of the picture, pixels. Frames in its words are displayed numbers."""
    judge = _Judge(outcome, counting, width)
    kind, reason, advice = judge.judged()
    return Verdict(kind, reason, advice, judge.figures())


class _Judge:
    def __init__(self, outcome: Outcome, counting: Counting, width: int) -> None:
        self.outcome, self.counting, self.width = outcome, counting, width
        self.facts: Facts = outcome.facts
        self.unit = width / REFERENCE
        solution = outcome.solution
        self.error = math.nan if solution is None else float(solution.average_error)
        first, last = self.facts.frames
        self.frames = last - first + 1 if last else 0
        self.cameras = 0 if solution is None else len(solution.frames)

    def figures(self) -> Mapping[str, float]:
        """All that was measured, by name; pixels are those of the footage, frames those of the clip."""
        facts, solution = self.facts, self.outcome.solution
        unit = self.unit
        figures = {
            "average_error": self.error,
            "cameras": self.cameras,
            "frames": self.frames,
            "live_min": facts.least_live,
            "covered_min": min(facts.covered.values(), default=math.nan),
            "link": facts.link.tracks,
            "link_frame": facts.link.frame,
            "motion": facts.motion * unit,
            "parallax": facts.parallax * unit,
            "tripod_error": facts.tripod * unit,
            "angle": facts.angle,
            "kept_share": self.outcome.filtered.kept_share,
            "inlier_share": self.outcome.filtered.inliers,
            "removed_share": facts.removed_share,
            "focal_ratio": facts.focal_ratio,
            "unsteady": facts.unsteady if math.isfinite(facts.unsteady) else math.nan,
            "focal_pixels": math.nan if solution is None else solution.lens.focal,
            "tracks": facts.tracks,
            "tracks_kept": facts.tracks - len(self.outcome.dropped),
            "other_tracks": int(self.outcome.filtered.others.sum()) + facts.apart,
        }
        if (bodies := self.outcome.filtered.bodies) is not None:
            figures |= {"margin": bodies.surroundings.margin, "beside": bodies.surroundings.beside}
        return {name: float(value) for name, value in figures.items() if not math.isnan(value)}

    def judged(self) -> tuple[VerdictKind, str, str]:
        if (found := self._gap() or self._motions()) is not None:
            return found
        solution = self.outcome.solution
        if solution is None:
            return self._unsolved(f"Blender could not solve: {self.facts.failure or 'no reason is known'}")
        if solution.attempt.is_tripod:
            return self._turned()
        return self._untrusted() or self._alone() or self._limited(solution) or self._solved()

    def _motions(self) -> tuple[VerdictKind, str, str] | None:
        """Several bodies, of which nobody but the artist can say which is the set."""
        bodies = self.outcome.filtered.bodies
        if bodies is None or bodies.is_clear:
            return None
        return (
            VerdictKind.TWO_MOTIONS,
            bodies.why,
            "Say which is the set: lock three or more of its tracks, or mute the tracks of the object, and solve "
            f"again{'' if self.outcome.solution is None else '; the camera that was found is that of one of them'}",
        )

    def _untrusted(self) -> tuple[VerdictKind, str, str] | None:
        """A camera that is not whole or not exact."""
        facts = self.facts
        if self.cameras < CAMERAS * self.frames:
            return self._unsolved(f"only {self.cameras} of {self.frames} frames have a camera")
        if facts.least_live < LIVE:
            return self._few()
        limit = error_limit(self.width)
        if not self.error <= limit:
            return self._unsolved(
                f"the error is {self.error:.2f} px, and solves that were right had less than {limit:.2g} px"
            )
        if facts.removed_share > REMOVED:
            return self._unsolved(
                f"{facts.removed_share:.0%} of the markers had to be left out to reach {self.error:.2f} px: that "
                "proves nothing"
            )
        return None

    def _alone(self) -> tuple[VerdictKind, str, str] | None:
        """Tracks that may be those of an object, as they lie in a part of the picture."""
        bodies = self.outcome.filtered.bodies
        if bodies is not None and not bodies.is_vouched and (around := bodies.surroundings).is_doubtful:
            away = f"keep {around.margin:.0%} of the picture away from its side"
            away = away if around.is_island else "lie in a part of the picture"
            return (
                VerdictKind.TWO_MOTIONS,
                f"{bodies.found[bodies.set].is_member.sum()} tracks move as one, but they {away}, and "
                f"{around.beside} tracks beside them move otherwise: an object that moves looks like that",
                "If they stand still in the scene, lock three or more of them, and solve again; if not, add tracks on "
                "what stands still",
            )
        if (found := self._crowded()) is not None:
            return found
        is_narrow = min(self.facts.covered.values(), default=1.0) < COVERED
        return self._narrow() if is_narrow and not (bodies is not None and bodies.is_vouched) else None

    def _crowded(self) -> tuple[VerdictKind, str, str] | None:
        """Too many tracks that move neither with the set nor with one other body: several small things that move."""
        filtered = self.outcome.filtered
        others = int((filtered.others & ~filtered.kept).sum())
        least = OWN if others else KEPT
        if filtered.own_share >= least or (filtered.bodies is not None and filtered.bodies.is_vouched):
            return None
        beside = f" beside {others} that move as another body" if others else ""
        return (
            VerdictKind.TWO_MOTIONS,
            f"only {filtered.own_share:.0%} of the tracks{beside} move with the camera, with {least:.0%} needed: "
            "several things seem to move, and the camera may be that of some of them",
            "Lock three or more tracks of what stands still, or mute those of what moves, and solve again",
        )

    def _limited(self, solution: Solution) -> tuple[VerdictKind, str, str] | None:
        """A camera that is not steady, or good for some work only."""
        facts = self.facts
        if facts.unsteady > UNSTEADY:
            lost = not math.isfinite(facts.unsteady)
            worse = "loses cameras" if lost else f"has {facts.unsteady:.1f} times the error"
            return self._unsolved(
                f"the camera is not steady: with {self.error:.2f} px it looks right, but without its worst markers it "
                f"{worse}, as where a fast move leaves too few long tracks"
            )
        if facts.angle < ANGLE:
            return (
                VerdictKind.LOW_PARALLAX,
                f"the camera hardly moves from its place: the rays of a point differ by {facts.angle:.2f} degrees, "
                f"with {ANGLE:.0f} needed, though the error is {self.error:.2f} px",
                "Use the rotation, as for a matte or a sky, but trust no distance; for those the camera has to travel",
            )
        if not facts.is_focal_known and facts.focal_ratio < OBSERVED:
            return (
                VerdictKind.FOCAL_UNDETERMINED,
                f"focal lengths a quarter longer or shorter are only {max(facts.focal_ratio - 1, 0.0):.0%} worse than "
                f"{solution.lens.focal:.0f} px, with {OBSERVED - 1:.0%} needed: this motion does not determine it",
                "Give the focal length and the sensor of the camera, and solve again; depths depend on them",
            )
        return None

    def _island(self) -> Bodies | None:
        """The bodies if the set keeps away from a side of the picture, and no locked tracks vouch for it."""
        bodies = self.outcome.filtered.bodies
        is_island = bodies is not None and not bodies.is_vouched and bodies.surroundings.is_island
        return bodies if is_island else None

    def _gap(self) -> tuple[VerdictKind, str, str] | None:
        """A place that no track crosses."""
        facts = self.facts
        if not self.frames:
            words = "no track has a marker: nothing was found to follow"
            return VerdictKind.TOO_FEW_TRACKS, words, "Add tracks on what stands still, if the pictures show anything"
        if self.frames < 2:
            return self._unsolved("tracks on one frame are no motion")
        if facts.link.tracks >= LINK:
            return self._few() if facts.least_live < LINK else None
        after = facts.link.frame + 1
        if facts.link.tracks < LINK and min(facts.before, facts.after) >= ALIVE:
            return (
                VerdictKind.CUT,
                f"{facts.link.tracks or 'no'} track{'s' * (facts.link.tracks != 1)} of {facts.before} crosses to frame "
                f"{self.counting.shown(after)}, where {LINK} are needed: there is a cut",
                f"Solve the parts by themselves: {self._part(facts.frames[0], after - 1)} and "
                f"{self._part(after, facts.frames[1])}",
            )
        return self._few()

    def _part(self, first: int, last: int) -> str:
        return f"frame{'s' * (first != last)} {self.counting.span(first, last)}"

    def _few(self) -> tuple[VerdictKind, str, str]:
        facts = self.facts
        few = FrameRanges((frame, frame) for frame, count in facts.live.items() if count < LIVE)
        if not few:
            frame = facts.link.frame
            few = FrameRanges([(frame, min(frame + 1, facts.frames[1]))])
        where, least = self.counting.named(few), min(facts.least_live, facts.link.tracks)
        return (
            VerdictKind.TOO_FEW_TRACKS,
            f"there are too few tracks on {where}: {least} at the least, with {LIVE} needed",
            f"Add tracks on {where}, and solve again",
        )

    def _narrow(self) -> tuple[VerdictKind, str, str]:
        narrow = {frame: share for frame, share in self.facts.covered.items() if share < COVERED}
        where = self.counting.named(FrameRanges((frame, frame) for frame in narrow))
        return (
            VerdictKind.TOO_FEW_TRACKS,
            f"the tracks on {where} lie in a small part of the picture: {min(narrow.values()):.0%} of it at the least, "
            f"with {COVERED:.0%} needed",
            f"Add tracks in the rest of the picture on {where}, and solve again; if nothing else can be tracked, and "
            "they stand still in the scene, lock three or more of them",
        )

    def _turned(self) -> tuple[VerdictKind, str, str]:
        facts = self.facts
        if self.cameras < CAMERAS * self.frames:
            return self._unsolved(f"only {self.cameras} of {self.frames} frames have a camera")
        if facts.least_live < LINK:
            return self._few()
        apart = facts.apart + int(self.outcome.filtered.others.sum())
        aside = (
            f"; {apart} tracks move otherwise: if they stand still in the scene, the camera travels, so lock some"
            if apart
            else ""
        )
        if facts.is_still:
            return (
                VerdictKind.STATIC,
                f"the camera does not move: its tracks move by {facts.motion * self.unit:.2f} px in the median",
                f"Use one frame; there is nothing to solve{aside}",
            )
        return (
            VerdictKind.TRIPOD,
            f"the camera turns on the spot: the error without any travel is {self.error:.2f} px, and homographies "
            f"explain the motion to {facts.parallax * self.unit:.2f} px",
            f"Use the rotation; there are no positions and no depths{aside}",
        )

    def _unsolved(self, reason: str) -> tuple[VerdictKind, str, str]:
        return (
            VerdictKind.NOT_SOLVED,
            reason,
            "Look at the tracks with the largest errors, mute what slides, track what stands still, and solve again",
        )

    def _solved(self) -> tuple[VerdictKind, str, str]:
        reason = (
            f"{self.error:.2f} px on {self.cameras} of {self.frames} frames; with such figures the path "
            f"was off by less than {PATH:.2g} % of its length where it was known"
        )
        return VerdictKind.SOLVED, reason, ". ".join(self._doubts())

    def _doubts(self) -> Iterator[str]:
        """What to look at, though the figures are good; sentences without the last full stop."""
        filtered = self.outcome.filtered
        if (island := self._island()) is not None:
            yield (
                f"The tracks keep {island.surroundings.margin:.0%} of the picture away from its side: look whether they"
                " stand still in the scene. Those of an object that moves give as good figures, and a wrong camera"
            )
        others = int((filtered.others & ~filtered.kept).sum())
        if others:
            yield (
                f"{others} tracks move as one, but not with the rest: they are taken for an object, as they lie in a "
                "small part of the picture. If they are the set, lock some of them, and solve again"
            )  # fmt: skip
