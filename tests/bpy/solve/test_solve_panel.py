# SPDX-License-Identifier: GPL-3.0-or-later
"""The Solve panel: what it says of each verdict, and what its buttons do in the clip and the scene."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import bpy
import pytest

from tracking_sessions.bridge.clip.editor import ClipEditor
from tracking_sessions.bridge.clip.movie_clip import clip_size, footage_of
from tracking_sessions.bridge.review.deciding import owned
from tracking_sessions.bridge.solve import looking, running, solves
from tracking_sessions.core.footage.analysis.known import Analysis, keep_analysis, known_analysis
from tracking_sessions.core.footage.details import describe
from tracking_sessions.core.model.ranges import FrameRanges
from tracking_sessions.core.model.types import SessionStatus
from tracking_sessions.core.model.wording import timestamp
from tracking_sessions.core.review.person import person
from tracking_sessions.core.solve import recording
from tracking_sessions.core.solve.digest import digest, used_by
from tracking_sessions.core.solve.solve import Bundle, Camera, Drop, Lens, Mute, Solve, Verdict, VerdictKind
from tracking_sessions.core.solve.store import new_solve_id, write_solve
from tracking_sessions.core.solve.taking_part import camera_motion
from tracking_sessions.core.solve.verdict import error_limit
from tracking_sessions.core.storage.folder import SessionFolder
from tracking_sessions.operators import status
from tracking_sessions.operators.solving import TRACKING_SESSIONS_OT_track_and_solve
from tracking_sessions.panels import curve as curves
from tracking_sessions.panels import solve as panels
from tracking_sessions.tests.bpy.driven import status_is_ours
from tracking_sessions.tests.bpy.past import RecordingLayout, drawn
from tracking_sessions.tests.bpy.window import FRAMES, begin, inside, new_file, open_file, operators
from tracking_sessions.tests.footage import Shot as Footage

pytestmark = pytest.mark.usefixtures("registered")
FORM = panels.TRACKING_SESSIONS_PT_solve
LAST = 8
CAMERAS = tuple(
    Camera(frame, (1.0, 0, 0, 0.1 * frame, 0, 1, 0, 0, 0, 0, 1, 0), 0.1 * frame) for frame in range(1, LAST + 1)
)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "work" / "shot.blend"


@pytest.fixture
def editor(footage: Footage, file: Path) -> ClipEditor:
    file.parent.mkdir()
    editor = new_file(footage, file)
    begin(editor, steps=LAST - 1).finish()
    return editor


def store(editor: ClipEditor, kind: VerdictKind = VerdictKind.SOLVED, error: float = 0.12, **how: Any) -> Solve:
    """Store and record a solve of the clip's tracks: a camera that moves to the right, points in front of it."""
    kept, session = owned(editor.clip)
    size = clip_size(editor.clip)
    numbers = sorted(kept.head.tracks)
    dropped, muted = how.pop("dropped", ()), how.pop("muted", ())
    motion = camera_motion(kept.head, size, "Camera")
    solve = Solve(
        id=new_solve_id(SessionFolder.of(session.path), session.id, ()),
        created=timestamp(),
        blender=bpy.app.version_string,
        object="Camera",
        digest=digest(motion, used_by(motion, dropped, muted)),
        verdict=Verdict(kind, "it was looked at", "Look again"),
        lens=Lens(30.0, 36.0, size),
        frames=(1, LAST),
        average_error=error,
        cameras=how.pop("cameras", CAMERAS),
        bundles=tuple(Bundle(number, (number / 10, 0.0, -5.0), number / 100) for number in numbers),
        marker_errors={number: ((2, 0.1), (5, 0.9), (6, 0.2)) for number in numbers},
        dropped=dropped,
        muted=muted,
        tracks_made=len(numbers),
        **how,
    )
    write_solve(SessionFolder.of(session.path), session.id, solve)
    recording.finish(session, solve)
    return solve


def panel(editor: ClipEditor) -> RecordingLayout:
    """The panel after its timer has read the chosen solve."""
    drawn(FORM, editor)
    with inside(editor) as context:
        solves.SOLVES.fill(context)
    return drawn(FORM, editor)


