# SPDX-License-Identifier: GPL-3.0-or-later
"""Audits of a clip that Blender's tracker has tracked, with markers moved as by a tracker that slips."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import bpy
import pytest

from tracking_sessions.bridge import watch
from tracking_sessions.bridge.clip.editor import ClipEditor
from tracking_sessions.bridge.review import auditing, deciding, problems
from tracking_sessions.bridge.review.auditing import Audit
from tracking_sessions.bridge.sessions.recording import close_recordings, recording_of
from tracking_sessions.core.errors import UsageError
from tracking_sessions.core.model.flags import Flag, FlagKind
from tracking_sessions.core.model.frame_status import FrameStatus
from tracking_sessions.core.model.ranges import FrameRanges
from tracking_sessions.tests.bpy.recordings import blender_tracks
from tracking_sessions.tests.bpy.review.reviews import numbers, review
from tracking_sessions.tests.bpy.window import begin, held_session_of, inside, new_file, operators
from tracking_sessions.tests.footage import Shot as Footage
from tracking_sessions.tests.footage import make_shot

pytestmark = pytest.mark.usefixtures("registered")

SLIPS = {"Survives.01": 12, "Survives.02": 20}


@pytest.fixture(scope="module")
def footage(tmp_path_factory: pytest.TempPathFactory) -> Footage:
    """Most of its tracks survive."""
    return make_shot(tmp_path_factory.mktemp("shot"), 100, 640, 360, tracks=24)


@pytest.fixture
def editor(footage: Footage, file: Path) -> ClipEditor:
    """Thirty frames are tracked, and two tracks slip by 40 pixels, each on one frame."""
    editor = new_file(footage, file)
    bpy.context.scene.frame_end = 100
    begin(editor, steps=30).finish()
    for name, frame in SLIPS.items():
        slip(editor.clip, name, frame)
    return editor


def slip(clip: Any, name: str, frame: int, pixels: float = 40.0) -> None:
    clip.tracking.tracks[name].markers.find_frame(frame).co[0] += pixels / clip.size[0]


def jumps(clip: Any) -> list[tuple[str, int, int]]:
    """The tracks and frames of the jumps that were found."""
    names = {number: name for name, number in numbers(clip).items()}
    found = [flag for flag in review(clip).flags if flag.kind is FlagKind.JUMP]
    return sorted((names[flag.track], flag.first, flag.last) for flag in found)


SLIPPED = [(name, frame, frame) for name, frame in SLIPS.items()]


def idle(clip: Any) -> None:
    """Let the clip be looked at until nothing is left to do."""
    recording = recording_of(clip)
    assert recording is not None
    for _ in range(200):
        if watch.tick() != watch.SOON and not auditing.at_idle(clip, recording):
            return
    raise AssertionError("there is always more to do")


@pytest.fixture
def quiet(monkeypatch: pytest.MonkeyPatch) -> None:
    """A clip is audited by itself at once."""
    monkeypatch.setattr(auditing, "QUIET", 0.0)


@pytest.mark.parametrize("level", ["QUICK", "FULL"])
def test_the_first_audit_begins_the_review_and_finds_the_jumps(editor: ClipEditor, file: Path, level: str) -> None:
    with inside(editor):
        assert operators.audit(level=level) == {"FINISHED"}
    assert jumps(editor.clip) == SLIPPED
    kept = held_session_of(file).review
    assert str(kept.failed) == "12,20" and len(kept.approved) == 29
    assert len(kept.full) == (31 if level == "FULL" else 0)


def test_an_audit_goes_on_in_slices_and_reports_its_share(editor: ClipEditor) -> None:
    audit = Audit(editor.clip, "FULL")
    shares = []
    while audit.go_on(0.0):
        assert auditing.running(editor.clip) is audit
        shares.append(audit.progress)
    assert len(shares) > 5 and shares == sorted(shares) and 0.0 <= shares[0] < shares[-1] <= 1.0
    assert auditing.running(editor.clip) is None and jumps(editor.clip) == SLIPPED


def test_an_audit_sees_what_a_script_has_done_to_any_track(editor: ClipEditor) -> None:
    with inside(editor):
        operators.audit()
    for track in editor.clip.tracking.tracks:
        track.select = False
    recording_of(editor.clip).look(editor.clip, "Deselect")
    slip(editor.clip, "Survives.05", 25)
    with inside(editor):
        operators.audit()
    number = numbers(editor.clip)["Survives.05"]
    assert [flag.track for flag in review(editor.clip).flags if flag.covers(25) and flag.track] == [number]


@pytest.mark.parametrize("level", ["QUICK", "FULL"])
@pytest.mark.parametrize("case", ["one track", "all muted", "a marker far off"])
def test_what_nothing_can_test_is_audited_without_an_error(footage: Footage, file: Path, case: str, level: str) -> None:
    editor = new_file(footage, file)
    tracks = editor.clip.tracking.tracks
    if case == "one track":
        for track in tracks:
            track.select = track != tracks[0]
        with inside(editor):
            bpy.ops.clip.delete_track()
        tracks[0].select = True
    begin(editor, steps=2).finish()
    for track in tracks:
        for marker in track.markers:
            marker.mute = marker.mute or case == "all muted"
    if case == "a marker far off":
        tracks[0].markers.find_frame(2).co = 1e30, -1e30
    with inside(editor):
        assert operators.audit(level=level) == {"FINISHED"}
        assert operators.audit(level=level) == {"FINISHED"}
    idle(editor.clip)
    assert sum(problems.review_of(editor.clip).counts.values())


def test_a_stopped_audit_says_nothing(editor: ClipEditor) -> None:
    recording = deciding.begin(editor.clip)
    assert recording.session is not None
    before = recording.session.position
    audit = Audit(editor.clip, "QUICK")
    assert audit.go_on(0.0)
    audit.cancel()
    audit.cancel()
    assert auditing.running(editor.clip) is None and recording.session.position == before


def test_frames_that_change_during_an_audit_stay_unjudged(editor: ClipEditor) -> None:
    audit = Audit(editor.clip, "QUICK")
    while not audit.progress:
        assert audit.go_on(0.0)
    begin(editor, backwards=None, steps=9).finish()  # new frames
    with pytest.raises(UsageError, match="audit again"):
        while audit.go_on(0.0):
            recording_of(editor.clip).close()  # as if another one took the session
    audit = Audit(editor.clip, "QUICK")
    while not audit.progress:
        assert audit.go_on(0.0)
    slip(editor.clip, "Survives.03", 40)
    recording_of(editor.clip).look(editor.clip, "Move", whole=True)
    while audit.go_on(0.0):
        pass
    state = problems.review_of(editor.clip)
    reach = auditing._reach()
    assert state.counts[FrameStatus.TRACKED] == reach + 1 < 40
    assert jumps(editor.clip) == []


@pytest.mark.usefixtures("quiet")
@pytest.mark.parametrize("tracker", ["ours", "blender"])
def test_new_frames_of_a_pass_are_audited_by_themselves(editor: ClipEditor, tracker: str) -> None:
    with inside(editor):
        operators.audit()
    clip = editor.clip
    if tracker == "ours":
        begin(editor, backwards=None, steps=9).finish()
    else:
        bpy.context.scene.frame_current = 31
        blender_tracks(editor, 31, 40)
    assert problems.review_of(clip).counts[FrameStatus.TRACKED] == 9
    idle(clip)
    assert problems.review_of(clip).counts[FrameStatus.TRACKED] == 0
    assert set(SLIPPED) <= set(jumps(clip))


@pytest.mark.usefixtures("quiet")
def test_nothing_is_audited_by_itself_without_a_review(editor: ClipEditor, file: Path) -> None:
    idle(editor.clip)
    assert not held_session_of(file).review.id


@pytest.mark.usefixtures("quiet")
def test_an_edit_is_judged_again_once_the_artist_has_left_it(editor: ClipEditor) -> None:
    with inside(editor) as context:
        operators.audit()
        operators.next_problem()
        flag = problems.current(context)
    assert isinstance(flag, Flag)
    clip = editor.clip
    name = problems.review_of(clip).names[flag.track]
    slip(clip, name, flag.first, -40.0)  # the artist puts the marker back
    recording_of(clip).look(clip, "Move", whole=True)
    idle(clip)
    assert review(clip).verdict(flag.first) is None, "they look at it"
    assert review(clip).verdict(flag.first + 1) is FrameStatus.APPROVED
    bpy.context.scene.frame_current = 30
    idle(clip)
    assert review(clip).verdict(flag.first) is FrameStatus.APPROVED
    assert jumps(clip) == [found for found in SLIPPED if found[0] != name]
    slip(clip, name, flag.first, 40.0)
    recording_of(clip).look(clip, "Move", whole=True)
    idle(clip)
    assert jumps(clip) == SLIPPED


def test_a_clip_is_left_alone_for_a_while(editor: ClipEditor) -> None:
    with inside(editor):
        operators.audit()
    begin(editor, backwards=None, steps=3).finish()
    idle(editor.clip)
    assert problems.review_of(editor.clip).counts[FrameStatus.TRACKED] == 3


@pytest.mark.usefixtures("quiet")
def test_what_a_person_has_approved_stays_approved(editor: ClipEditor, file: Path) -> None:
    with inside(editor):
        operators.audit()
    deciding.approve(editor.clip, FrameRanges.parse("12"))
    with inside(editor):
        operators.audit()
    idle(editor.clip)
    kept = held_session_of(file).review
    assert 12 in kept.approved and str(kept.failed) == "20"
    close_recordings()
