# SPDX-License-Identifier: GPL-3.0-or-later
"""Earlier sessions of the shots of a batch: resumed or set aside before tracking."""

from __future__ import annotations

from pathlib import Path

import pytest

from tracking_sessions.commands import unfinished
from tracking_sessions.commands.unfinished import settle
from tracking_sessions.core.errors import UsageError
from tracking_sessions.core.library.catalogue import list_sessions
from tracking_sessions.core.recording.create import create_session
from tracking_sessions.core.recording.manager import load_session
from tracking_sessions.core.session import TrackingSessionManager
from tracking_sessions.core.tracking.plan import ShotSpec
from tracking_sessions.tests.core.shots import finish, make_footage, start_run


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "tracking_sessions"


@pytest.fixture
def blend(tmp_path: Path) -> Path:
    (tmp_path / "shot.blend").write_bytes(b"no Blender looks into it here")
    return tmp_path / "shot.blend"


def stopped(footage: Path, root: Path, blend: str = "", clip: str = "") -> TrackingSessionManager:
    session = create_session(footage, "", root, blend=blend, clip=clip)
    with start_run(session, [(1, 6)]) as run:
        run.step()
        run.pause()
    session.close()
    return session


def done(footage: Path, root: Path) -> TrackingSessionManager:
    session = create_session(footage, "", root)
    finish(start_run(session, [(1, 6)]))
    return session


def discarded(root: Path) -> set[str]:
    return {path.stem for path in list_sessions(root) if load_session(path).session.state == "discarded"}


def ids(*sessions: TrackingSessionManager) -> set[str]:
    return {session.session.id for session in sessions}


def test_the_sessions_of_the_shots_are_named_and_no_others(root: Path, tmp_path: Path, blend: Path) -> None:
    one, two, three = (make_footage(tmp_path / name) for name in ("one", "two", "three"))
    mine, other = stopped(one, root), stopped(two, root)
    done(three, root)
    hero = stopped(three, root, str(blend), "hero")
    shots = [ShotSpec(str(one / "plate_0004.png")), ShotSpec(str(three)), ShotSpec(str(blend), clip="hero")]
    with pytest.raises(UsageError) as found:
        settle(root, shots, resume=False, fresh=False)
    words = str(found.value)
    assert words.startswith("2 of 3 shots have unfinished sessions: ")
    assert mine.session.id in words and hero.session.id in words and other.session.id not in words
    settle(root, shots, resume=True, fresh=False)
    settle(root, [ShotSpec(str(blend), clip="background")], resume=False, fresh=False)
    assert not discarded(root)


@pytest.mark.parametrize("name", ["plate_####.png", "plate_%04d.png", "plate_0002-0005.png", "plate_####.png 2-5"])
def test_names_for_whole_sequences_have_the_sessions_of_their_footage(root: Path, tmp_path: Path, name: str) -> None:
    footage = make_footage(tmp_path / "one")
    mine = stopped(footage, root)
    shot = ShotSpec(str(footage / name))
    with pytest.raises(UsageError, match=f"1 of 1 shot has an unfinished session: plate .{mine.session.id}."):
        settle(root, [shot], resume=False, fresh=False)
    settle(root, [shot], resume=False, fresh=True)
    assert discarded(root) == ids(mine)


def test_fresh_sets_aside_the_sessions_of_the_shots(root: Path, tmp_path: Path, blend: Path) -> None:
    one, two = (make_footage(tmp_path / name) for name in ("one", "two"))
    mine = [done(one, root), stopped(one, root)]
    stopped(two, root, str(blend), "background")
    hero = stopped(two, root, str(blend), "hero")
    begun = create_session(one, "", root)  # without records it is not set aside
    begun.close()
    shots = [ShotSpec(str(one)), ShotSpec(str(blend), clip="hero")]
    settle(root, shots, resume=False, fresh=True)
    assert discarded(root) == ids(*mine, hero)
    settle(root, shots, resume=False, fresh=True)
    assert discarded(root) == ids(*mine, hero)


def test_the_answer_fresh_sets_aside_the_sessions_of_the_question(
    root: Path, tmp_path: Path, blend: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, two = (make_footage(tmp_path / name) for name in ("one", "two"))
    older, newer = done(one, root), stopped(one, root)
    done(two, root)  # its shot was not asked about
    asked: list[str] = []
    monkeypatch.setattr(unfinished, "decide", lambda question, error: asked.append(question) or "fresh")
    settle(root, [ShotSpec(str(one)), ShotSpec(str(two))], resume=False, fresh=False)
    assert len(asked) == 1 and "1 of 2 shots has" in asked[0]
    assert discarded(root) == ids(older, newer)


def test_two_clips_of_a_blend_are_two_shots(
    root: Path, tmp_path: Path, blend: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plate = make_footage(tmp_path / "plate")
    for clip in ("hero", "background"):
        stopped(plate, root, str(blend), clip)
    asked: list[str] = []
    monkeypatch.setattr(unfinished, "decide", lambda question, error: asked.append(question) or "resume")
    clips = [ShotSpec(str(blend), clip=clip) for clip in ("hero", "background", "third")]
    settle(root, clips, resume=False, fresh=False)
    assert "2 of 3 shots have" in asked[0]


def test_a_shot_that_cannot_be_tracked_now_keeps_its_sessions(root: Path, tmp_path: Path, blend: Path) -> None:
    """Footage on a missing disk: its sessions stay, and the batch skips the shot."""
    plate = make_footage(tmp_path / "plate")
    stopped(plate, root)
    stopped(plate, root, str(blend), "hero")
    for path in (plate, blend):
        path.rename(path.with_name("away"))
        settle(root, [ShotSpec(str(path))], resume=False, fresh=True)
        settle(root, [ShotSpec(str(path))], resume=False, fresh=False)
        path.with_name("away").rename(path)
    assert not discarded(root)
