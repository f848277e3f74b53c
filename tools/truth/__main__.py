# SPDX-License-Identifier: GPL-3.0-or-later
"""Prints the tables of docs/review.md: what an audit finds of known defects, beside Blender's Filter Tracks.

    .venv/bin/python tools/truth                      all tables, in about ten minutes
    .venv/bin/python tools/truth --only jumps few     these; --shots 1 for a quick look

Each shot has a seed of its own, from --first on; the same call prints the same tables.
"""

from __future__ import annotations

import argparse
import runpy
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

if __name__ == "__main__":
    runpy.run_path(str(Path(__file__).resolve().parent.parent.parent / "__main__.py"))["_load"]()

import numpy as np

from tracking_sessions.core.model.flags import Flag, FlagKind
from tracking_sessions.core.review.audit import Level, audit
from tracking_sessions.core.review.lens import Lens
from tracking_sessions.core.review.motion import Motion
from tracking_sessions.core.review.reprojection import Solve
from tracking_sessions.tools.truth.defects import Defective, lives, with_drift, with_jumps, with_strays
from tracking_sessions.tools.truth.scenes import CAMERAS, HEIGHT, WIDTH, Floats, Scene, make, shaken
from tracking_sessions.tools.truth.scoring import (
    Score,
    filter_tracks,
    flagged,
    score_drift,
    score_jumps,
    score_tracks,
)

SURE = {FlagKind.JUMP, FlagKind.SWAP}
ALL = SURE | {FlagKind.POSSIBLE_JUMP}
SLOW = {FlagKind.DRIFT, FlagKind.STRAY}
Flags = Callable[[Floats, Level, Lens | None], list[Flag]]


def flags_of(positions: Floats, level: Level, lens: Lens | None, size: tuple[int, int] = (WIDTH, HEIGHT)) -> list[Flag]:
    return audit(Motion.of_positions(positions, size), level=level, lens=lens)


def jump_row(made: Iterator[tuple[Defective, Lens | None, tuple[int, int]]]) -> str:
    """The cells of Blender's measure, of a quick audit, of a full one, and of a full one with its possible jumps."""
    scores = [Score() for _ in range(4)]
    for defective, lens, size in made:
        positions = defective.positions
        shape = positions.shape[:2]
        full = flags_of(positions, Level.FULL, lens, size)
        quick = flags_of(positions, Level.QUICK, lens, size)
        for score, found in zip(
            scores,
            (
                filter_tracks(positions),
                flagged(quick, shape, SURE),
                flagged(full, shape, SURE),
                flagged(full, shape, ALL),
            ),
            strict=True,
        ):
            score.add(score_jumps(found, defective))
    return f"{scores[2].defects} | " + " | ".join(map(str, scores))


JUMP_HEAD = (
    "| shot | defects | Filter Tracks, 5 px | quick | full | full, with POSSIBLE_JUMP |\n|---|---|---|---|---|---|"
)


def jumps(seeds: range) -> None:
    print("\n100 tracks, noise of 0.05 px:\n\n" + JUMP_HEAD)
    for camera in CAMERAS:
        for name, is_known in (("lens known", True), ("lens unknown", False)):
            print(f"| {camera}, {name} | {jump_row(_generated(camera, seeds, is_known=is_known))} |", flush=True)


def noise(seeds: range) -> None:
    print("\n100 tracks, noise of 0.2 px, lens known:\n\n" + JUMP_HEAD)
    for camera in CAMERAS:
        print(f"| {camera} | {jump_row(_generated(camera, seeds, noise=0.2))} |", flush=True)


def few(seeds: range) -> None:
    print("\nFew tracks, noise of 0.05 px, lens known:\n\n" + JUMP_HEAD)
    for tracks in (24, 12):
        for camera in CAMERAS:
            print(f"| {tracks} tracks, {camera} | {jump_row(_generated(camera, seeds, tracks=tracks))} |", flush=True)


def _generated(
    camera: str, seeds: range, *, tracks: int = 100, noise: float = 0.05, is_known: bool = True
) -> Iterator[tuple[Defective, Lens | None, tuple[int, int]]]:
    for seed in seeds:
        scene = make(camera, seed=seed, tracks=tracks, noise=noise)
        lens = scene.undistort if is_known else None
        yield with_jumps(scene.positions, seed=seed, hop=scene.hop), lens, (WIDTH, HEIGHT)


