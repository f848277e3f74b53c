# SPDX-License-Identifier: GPL-3.0-or-later
"""From tracks to the best camera that they give: filter, keyframes, solve, mute, drop, focal length, distortion.

Each solve is a step, so that a caller can stop between two. The best state is kept, so a refinement never ends worse
than it began. Locked tracks take part to the end.
"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass, replace

import numpy as np

from ..review.distortion import CameraLens
from ..review.motion import Motion
from ..review.regression import Bools
from .consensus import AGREES, REFERENCE, undistorted
from .filtering import Filtered, filtered
from .muting import DROP_LIVE, dropped, muted
from .outcome import Facts, Outcome, drops, mutes
from .pairs import Pairs, explained, link, live, ranked
from .residuals import angles, errors
from .solve import Round
from .solver import FOCAL, RADIAL, Attempt, Solution, SolveFailed, Solver
from .surroundings import CLEARLY, covered, spread

SHORTEST = 5
"""Markers that a track needs."""
LINK = 8
"""Tracks that two neighbouring frames share at least, Blender's own limit. Good shots had 30 and more."""
STILL, FLAT, TRIPOD = 0.5, 1.0, 0.5
"""Pixels of the reference width: the median motion below which a camera does not move; the upper quartile of the
residuals of homographies and the error of a tripod solve below which it only turns. Pans had 0.08 to 0.22 and 0.05 to
0.07, a camera near its nodal point 5.9 and 0.79. A flat set has a quartile of 0.3, and a tripod solve of 1.5 to 16."""
TRIPOD_ROUNDS, TRIPOD_MUTED = 3, 0.15
"""Bad tracks may be muted before a tripod solve is judged, but not so many markers that a plane looks like a pan."""
TURNED = 0.5
"""The share of the tracks that a homography explains if the others are asked where they lie."""
PAIRS, FINAL_PAIRS = 5, 2
"""Pairs of keyframes that are tried at first, and in each round. Of five the one with the lowest error was always the
right one, also on flat sets, where the wrong ones gave 30 px and more."""
SAME = 1.01
"""Pairs whose errors differ by less give the same camera, as on clean tracks of a set with depth: one is enough."""
DEEP = 10.0
"""Pixels of parallax (H75) from which two such pairs are enough at first, too. A flat set has 0.3, and there the third
pair may be better."""
CAMERAS = 0.98
"""The share of the frames that have a camera, for a solve to count as whole."""
MUTE_ROUNDS, GAIN = 8, 0.001
"""Rounds end when the error falls by less than this share."""
DROP_ROUNDS = 4
SHORTER, LONGER = 0.8, 1.25
"""Focal lengths that have to be worse, as shares of the one found."""
TRUSTED = 2.0
"""How many times the focal length may become what it was, or the inverse: others have run away."""
OBSERVED = 1.2
"""How many times worse they are at least if the motion determines the focal length: 1.8 to 4.3 where the camera turned,
1.00 where it did not."""
RADIAL_GAIN = 0.1
"""The share by which the error falls at least if the lens distorts: on undistorted footage it is 1 % at most."""


@dataclass(frozen=True)
class _State:
    used: Bools
    solution: Solution