def test_before_any_solve_it_offers_one(editor: ClipEditor) -> None:
    layout = panel(editor)
    assert [name for name, _ in layout.given] == ["tracking_sessions.track_and_solve", "tracking_sessions.solve"]
    assert layout.props == ["is_lens_known"] and not layout.lists


@pytest.mark.parametrize("kind", VerdictKind)
def test_each_verdict_is_told_with_its_figures_and_its_advice(editor: ClipEditor, kind: VerdictKind) -> None:
    store(editor, kind)
    text = " ".join(panel(editor).text.split())
    assert f"{panels.TITLES[kind]}: it was looked at" in text and "Look again" in text
    assert f"Camera on {LAST} of {LAST} frames" in text and "30.00 mm" in text and "Older" not in text


def test_a_solve_is_older_than_its_tracks_once_one_of_them_is_moved(editor: ClipEditor) -> None:
    store(editor)
    name = next(iter(owned(editor.clip)[0].head.tracks.values())).name
    editor.clip.tracking.tracks[name].markers.find_frame(3).co[0] += 0.01
    owned(editor.clip)[0].look(editor.clip, "Move", whole=True)
    assert "Older than the tracks: solve again" in " ".join(panel(editor).text.split())


def test_several_solves_are_listed_the_newest_first_and_the_best_is_chosen(editor: ClipEditor) -> None:
    first = store(editor, error=0.1)
    second = store(editor, VerdictKind.NOT_SOLVED, error=0.05)
    panel(editor)
    with inside(editor) as context:
        view = solves.solves_of(editor.clip)
        assert [row.id for row in view.rows] == [second.id, first.id] and view.best == first.id
        solves.SOLVES.choose(context, second.id)
    assert "Not Solved" in panel(editor).text
    with inside(editor) as context:
        chosen = solves.chosen(context)
    assert chosen is not None and chosen.id == second.id


def test_a_new_solve_is_chosen_once_it_is_there(editor: ClipEditor) -> None:
    store(editor)
    panel(editor)
    store(editor, VerdictKind.CUT)
    assert "Cut: it was looked at" in " ".join(panel(editor).text.split())


def compared(editor: ClipEditor) -> RecordingLayout:
    return drawn(panels.TRACKING_SESSIONS_PT_compare, editor)


def test_several_solves_are_compared_in_a_table(editor: ClipEditor) -> None:
    store(editor, error=0.1, keyframes=(2, 7))
    assert not panel(editor).popovers
    store(editor, VerdictKind.NOT_SOLVED, error=0.05)
    assert panel(editor).popovers == ["TRACKING_SESSIONS_PT_compare"]
    editor.clip.frame_start = 101
    head, newest, oldest = compared(editor).lines
    assert head == ["", "Verdict", "Error", "Frames", "Tracks", "Focal Length", "Keyframes", "Made"]
    count = len(owned(editor.clip)[0].head.tracks)
    figures = [f"{LAST} of {LAST}", f"{count} of {count}", "30.00 mm"]
    assert newest[1:-1] == ["Not Solved", "0.05 px", *figures, ""]
    assert oldest[1:-1] == ["Solved", "0.10 px", *figures, "102, 107"] and ":" in oldest[-1]
    assert [icon for icon in compared(editor).icons if icon.startswith("SOLO")] == ["SOLO_OFF", "SOLO_ON"]


def test_an_artist_marks_the_best_solve_and_it_stays_the_best(editor: ClipEditor, file: Path) -> None:
    first = store(editor, error=0.1)
    second = store(editor, error=0.4)
    layout = panel(editor)
    with inside(editor) as context:
        solves.SOLVES.choose(context, second.id)
    layout = panel(editor)
    assert "tracking_sessions.mark_best" in [name for name, _ in layout.given] and "Marked as best" not in layout.text
    with inside(editor):
        assert operators.mark_best() == {"FINISHED"}
    layout = panel(editor)
    assert f"Marked as best by {person()}" in " ".join(layout.text.split()) and "Unmark Best" in layout.text
    bpy.ops.wm.save_mainfile()
    editor = open_file(file)
    panel(editor)
    with inside(editor) as context:
        assert (
            solves.solves_of(editor.clip).best == solves.chosen_id(context, solves.solves_of(editor.clip)) == second.id
        )
        star = next(given for name, given in compared(editor).given if given.solve == second.id)
        assert operators.mark_best(solve=star.solve) == {"FINISHED"}  # again: the figures decide
        assert solves.solves_of(editor.clip).best == first.id