def drift(seeds: range) -> None:
    print("\nDrift, 10 tracks of each shot, found within 40 frames (recall / precision / false):\n")
    print("| shot | 0.05 px/frame, lens known | unknown | 0.1 px/frame, lens known | unknown |\n|---|---|---|---|---|")
    for camera in ("dolly", "hand-held", "orbit", "pan", "zoom", "rolling", "wall"):
        cells: list[str] = []
        for speed in (0.05, 0.1):
            for is_known in (True, False):
                score = Score()
                for seed in seeds:
                    scene = make(camera, seed=seed)
                    made = with_drift(scene.positions, seed=seed, speed=speed)
                    flags = flags_of(made.positions, Level.FULL, scene.undistort if is_known else None)
                    score.add(score_drift(flagged(flags, made.dirty.shape, SLOW), made))
                cells.append(str(score))
        print(f"| {camera} | {' | '.join(cells)} |", flush=True)


def strays(seeds: range) -> None:
    print("\nStrays, 6 tracks of each shot that sway by 20 px (found / of the flagged tracks / false of the others):\n")
    print("| shot | lens known | unknown |\n|---|---|---|")
    for camera in ("dolly", "hand-held", "orbit", "pan", "wall"):
        cells: list[str] = []
        for is_known in (True, False):
            score = Score()
            for seed in seeds:
                scene = make(camera, seed=seed)
                made = with_strays(scene.positions, seed=seed)
                flags = flags_of(made.positions, Level.FULL, scene.undistort if is_known else None)
                first, last = lives(made.positions)
                found = {flag.track - 1 for flag in flags if flag.kind is FlagKind.STRAY}
                score.add(score_tracks(found, made, int((last - first >= 40).sum())))
            cells.append(str(score))
        print(f"| {camera} | {' | '.join(cells)} |", flush=True)


def solved(seeds: range) -> None:
    print(
        "\nERROR after a solve: true cameras with 0.02 px of noise in their rotation, drift found within 40 frames:\n"
    )
    print("| shot | 0.05 px/frame | 0.1 px/frame |\n|---|---|---|")
    for camera in ("dolly", "hand-held", "orbit", "zoom"):
        cells: list[str] = []
        for speed in (0.05, 0.1):
            score = Score()
            for seed in seeds:
                scene = make(camera, seed=seed, k1=0.0)
                made = with_drift(scene.positions, seed=seed, speed=speed)
                flags = audit(Motion.of_positions(made.positions, (WIDTH, HEIGHT)), solve=_solve(scene, seed))
                for defect in made.defects:  # the point of a drifting track lies between its halves
                    made.dirty[defect.track] = True
                score.add(score_drift(flagged(flags, made.dirty.shape, {FlagKind.ERROR}), made))
            cells.append(str(score))
        print(f"| {camera} | {' | '.join(cells)} |", flush=True)


def _solve(scene: Scene, seed: int) -> Solve:
    rotations = shaken(scene.rotations, 0.02 / scene.focal, seed)
    return Solve(np.arange(1, len(scene.focal) + 1), rotations, scene.centres, scene.focal)


def real(seeds: range) -> None:
    from tracking_sessions.tools.truth.real import shots as real_shots

    print("\nTracks of Blender's tracker, defects injected, lens unknown:\n\n" + JUMP_HEAD)
    with tempfile.TemporaryDirectory(prefix="truth-") as folder:
        for name, positions, size, wrong in real_shots(Path(folder)):
            injected = [with_jumps(positions, seed=seed) for seed in seeds]
            for made in injected:
                made.dirty |= wrong
            alive, share = (
                np.median(np.isfinite(positions[..., 0]).sum(0)),
                wrong.sum() / np.isfinite(positions[..., 0]).sum(),
            )
            words = f"{name}, {alive:.0f} tracks" + (f", {share:.1%} wrong before" if share else "")
            print(f"| {words} | {jump_row((made, None, size) for made in injected)} |", flush=True)


TABLES = {"jumps": jumps, "noise": noise, "few": few, "drift": drift, "strays": strays, "solved": solved, "real": real}


def main() -> int:
    parser = argparse.ArgumentParser(description="Measure what an audit finds of known defects.")
    parser.add_argument("--only", nargs="+", choices=TABLES, default=list(TABLES), help="print only these tables")
    parser.add_argument("--shots", type=int, default=3, metavar="N", help="shots for each row (default 3)")
    parser.add_argument("--first", type=int, default=1, metavar="SEED", help="the seed of the first shot (default 1)")
    options = parser.parse_args()
    began = time.process_time()
    print("Recall of jumps of 3 px and more / precision / flagged clean markers.")
    for name in options.only:
        TABLES[name](range(options.first, options.first + options.shots))
    print(f"\n{time.process_time() - began:.0f} s of the processor.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
