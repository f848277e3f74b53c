# SPDX-License-Identifier: GPL-3.0-or-later
"""Real tracking runs, killed at random instants and resumed. `tools/kill.py` has the logic, and runs more of them."""

import random
import subprocess
import sys
from pathlib import Path

import pytest

from tracking_sessions.tests.pictures import MIRE2
from tracking_sessions.tools.comparison import Difference, Witness, compare_markers, session_file
from tracking_sessions.tools.kill import (
    Case,
    Reference,
    check_blends,
    generated_cases,
    kill_round,
    mire2_cases,
    track_reference,
)


@pytest.fixture(scope="module")
def cases(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Case]:
    return {case.name: case for case in generated_cases(tmp_path_factory.mktemp("footage"), frames=40)}


def kill_and_compare(case: Case, folder: Path, kills: int, seed: int) -> Reference:
    """Kill the case at `kills` instants; raises Difference if any marker is lost or differs by a bit."""
    reference = track_reference(case, folder / "reference")
    hits = list(kill_round(reference, folder / "killed", kills, random.Random(seed)))
    assert hits, "every process was quicker than its kill"
    assert check_blends([(reference, folder / "killed" / "result.blend")]) > 100
    return reference


@pytest.mark.parametrize(("name", "seed"), [("forward KEYFRAME", 4), ("backward PREV_FRAME", 7), ("both KEYFRAME", 9)])
def test_killed_at_random_instants_it_resumes_to_the_same_bits(
    cases: dict[str, Case], tmp_path: Path, name: str, seed: int
) -> None:
    kill_and_compare(cases[name], tmp_path, 3, seed)


@pytest.mark.skipif(not MIRE2.exists(), reason="the Debian package visp-images-data is not installed")
@pytest.mark.parametrize("direction", ["forward", "backward"])
def test_real_footage_survives_kills(tmp_path: Path, direction: str) -> None:
    case = next(case for case in mire2_cases(tmp_path, 120) if case.name.endswith(direction))
    reference = kill_and_compare(case, tmp_path, 2, 3)
    assert len(reference.frames) == 119
    assert len(reference.replay.tracks) > 20


def test_the_witness_finds_unrecorded_changes(cases: dict[str, Case], tmp_path: Path) -> None:
    """The comparison itself can fail."""
    reference = track_reference(cases["forward PREV_FRAME"], tmp_path / "run")
    witness = Witness(tmp_path / "run" / "tracking_sessions")
    witness.check()
    assert len(witness.frames) == 39
    path = session_file(witness.root)
    assert path is not None
    journal = path.with_suffix("") / "journal.1"
    journal.write_bytes(journal.read_bytes()[:-2000])
    with pytest.raises(Difference, match="recorded frames are lost"):
        witness.check()
    markers = reference.replay.markers[1]
    flipped = {**markers, 20: markers[20][:-1] + bytes([markers[20][-1] ^ 1])}
    with pytest.raises(Difference, match="1 markers differ, the first on frame 20"):
        compare_markers("A", markers, flipped)


def test_the_demo_tells_its_story(tmp_path: Path) -> None:
    folder = tmp_path / "demo"
    script = Path(__file__).resolve().parents[2] / "tools" / "demo.py"
    command = [sys.executable, script, "--frames=60", "--size", "320", "180", "--tracks=12", f"--folder={folder}"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr
    for words in ("Killed with SIGKILL", "interrupted  shot", "60 of 60 are recorded", "are the same, bit for bit"):
        assert words in done.stdout
    assert "<h2>Tracks on each frame" in (folder / "report.html").read_text(encoding="utf-8")
    assert (folder / "result.blend").stat().st_size > 10_000