class Refinement:
    """Solves the markers of one motion as well as they allow."""

    def __init__(
        self,
        motion: Motion,
        solver: Solver,
        lens: CameraLens,
        *,
        is_focal_known: bool,
        frames: tuple[int, int] | None = None,
    ) -> None:
        """`motion`: in pixels of the footage. `lens`: of the camera; the place to begin from if it is not known.
        `frames`: the first and the last clip frame that need a camera; those with markers do in any case."""
        self.motion, self.lens, self._frames = motion, lens, frames
        self._solver, self._is_known = solver, is_focal_known
        self._unit = motion.size[0] / REFERENCE
        self._locked = np.array([track.is_locked for track in motion.tracks], bool)
        self._best: _State | None = None
        self._filtered = Filtered(np.ones(len(motion.tracks), bool), (), 1.0, None)
        self._begun = self._used = np.ones(len(motion), bool)
        self._reasons: dict[int, str] = {}
        self._worst = np.zeros(len(motion))
        self._rounds: list[Round] = []
        self._facts = Facts(tracks=len(motion.tracks), is_focal_known=is_focal_known)
        self._pairs = Pairs((), ())
        self._refine: frozenset[str] = frozenset() if is_focal_known else frozenset({FOCAL})
        self._keyframes: list[tuple[int, int]] = []

    def steps(self) -> Generator[Round, None, Outcome]:
        """Everything; yields after the filter and after each solve what was done. `outcome` may be called between."""
        if not len(self.motion):
            self._facts.failure = "no track has a marker"
            return self.outcome()
        yield self._filter()
        if self._facts.link.tracks < LINK:
            return self.outcome()
        if (yield from self._turns()):
            return self.outcome()
        yield from self._solved(PAIRS)
        if self._best is not None:
            yield from self._mute(self._best.solution.attempt.is_tripod)
            yield from self._drop()
            yield from self._distortion()
            yield from self._focal()
        return self.outcome()

    # Before the first solve

    def _filter(self) -> Round:
        motion, facts = self.motion, self._facts
        self._filtered = filtered(motion, self.lens)
        counts = np.bincount(motion.track, minlength=len(motion.tracks))
        kept = self._filtered.kept & (self._locked | (counts >= SHORTEST))
        for drop in self._filtered.dropped:
            self._reasons[drop.track] = drop.reason
        for index in np.flatnonzero(self._filtered.kept & ~kept):
            markers = f"{counts[index]} marker{'s' if counts[index] != 1 else ''}"
            self._reasons[motion.tracks[int(index)].number] = f"it has {markers}, and {SHORTEST} are the least"
        self._begun = self._used = kept[motion.track]
        first, last = int(motion.frames[0]), int(motion.frames[-1])
        facts.frames = (min(first, self._frames[0]), max(last, self._frames[1])) if self._frames else (first, last)
        self._count()
        facts.link = link(motion, self._used)
        facts.before, facts.after = (facts.live.get(facts.link.frame + after, 0) for after in (0, 1))
        self._pairs = ranked(undistorted(motion, self.lens), self._used, PAIRS)
        facts.motion, facts.parallax = self._pairs.motion, self._pairs.homography
        return self._round("Filter")

    def _turns(self) -> Generator[Round, None, bool]:
        """Whether the camera only turns, or does not move: then the tripod solve is all that there is."""
        facts, pairs, motion = self._facts, self._pairs, self.motion
        part = self._used
        if pairs.looked_at and facts.parallax >= FLAT:
            share = explained(undistorted(motion, self.lens), self._used, pairs, AGREES)
            has = np.zeros(len(motion.tracks), bool)
            has[motion.track[self._used]] = True
            turned, apart = has & (share > TURNED), has & (share <= TURNED)
            is_compact = spread(motion, turned) > CLEARLY * spread(motion, apart)
            if turned.sum() < TURNED * has.sum() or not is_compact or (apart & self._locked).any():
                return False
            part = self._used & turned[motion.track]
            facts.apart = int(apart.sum())
            pairs = ranked(undistorted(motion, self.lens), part, PAIRS)
            if pairs.homography >= FLAT:
                facts.apart = 0
                return False
        if not pairs.looked_at:
            return False
        facts.is_still = pairs.motion < STILL
        used, whole = part, int(part.sum())
        for _ in range(TRIPOD_ROUNDS):
            solution = yield from self._try("Tripod", used, None, is_tripod=True)
            if solution is None:
                break
            facts.tripod = solution.average_error / self._unit
            is_trusted = self._is_known or 1 / TRUSTED < solution.lens.focal / self.lens.focal < TRUSTED
            if facts.is_still or (facts.tripod < TRIPOD and is_trusted):
                for index in np.unique(motion.track[self._used & ~part]):
                    self._reasons[motion.tracks[int(index)].number] = "it moves while the camera only turns"
                self._best, self._used, self._begun = _State(used, solution), used, part
                facts.parallax, facts.motion = pairs.homography, pairs.motion
                yield from self._mute(True)
                self._count()
                return True
            off = errors(motion, solution)
            wrong = muted(motion, used, off, self._unit)
            used = used & ~wrong
            if not wrong.any() or used.sum() < (1 - TRIPOD_MUTED) * whole:
                break
        facts.is_still, facts.apart = False, 0
        return False

    # Solves

    def _try(
        self,
        name: str,
        used: Bools,
        keyframes: tuple[int, int] | None,
        *,
        lens: CameraLens | None = None,
        refine: frozenset[str] | None = None,
        is_tripod: bool = False,
    ) -> Generator[Round, None, Solution | None]:
        """Solve, and count it as a round."""
        refine = self._refine if refine is None else refine
        attempt = Attempt(used, lens or self.lens, keyframes, refine, is_tripod)
        try:
            solution = self._solver.solve(attempt)
        except SolveFailed as error:
            self._facts.failure = str(error)
            yield self._round(name, used)
            return None
        yield self._round(name, used, solution)
        return solution if np.isfinite(solution.average_error) else None

    def _solved(self, count: int) -> Generator[Round, None, None]:
        """The best of `count` pairs of keyframes, in the order of the error."""
        found: list[Solution] = []
        for pair in self._pairs.best[:count] or (None,):
            solution = yield from self._try("Solve", self._used, pair)
            if solution is not None:
                found.append(solution)
                found.sort(key=self._rank)
                if self._facts.parallax > DEEP and self._agree(found):
                    break
        if found:
            self._best = _State(self._used, found[0])
            best = found[:FINAL_PAIRS]
            self._keyframes = [solution.keyframes for solution in (best[:1] if self._agree(best) else best)]

    def _agree(self, ordered: list[Solution]) -> bool:
        """Whether the two best ones are whole and alike."""
        if len(ordered) < 2 or self._rank(ordered[1])[0]:
            return False
        return ordered[1].average_error < SAME * ordered[0].average_error

    def _rank(self, solution: Solution) -> tuple[bool, float]:
        first, last = self._facts.frames
        is_whole = len(solution.frames) >= CAMERAS * (last - first + 1)
        return not is_whole, solution.average_error if is_whole else -len(solution.frames)

    def _is_better(self, solution: Solution, gain: float = 0.0) -> bool:
        assert self._best is not None
        before = self._best.solution
        if len(solution.frames) < len(before.frames):
            return False
        return len(solution.frames) > len(before.frames) or (solution.average_error < (1 - gain) * before.average_error)

    def _again(self, name: str, used: Bools) -> Generator[Round, None, Solution | None]:
        """Solve other markers as the best state was solved, with the best pairs of keyframes."""
        assert self._best is not None
        before = self._best.solution.attempt
        pairs = [None] if before.is_tripod else self._keyframes
        found: list[Solution] = []
        for pair in pairs:
            solution = yield from self._try(
                name, used, pair, lens=before.lens, refine=before.refine, is_tripod=before.is_tripod
            )
            if solution is not None:
                found.append(solution)
                self._compare(self._best.solution, solution)
        return min(found, key=self._rank, default=None)

    def _compare(self, before: Solution, solution: Solution) -> None:
        """Note how much worse a solve of fewer, better markers is, which a camera that is right never is."""
        is_whole = len(solution.frames) >= len(before.frames)
        ratio = solution.average_error / max(before.average_error, 1e-9) if is_whole else np.inf
        self._facts.unsteady = max(self._facts.unsteady, float(ratio))

    def _mute(self, is_tripod: bool) -> Generator[Round, None, None]:
        assert self._best is not None
        state = self._best
        for _ in range(TRIPOD_ROUNDS if is_tripod else MUTE_ROUNDS):
            off = errors(self.motion, state.solution)
            wrong = muted(self.motion, state.used, off, self._unit)
            if not wrong.any():
                break
            self._worst[wrong] = np.minimum(off, 1e6)[wrong]
            used = state.used & ~wrong
            solution = yield from self._again("Mute", used)
            if solution is None:
                break
            is_over = solution.average_error > (1 - GAIN) * state.solution.average_error
            state = _State(used, solution)
            if self._is_better(solution):
                self._keep(state)
            if is_over:
                break

    def _drop(self) -> Generator[Round, None, None]:
        for _ in range(DROP_ROUNDS):
            assert self._best is not None
            self._count()
            if self._facts.least_live <= DROP_LIVE:
                break
            state = self._best
            off = errors(self.motion, state.solution)
            wrong, means, limit = dropped(self.motion, state.used, off, self._unit)
            if not wrong.any():
                break
            used = state.used & ~wrong[self.motion.track]
            solution = yield from self._again("Drop", used)
            if solution is None or not self._is_better(solution):
                break
            for index in np.flatnonzero(wrong):
                number = self.motion.tracks[int(index)].number
                self._reasons[number] = f"its error is {means[index]:.2g} px, with {limit:.2g} px allowed"
            self._keep(_State(used, solution))

    def _focal(self) -> Generator[Round, None, None]:
        """Whether another focal length is worse; if not, the one to begin from stays."""
        if self._is_known:
            return
        assert self._best is not None
        best = self._best
        found, pair = best.solution, best.solution.keyframes
        refine = best.solution.attempt.refine - {FOCAL}
        worse: list[float] = []
        for share in (SHORTER, LONGER):
            lens = replace(found.lens, focal=share * found.lens.focal)
            solution = yield from self._try("Focal Length", best.used, pair, lens=lens, refine=refine)
            if solution is not None and len(solution.frames) >= len(found.frames):
                worse.append(solution.average_error)
        self._facts.focal_ratio = min(worse) / max(found.average_error, 1e-9) if worse else TRUSTED * OBSERVED
        is_away = not 1 / TRUSTED < found.lens.focal / self.lens.focal < TRUSTED
        if is_away:
            self._facts.focal_ratio = min(1.0, self._facts.focal_ratio)
        if self._facts.focal_ratio < OBSERVED:
            lens = replace(found.lens, focal=self.lens.focal)
            solution = yield from self._try("Focal Length Left", best.used, pair, lens=lens, refine=refine)
            is_whole = solution is not None and len(solution.frames) >= len(found.frames)
            if solution is not None and is_whole and solution.average_error < OBSERVED * found.average_error:
                self._keep(_State(best.used, solution))

    def _distortion(self) -> Generator[Round, None, None]:
        """Refine the distortion once; where that helps, the markers that it was not known for get another chance."""
        assert self._best is not None
        best = self._best
        if self.lens.is_known:
            return
        refine = self._refine | frozenset({RADIAL})
        before = best.solution
        lens, pair = before.attempt.lens, before.keyframes
        solution = yield from self._try("Distortion", best.used, pair, lens=lens, refine=refine)
        if solution is None or not self._is_better(solution, RADIAL_GAIN):
            return
        self._keep(_State(best.used, solution))
        kept, reasons = self._best, dict(self._reasons)
        again = yield from self._try("Distortion", self._begun, pair, lens=solution.lens, refine=refine)
        if again is None or len(again.frames) < len(solution.frames):
            return
        for index in np.unique(self.motion.track[self._begun]):
            self._reasons.pop(self.motion.tracks[int(index)].number, None)
        self._keep(_State(self._begun, again))
        yield from self._mute(False)
        yield from self._drop()
        if self._best.solution.average_error > kept.solution.average_error:
            self._keep(kept)
            self._reasons = reasons

    # What is known so far

    def _keep(self, state: _State) -> None:
        self._best, self._used = state, state.used
        self._count()

    def _count(self) -> None:
        first, last = self._facts.frames
        counts = live(self.motion, self._used, first, last)
        self._facts.live = {first + index: int(count) for index, count in enumerate(counts)}

    def _round(self, name: str, used: Bools | None = None, solution: Solution | None = None) -> Round:
        used = self._used if used is None else used
        tracks = int(np.count_nonzero(np.bincount(self.motion.track[used], minlength=len(self.motion.tracks))))
        if solution is None:
            found = Round(name, 0.0, 0, tracks, int(used.sum()))
        else:
            found = Round(name, solution.average_error, len(solution.frames), tracks, int(used.sum()))
        self._rounds.append(found)
        return found

    def outcome(self) -> Outcome:
        """The best state so far."""
        motion, facts = self.motion, self._facts
        used = self._used if self._best is None else self._best.used
        solution = None if self._best is None else self._best.solution
        others = (self._filtered.others & ~self._filtered.kept)[motion.track]
        facts.removed_share = 1.0 - float(used.sum() / max(1, int((~others).sum())))
        if solution is not None:
            facts.covered = covered(motion, used)
            seen = angles(motion, solution, used)
            facts.angle = float(np.median(seen)) if len(seen) else 0.0
        return Outcome(
            solution,
            used,
            self._filtered,
            facts,
            drops(motion, used, self._reasons, self._worst),
            mutes(motion, used, self._worst),
            tuple(self._rounds),
        )