def test_a_solve_without_a_camera_is_never_the_best(editor: ClipEditor) -> None:
    store(editor)
    bad = store(editor, VerdictKind.CUT, error=0.0, cameras=())
    assert "tracking_sessions.mark_best" not in [name for name, _ in panel(editor).given]
    with inside(editor), pytest.raises(RuntimeError, match="no camera"):
        operators.mark_best(solve=bad.id)


def test_the_chosen_solve_is_put_into_the_scene_and_undone_in_one_step(editor: ClipEditor) -> None:
    solve = store(editor)
    before = sorted(one.name for one in bpy.data.objects)
    names = {data.name for data in owned(editor.clip)[0].head.tracks.values()}
    bpy.ops.ed.undo_push(message="Before")
    with inside(editor):
        assert operators.set_up_scene("EXEC_DEFAULT", True) == {"FINISHED"}
    camera = bpy.context.scene.camera
    assert camera is not None and camera.data.lens == pytest.approx(solve.lens.focal)
    assert names <= {one.name for one in bpy.data.objects}
    bpy.ops.ed.undo()
    assert sorted(one.name for one in bpy.data.objects) == before


def test_what_a_solve_left_out_is_muted_and_loses_its_weight_and_the_solve_stays_fresh(editor: ClipEditor) -> None:
    head = owned(editor.clip)[0].head
    first, second = sorted(head.tracks)[:2]
    names = {number: data.name for number, data in head.tracks.items()}
    store(editor, dropped=(Drop(first, "it slides"),), muted=(Mute(second, 3, 5, 2.0),))
    assert "Left out: 1 Track and 1 Stretch" in " ".join(panel(editor).text.split())
    with inside(editor):
        assert operators.leave_out() == {"FINISHED"}
    tracks = editor.clip.tracking.tracks
    assert tracks[names[first]].weight == 0.0
    assert [tracks[names[second]].markers.find_frame(frame).mute for frame in (2, 3, 4, 5, 6)] == [0, 1, 1, 1, 0]
    assert "Older" not in panel(editor).text


def curve_in(editor: ClipEditor) -> curves.Drawn | None:
    region = max(editor.area.regions, key=lambda region: region.width)
    with bpy.context.temp_override(window=editor.window, area=editor.area, region=region):
        return curves.curve_in(bpy.context)


def test_the_error_of_the_chosen_solve_is_a_curve_above_the_strip(editor: ClipEditor) -> None:
    assert curve_in(editor) is None
    store(editor, error=0.45)
    panel(editor)
    shown = curve_in(editor)
    assert shown is not None and curve_in(editor) is shown, "it is made once"
    assert shown.curve.residuals == pytest.approx([0.1 * frame for frame in range(1, LAST + 1)])
    limit = error_limit(clip_size(editor.clip)[0])
    assert shown.curve.thresholds == [limit] * LAST
    assert curves.words(shown, 3) == f"Solve: 0.30 px here, 0.45 px average, {limit:.2g} px at most"
    assert curves.words(shown, LAST + 1).startswith("Solve: no camera here")
    assert max(y for run in shown.runs for _, y in run) == pytest.approx(min(curves.TOP, 0.8 / limit))
    store(editor, VerdictKind.CUT, error=0.0, cameras=())
    panel(editor)  # which chooses the new one
    assert curve_in(editor) is None


def test_a_pass_hides_the_curve_and_so_does_another_clip(editor: ClipEditor, footage: Footage) -> None:
    store(editor)
    panel(editor)
    assert curve_in(editor) is not None
    run = begin(editor, backwards=None)
    assert curve_in(editor) is None
    run.finish()
    assert curve_in(editor) is not None
    editor.space.clip = bpy.data.movieclips.load(str(footage.files[0]))
    assert curve_in(editor) is None


