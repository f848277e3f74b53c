# SPDX-License-Identifier: GPL-3.0-or-later
"""The table names a wrong camera that was called good, and the command then fails."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tracking_sessions.core.solve.solve import VerdictKind
from tracking_sessions.tools.accuracy import __main__ as table
from tracking_sessions.tools.accuracy import kinds
from tracking_sessions.tools.accuracy.shot import Truth
from tracking_sessions.tools.accuracy.solved import Solved, by_blender, by_command


def true_camera(truth: Truth, verdict: VerdictKind) -> Solved:
    """What a perfect solve of the shot finds, in a world of its own."""
    frames = np.arange(1, truth.frames + 1)
    matrices = truth.matrices * (1.0, 1.0, 1.0, 0.1)
    return Solved(frames, matrices, float(truth.focal[0]), 0.1, 20, 30, verdict, "it is", 1.0)


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):
    """Makes the table of a small shot, for which the command finds what `found` makes of the truth."""
    monkeypatch.setattr(table, "KINDS", {name: replace(kinds.KINDS[name], frames=12) for name in ("orbit", "nodal")})
    monkeypatch.setattr(table, "SMALL_WIDTH", 96)

    def at(found, name: str, *options: str) -> tuple[int, str]:
        monkeypatch.setattr(table, "by_command", lambda truth, limit, jobs, root, tracks_anew: found(truth))
        arguments = ["accuracy", "--only", name, "--small", "--ways", "ours", "--folder", str(tmp_path), *options]
        monkeypatch.setattr(sys, "argv", arguments)
        return table.main(), capsys.readouterr().out

    return at


def test_a_good_camera_passes(run, tmp_path: Path) -> None:
    code, printed = run(lambda truth: true_camera(truth, VerdictKind.SOLVED), "orbit", "--strict")
    assert code == 0 and "Wrong cameras called good: 0. Targets missed: 0." in printed
    (row,) = json.loads((tmp_path / "results.json").read_text(encoding="utf-8"))
    assert row["ours_path"] < 1e-6 and row["ours_cameras"] == 12 and row["ours_verdict"] == "solved"


def test_a_wrong_camera_called_solved_fails(run) -> None:
    def found(truth: Truth) -> Solved:
        solved = true_camera(truth, VerdictKind.SOLVED)
        solved.matrices[6:, 2, 3] += 1.0
        return solved

    code, printed = run(found, "orbit")
    assert code == 1 and "| WRONG |" in printed and "Wrong cameras called good: 1 (orbit)" in printed


def test_a_camera_on_a_tripod_that_is_called_solved_fails(run) -> None:
    assert run(lambda truth: true_camera(truth, VerdictKind.SOLVED), "nodal")[0] == 1
    assert run(lambda truth: true_camera(truth, VerdictKind.TRIPOD), "nodal", "--strict")[0] == 0


def test_a_refused_camera_misses_its_target_and_fails_if_strict(run, tmp_path: Path) -> None:
    def found(truth: Truth) -> Solved:
        return Solved(verdict=VerdictKind.NOT_SOLVED, reason="no")

    code, printed = run(found, "orbit")
    assert code == 0 and "Targets missed: 1 (orbit)" in printed
    (row,) = json.loads((tmp_path / "results.json").read_text(encoding="utf-8"))
    assert row["word"] == "missed" and row["ours_path"] is None and row["ours_reason"] == "no"
    assert run(found, "orbit", "--strict")[0] == 1


def test_a_command_that_fails_misses_its_target(run) -> None:
    code, printed = run(lambda truth: Solved(reason="exit code 3: no licence | none"), "orbit", "--strict")
    assert code == 1 and "exit code 3: no licence / none" in printed


def test_a_shot_is_rendered_once(run, tmp_path: Path) -> None:
    run(lambda truth: true_camera(truth, VerdictKind.SOLVED), "orbit")
    (first,) = tmp_path.glob("orbit-1/*_0001.png")
    made = first.stat().st_mtime_ns
    run(lambda truth: true_camera(truth, VerdictKind.SOLVED), "orbit")
    assert first.stat().st_mtime_ns == made
    run(lambda truth: true_camera(truth, VerdictKind.SOLVED), "orbit", "--first", "2")
    assert (tmp_path / "orbit-2").is_dir()


def test_blender_is_stopped_at_its_time_limit(tmp_path: Path) -> None:
    pytest.importorskip("bpy")
    truth = table.shot("orbit", 1, tmp_path, 3, (96, 54))
    solved = by_blender(truth, 0.05)
    assert not len(solved.frames) and "stopped after 0.05 s" in solved.reason


def test_blender_that_finds_nothing_to_solve_says_so(tmp_path: Path) -> None:
    pytest.importorskip("bpy")
    truth = table.shot("blank", 1, tmp_path, 3, (192, 108))
    solved = by_blender(truth, 100)
    assert not len(solved.frames) and solved.reason and np.isnan(solved.error)
    assert solved.score(truth).frames == 3


def test_a_command_that_refuses_the_footage_gives_its_reason(tmp_path: Path) -> None:
    truth = table.shot("static", 1, tmp_path / "shot", 3, (96, 54))
    for path in truth.folder.glob("*.png"):
        path.write_bytes(path.read_bytes()[:200])
    old = tmp_path / "sessions" / "old"
    old.mkdir(parents=True)
    solved = by_command(truth, 100, root=old.parent)
    assert solved.verdict is None and solved.reason.startswith("exit code") and not len(solved.frames)
    assert not old.exists()  # nothing of an earlier measurement is taken for this one's


@pytest.mark.slow
def test_the_cameras_of_the_command_are_those_of_its_stored_solve(tmp_path: Path) -> None:
    pytest.importorskip("bpy")
    truth = table.shot("orbit", 3, tmp_path / "shot", 30, (480, 270))
    solved = by_command(truth, 280, root=tmp_path / "sessions")
    assert solved.verdict is VerdictKind.SOLVED, solved.reason
    made = solved.score(truth)
    assert made.cameras == made.frames == 30 and made.path < 0.01 and made.turn < 0.1
    assert made.focal == pytest.approx(0, abs=1e-4) and 8 < solved.kept <= solved.made
