# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether the tracker's tracks of a shot follow its true cameras, and whether the shot can be solved at all."""

from __future__ import annotations

import numpy as np

from tracking_sessions.tools.accuracy.shot import Truth
from tracking_sessions.tools.accuracy.solved import by_blender
from tracking_sessions.tools.accuracy.surfaces import Doubles

LEAST = 10
"""Markers: shorter tracks are not judged."""
ROUNDS = 12


def check(truth: Truth, limit: float) -> str:
    """The cells of a row, from tracks that begin in the middle of the shot with stricter settings, solved at once."""
    solved = by_blender(truth, limit, is_recipe=True)
    if solved.tracks is None:
        return f"{solved.reason} | | | | |"
    errors = residuals(solved.tracks, truth)
    errors = errors[np.isfinite(errors).sum(1) >= LEAST]
    if not len(errors):
        return "0 | | | | |"
    rms = np.sqrt(np.nanmean(errors**2, axis=1))
    middle = np.nanmedian(errors, axis=1)
    made = solved.score(truth)
    return (
        f"{len(errors)} | {np.mean(rms > 1):.0%} | {np.median(middle):.3f} | {np.percentile(middle, 90):.3f}"
        f" | {solved.error:.3f} | {100 * made.path:.3f}%"
    )


def residuals(tracks: Doubles, truth: Truth) -> Doubles:
    """[tracks, frames], pixels: from markers [tracks, frames, 2], pixels from the lower left, to the projections of the
    points that suit most of a track's markers, triangulated with the true cameras. Markers that disagree weigh less."""
    made = np.full(tracks.shape[:2], np.nan)
    known = np.isfinite(truth.matrices).all((1, 2))
    for index, track in enumerate(tracks):
        frames = np.flatnonzero(np.isfinite(track[:, 0]) & known)
        if len(frames) < 2:
            continue
        turns, centres = truth.matrices[frames, :, :3], truth.matrices[frames, :, 3]
        flat = truth.straighten(track[frames], frames)
        # the camera axes' x and y, less the ray's share of -z, are at right angles to the ray
        rows = turns[:, :, :2] + flat[:, None, :] * turns[:, :, 2:]
        sides = np.einsum("fij,fi->fj", rows, centres)
        weights = np.ones(len(frames))
        for _ in range(ROUNDS):
            scaled = rows * weights[:, None, None]
            point = np.linalg.lstsq(
                scaled.transpose(0, 2, 1).reshape(-1, 3), (sides * weights[:, None]).ravel(), rcond=None
            )[0]
            seen = np.array([truth.project(point[None], frame + 1)[0] for frame in frames])
            away = np.nan_to_num(np.hypot(*(seen - track[frames]).T), nan=1e3)
            depth = -np.einsum("fi,fi->f", point - centres, turns[:, :, 2])
            weights = 1 / np.maximum(depth, 0.1) / (1 + (away / max(0.1, 2 * float(np.median(away)))) ** 2)
        made[index, frames] = away
    return made