def test_a_locked_track_is_left_alone(editor: ClipEditor) -> None:
    head = owned(editor.clip)[0].head
    number = min(head.tracks)
    track = editor.clip.tracking.tracks[head.tracks[number].name]
    store(editor, dropped=(Drop(number, "it slides"),), muted=(Mute(number, 3, 5, 2.0),))
    track.lock = True
    with inside(editor):
        operators.leave_out()
    assert track.weight == 1.0 and not track.markers.find_frame(4).mute


def test_a_click_on_a_track_goes_to_the_frame_of_its_largest_error(editor: ClipEditor) -> None:
    store(editor)
    number = max(owned(editor.clip)[0].head.tracks)
    layout = panel(editor)
    jumps = [given.track for name, given in layout.given if name == "tracking_sessions.go_to_track"]
    assert jumps[0] == number and len(jumps) == 5
    with inside(editor) as context:
        assert operators.go_to_track(track=number) == {"FINISHED"}
        assert context.scene.frame_current == 5
    assert editor.clip.tracking.tracks.active.name == owned(editor.clip)[0].head.tracks[number].name


def test_a_dropped_track_has_no_weight_and_makes_the_solve_older(editor: ClipEditor) -> None:
    store(editor)
    number = max(owned(editor.clip)[0].head.tracks)
    with inside(editor):
        assert operators.drop_track(track=number) == {"FINISHED"}
    assert editor.clip.tracking.tracks[owned(editor.clip)[0].head.tracks[number].name].weight == 0.0
    assert "Older" in panel(editor).text


def test_a_damaged_solve_is_told_and_does_no_harm(editor: ClipEditor) -> None:
    solve = store(editor)
    session = owned(editor.clip)[1]
    (binary,) = SessionFolder.of(session.path).solves(session.id).glob(f"{solve.id}.bin")
    binary.write_bytes(binary.read_bytes()[:-3])
    text = " ".join(panel(editor).text.split())
    assert "cannot be read" in text and "Solved: it was looked at" in text
    with inside(editor), pytest.raises(RuntimeError, match="cannot be read"):
        operators.set_up_scene()


def test_an_opened_file_shows_its_solves(editor: ClipEditor, file: Path) -> None:
    store(editor)
    bpy.ops.wm.save_mainfile()
    editor = open_file(file)
    assert "Solved: it was looked at" in " ".join(panel(editor).text.split())


def test_it_says_what_an_analysis_has_found_in_the_footage(editor: ClipEditor) -> None:
    session = owned(editor.clip)[1]
    folder, fingerprint = SessionFolder.of(session.path), session.session.footage.fingerprint
    keep_analysis(folder, fingerprint, Analysis(FRAMES, black=FrameRanges([(3, 4)]), looked=FrameRanges([(1, FRAMES)])))
    assert "Black:" in panel(editor).text


def kept_analysis(editor: ClipEditor, file: Path) -> Analysis | None:
    folder = SessionFolder(file.parent / "tracking_sessions")
    return known_analysis(folder, describe(footage_of(editor.clip)).fingerprint)


def test_the_footage_is_looked_at_in_slices_and_the_panel_says_how_far(footage: Footage, file: Path) -> None:
    """Of a clip that nobody has tracked, so that there is no session yet."""
    file.parent.mkdir()
    editor = new_file(footage, file)
    images = len(bpy.data.images)
    work = looking.Looking(editor.clip)
    done = [work.done]
    while work.tick(0.0):
        done.append(work.done)
        assert f"Looking at the footage: {work.done} of {FRAMES} frames" in " ".join(drawn(FORM, editor).text.split())
    assert done == sorted(done) and len(set(done)) > FRAMES / 2
    kept = kept_analysis(editor, file)
    assert work.is_over and work.found is not None and kept is not None and kept.content() == work.found.content()
    again = looking.Looking(editor.clip)
    assert not again.tick() and again.found == kept and len(bpy.data.images) == images
    begin(editor, steps=3).finish()
    known = looking.Looking(editor.clip)
    assert known.is_over and known.found == kept and looking.looking() is None


def test_a_stopped_look_keeps_nothing_and_tracks_nothing(footage: Footage, file: Path) -> None:
    file.parent.mkdir()
    editor = new_file(footage, file)
    operator = Looks(editor)
    assert operator.send() == {"PASS_THROUGH"} and looking.looking() is operator._looking
    with inside(editor):
        assert not operators.track_and_solve.poll()
    assert operator.send("ESC") == {"CANCELLED"}
    assert looking.looking() is None and operator._timer is None and not status_is_ours()
    assert kept_analysis(editor, file) is None and not (file.parent / "tracking_sessions" / "sessions").exists()
    assert "round" not in drawn(FORM, editor).text


def test_a_pass_of_the_artist_ends_the_look(footage: Footage, file: Path) -> None:
    file.parent.mkdir()
    editor = new_file(footage, file)
    operator = Looks(editor)
    operator.send()
    run = begin(editor, steps=2)
    assert operator.send() == {"CANCELLED"} and looking.looking() is None
    run.finish()
    assert status_is_ours(), "the pass shows its progress there"
    status.clear(bpy.context)  # as the operator of the pass does


class Looks:
    """Track and Solve while it looks at the footage, which gets its events from the test."""

    _kind = TRACKING_SESSIONS_OT_track_and_solve
    modal, cancel, _go_on_looking, _tell_footage = (
        _kind.modal,
        _kind.cancel,
        _kind._go_on_looking,
        _kind._tell_footage,
    )
    _job, _stop_listening = _kind._job, _kind._stop_listening

    def __init__(self, editor: ClipEditor) -> None:
        self.reports: list[str] = []
        self._looking, self._editor, self._display = looking.Looking(editor.clip), editor, status.Display()
        self._timer: Any = bpy.context.window_manager.event_timer_add(1.0, window=editor.window)

    def report(self, kind: set[str], text: str) -> None:
        self.reports.append(text)

    def send(self, kind: str = "TIMER") -> Any:
        context = bpy.context
        with context.temp_override(window=context.window_manager.windows[0]):
            return self.modal(context, SimpleNamespace(type=kind, value="PRESS"))  # type: ignore[arg-type]


def test_frames_that_the_analysis_names_get_no_seed(footage: Footage, file: Path) -> None:
    file.parent.mkdir()
    editor = new_file(footage, file)
    work = looking.Looking(editor.clip)
    while work.tick():
        pass
    assert work.found is not None
    named = FrameRanges([(FRAMES // 3, FRAMES)])
    details = describe(footage_of(editor.clip))
    keep_analysis(
        SessionFolder(file.parent / "tracking_sessions"), details.fingerprint, replace(work.found, black=named)
    )
    with inside(editor):
        assert operators.track_and_solve() == {"FINISHED"}
        session = owned(editor.clip)[1]
        assert operators.stop_solve() == {"FINISHED"}
    assert session.passes and all(one.start not in named for one in session.passes)
    assert "Black:" in panel(editor).text


def test_track_and_solve_goes_on_with_a_paused_pass_and_then_solves(editor: ClipEditor) -> None:
    """As after Esc: the pass of the fixture stopped on a frame in the middle."""
    assert owned(editor.clip)[1].unfinished
    with inside(editor):
        assert operators.track_and_solve() == {"FINISHED"}
    job = running.running(editor.clip)
    assert job is not None
    session = owned(editor.clip)[1]
    assert not session.unfinished and session.session.status is SessionStatus.SOLVING
    assert len(session.session.tracked_frames) == FRAMES
    names = [data.name for data in owned(editor.clip)[0].head.tracks.values()]
    assert any(name.startswith("Auto ") for name in names) and any(not name.startswith("Auto ") for name in names)
    with inside(editor):
        assert operators.stop_solve() == {"FINISHED"}
    assert running.running(editor.clip) is None and session.session.status is not SessionStatus.SOLVING
    assert not session.solves
