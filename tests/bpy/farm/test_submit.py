# SPDX-License-Identifier: GPL-3.0-or-later
"""Submit and Retry, with what an artist reads of them."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import bpy
import pytest

from tracking_sessions.bridge import preferences as preferences_module
from tracking_sessions.bridge.clip.editor import ClipEditor
from tracking_sessions.bridge.farm import child, sending
from tracking_sessions.bridge.farm import shots as listing
from tracking_sessions.bridge.open_file import open_file
from tracking_sessions.bridge.preferences import Preferences
from tracking_sessions.bridge.sessions.recording import known_recording
from tracking_sessions.core.batch.shots import ShotStatus
from tracking_sessions.core.farm.manifest import Manifest
from tracking_sessions.core.farm.states import State, States
from tracking_sessions.core.farm.status import Stand
from tracking_sessions.core.farm.submission import Resources
from tracking_sessions.core.farm.submitting import find_submission, sent
from tracking_sessions.core.library.catalogue import session_files
from tracking_sessions.operators import farm as actions
from tracking_sessions.tests.bpy.past import RecordingLayout
from tracking_sessions.tests.bpy.window import FRAMES, begin, inside, look, new_file, operators
from tracking_sessions.tests.footage import Shot as Footage

BEGUN = "2026-01-31T10:15:00Z"
Behave = Callable[..., None]


@pytest.fixture
def editor(footage: Footage, file: Path) -> ClipEditor:
    return new_file(footage, file)


def submit(editor: ClipEditor, **values: Any) -> set[str]:
    with inside(editor):
        return operators.submit(**{"engine": "slurm", **values})


def job(manifest: Manifest) -> dict[str, Any]:
    return json.loads((manifest.folder / "job.json").read_text(encoding="utf-8"))


def set_preferences(monkeypatch: pytest.MonkeyPatch, **values: Any) -> None:
    chosen = Preferences(**values)
    for module in (sending, preferences_module):
        monkeypatch.setattr(module, "preferences", lambda: chosen)


def dialog(editor: ClipEditor, **values: Any) -> RecordingLayout:
    """The dialog as it opens: the engines are asked."""
    open_file.view(actions._Asked).answers = sending.ask_engines(sending.resources_of())
    given = {
        "is_asked": True,
        "what": "FOOTAGE",
        "goal": "TRACK",
        "engine": "",
        "write_only": False,
        "max_running": 0,
        "time_limit": 0,
        **values,
    }
    layout = RecordingLayout()
    operator: Any = SimpleNamespace(layout=layout, bl_rna=kind().get_rna_type(), **given)
    with inside(editor) as context:
        items = actions._engine_items(operator, context)
        operator.engine = given["engine"] or (items[0][0] if items else "")
        actions.TRACKING_SESSIONS_OT_submit.draw(operator, context)
    return layout


def kind() -> Any:
    return bpy.ops.tracking_sessions.submit


# Submit


def test_the_footage_of_the_clip_is_submitted(
    editor: ClipEditor, footage: Footage, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    set_preferences(monkeypatch, farm_queue="night", farm_url="http://farm", farm_blender="/opt/blender")
    assert submit(editor, max_running=3, time_limit=90) == {"FINISHED"}
    manifest = find_submission(root, "")
    (shot,) = manifest.shots()
    assert Path(shot.spec.footage) == footage.files[0] and shot.spec.detect and not shot.spec.camera
    assert manifest.head.name == editor.clip.name and shot.root == root
    written = job(manifest)
    assert written["resources"] == {"max_running": 3, "time_limit": 90, "queue": "night"}, "and no url: it takes none"
    assert written["worker"][0] == "/opt/blender" and "--addons" in written["worker"]
    assert sent(manifest)[0].jobs == ("41",)
    assert sending.last_outcome() == ("1 shot sent to SLURM as 41", False, manifest.head.id)


def test_the_saved_tracks_of_the_clip_are_submitted_for_a_camera(editor: ClipEditor, file: Path, root: Path) -> None:
    begin(editor, steps=2).finish()
    bpy.ops.wm.save_mainfile()
    assert submit(editor, what="FILE", goal="CAMERA") == {"FINISHED"}
    (shot,) = find_submission(root, "").shots()
    assert Path(shot.spec.footage) == file and shot.spec.clip == editor.clip.name
    assert shot.spec.camera and not shot.spec.detect
    known = open_file.recordings.get(editor.clip.session_uid)
    assert known is None or known.session is None, "a node has to own the session"


@pytest.mark.parametrize("is_saved", [True, False])
def test_tracks_that_are_not_saved_are_not_submitted(
    footage: Footage, file: Path, root: Path, monkeypatch: pytest.MonkeyPatch, is_saved: bool
) -> None:
    editor = new_file(footage, file if is_saved else None)
    words = "has changes that are not saved: save it first" if is_saved else "is not saved: save it first"
    with monkeypatch.context() as patch:
        patch.setattr(sending, "bpy", Blender(data=Blender(bpy.data, is_dirty=True), app=IN_A_WINDOW))
        assert words in dialog(editor, what="FILE").text
        with pytest.raises(RuntimeError, match=words):
            submit(editor, what="FILE")
    assert not (root / "farm").exists()


class Blender:
    """A part of Blender that is as without this window and this machine, but for some values."""

    def __init__(self, part: Any = bpy, **values: Any) -> None:
        self._part = part
        self.__dict__.update(values)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._part, name)


IN_A_WINDOW = Blender(bpy.app, background=False)


def test_a_list_of_shots_is_submitted_and_its_errors_are_told(editor: ClipEditor, tmp_path: Path, root: Path) -> None:
    with pytest.raises(RuntimeError, match="Choose a list of shots or a folder first"):
        submit(editor, what="LIST")
    with pytest.raises(RuntimeError, match=r"There is no .*nowhere"):
        submit(editor, what="LIST", path="//nowhere")
    shots = tmp_path / "seq 010.yaml"
    shots.write_text("- footage: a.mov\n- {footage: b.mov, camera: true}\n- footage: c.mov\n  speed: 2", "utf-8")
    with pytest.raises(RuntimeError, match="“speed” is not known"):
        submit(editor, what="LIST", path=str(shots))
    assert not (root / "farm").exists()
    shots.write_text("- footage: a.mov\n- {footage: b.mov, camera: true}", "utf-8")
    submit(editor, what="LIST", path=str(shots))
    manifest = find_submission(root, "")
    assert [(shot.spec.title, shot.spec.detect, shot.spec.camera) for shot in manifest.shots()] == [
        ("a", True, False),
        ("b", False, True),
    ]
    assert manifest.head.name == "seq 010" and "2 shots sent" in sending.last_outcome().words


def test_many_shots_get_a_session_folder_each(
    editor: ClipEditor, tmp_path: Path, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shots = tmp_path / "shots.csv"
    shots.write_text("footage\n" + "".join(f"{n}.mov\n" for n in range(child.APART + 1)), "utf-8")
    submit(editor, what="LIST", path=str(shots))
    roots = {shot.root for shot in find_submission(root, "").shots()}
    assert len(roots) == child.APART + 1 and root not in roots


def test_rules_for_paths_come_from_the_preferences(
    editor: ClipEditor, tmp_path: Path, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rules = tmp_path / "rules.json"
    rules.write_text("{}", encoding="utf-8")
    set_preferences(monkeypatch, farm_rules=str(rules))
    with pytest.raises(RuntimeError, match="has no rules for paths"):
        submit(editor)
    content = {"source_path_format": "POSIX", "source_path": str(tmp_path), "destination_path": "/mnt"}
    rules.write_text(json.dumps({"version": "pathmapping-1.0", "path_mapping_rules": [content]}), encoding="utf-8")
    submit(editor)
    assert (find_submission(root, "").folder / "paths.json").exists()


def test_write_only_sends_nothing_and_says_how_to(editor: ClipEditor, root: Path, farm: Behave) -> None:
    farm(openjd={"missing": "deadline is not installed"})
    assert submit(editor, engine="openjd", write_only=True) == {"FINISHED"}
    manifest = find_submission(root, "")
    assert job(manifest)["engine"] == "openjd" and not (manifest.folder / "taken").exists()
    assert sending.last_outcome().words == f"1 shot, only written. Send with: take {manifest.folder / 'job.json'}"
    with pytest.raises(RuntimeError, match="were not sent from here"):
        retry(editor)


def test_a_farm_that_takes_no_job_is_told(editor: ClipEditor, root: Path, farm: Behave) -> None:
    farm(slurm={"refuses": "SLURM has not taken the job: no partition night"})
    with pytest.raises(RuntimeError, match="no partition night"):
        submit(editor)
    assert sending.last_outcome().is_error and sent(find_submission(root, "")) == []
    farm(slurm={"refuses": "no job more", "took": ["41"]})
    with pytest.raises(RuntimeError, match="no job more"):
        submit(editor)
    assert sent(find_submission(root, ""))[0].jobs == ("41",)
    farm(slurm={"missing": "sbatch is not on this machine"})
    with pytest.raises(RuntimeError, match="sbatch is not on this machine"):
        submit(editor)


def test_a_process_that_crashes_is_told(editor: ClipEditor, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sending, "SCRIPT", "raise ValueError('no such thing')")
    with pytest.raises(RuntimeError, match=r"talks to the farm has ended.*no such thing"):
        submit(editor)
    assert not sending.is_sending()
    assert "no such thing" in sending.ask_engines(Resources())[0].missing


def test_a_machine_without_room_for_the_process_is_told(
    editor: ClipEditor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sending.tempfile, "tempdir", str(tmp_path / "gone"))
    with pytest.raises(RuntimeError, match="cannot be written"):
        submit(editor)
    assert not sending.is_sending()


def test_a_long_sending_goes_on_while_the_artist_does(
    editor: ClipEditor, root: Path, farm: Behave, monkeypatch: pytest.MonkeyPatch
) -> None:
    farm(slurm={"sends": 0.5})
    monkeypatch.setattr(sending, "WAIT", 0.1)
    with monkeypatch.context() as patch:
        patch.setattr(sending, "bpy", Blender(app=IN_A_WINDOW))
        assert submit(editor) == {"FINISHED"} and sending.is_sending()
    assert bpy.app.timers.is_registered(sending.tick)
    with pytest.raises(RuntimeError, match="are being sent: wait"):
        submit(editor)
    bpy.app.timers.unregister(sending.tick)
    while sending.tick() is not None:
        time.sleep(0.01)
    assert sending.last_outcome().words == "1 shot sent to SLURM as 41" and not sending.is_sending()


def test_a_node_tracks_what_was_submitted_while_the_file_is_open(editor: ClipEditor, root: Path) -> None:
    begin(editor, steps=2).finish()
    recording = known_recording(editor.clip)
    assert recording is not None and recording.session is not None
    bpy.ops.wm.save_mainfile()
    submit(editor, what="FILE")
    manifest = find_submission(root, "")
    task = [*job(manifest)["worker"], "task", f"--manifest={manifest.path}", "--index=1"]
    done = subprocess.run(task, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    fill()
    standing = listing.submissions().shots["1"]
    assert (standing.stand, standing.tracked, standing.total) == (Stand.COMPLETED, FRAMES, FRAMES)
    assert standing.state.session == only_session(root), "it goes on with the session of the clip"
    assert listing.log_of(standing) is not None
    with inside(editor):
        listing.FARM.choose(bpy.context, "1")
        assert operators.open_shot() == {"FINISHED"}
    assert look(editor.clip).missing, "its frames are offered"


def only_session(root: Path) -> str:
    (path,) = session_files(root)
    return path.stem


# The engines


def test_the_dialog_offers_the_engines_that_can_be_used_and_says_what_the_others_lack(
    editor: ClipEditor, root: Path, farm: Behave
) -> None:
    farm(openjd={"missing": "deadline is not installed"})
    layout = dialog(editor)
    assert [item[1] for item in open_file.view(actions._Asked).items] == ["SLURM"]
    assert "OpenJD: deadline is not installed" in layout.text
    assert "Flamenco: Blender is offline: allow that" in layout.text
    assert {"max_running", "time_limit", "engine"} <= set(layout.props)
    assert f"Session Folder: {root}".replace(" ", "") in layout.text.replace(" ", "")
    farm(slurm={"missing": "sbatch is not on this machine"}, openjd={"missing": "deadline is not installed"})
    layout = dialog(editor)
    assert "SLURM: sbatch is not on this machine" in layout.text
    assert "No farm can be used from here" in layout.text and "engine" not in layout.props
    dialog(editor, write_only=True)
    assert len(open_file.view(actions._Asked).items) == 3


def test_an_engine_is_offered_what_it_takes(editor: ClipEditor) -> None:
    assert "time_limit" not in dialog(editor, engine="openjd").props


def test_flamenco_is_asked_only_where_blender_may_use_the_network(
    editor: ClipEditor, farm: Behave, monkeypatch: pytest.MonkeyPatch
) -> None:
    farm(flamenco={"missing": "it was asked"})
    assert not bpy.app.online_access
    assert "is offline" in _missing("http://farm")["flamenco"] and "is offline" in _missing()["flamenco"]
    with monkeypatch.context() as patch:
        patch.setattr(sending, "bpy", Blender(app=Blender(bpy.app, online_access=True)))
        assert "in the preferences of this extension" in _missing()["flamenco"]
        assert _missing("http://farm")["flamenco"] == "it was asked"


def test_an_engine_that_does_not_answer_holds_up_the_others_for_a_moment(
    farm: Behave, monkeypatch: pytest.MonkeyPatch
) -> None:
    farm(slurm={"thinks": 60})
    monkeypatch.setattr(sending, "PATIENCE", 1.0)
    found = _missing()
    assert found["slurm"] == "does not answer" and found["openjd"] == ""


def _missing(url: str = "") -> dict[str, str]:
    return {answer.name: answer.missing for answer in sending.ask_engines(Resources(url=url))}


# Retry


def test_retry_sends_what_is_not_done_and_then_what_waits(editor: ClipEditor, tmp_path: Path, root: Path) -> None:
    shots = tmp_path / "shots.csv"
    shots.write_text("footage\na.mov\nb.mov\nc.mov\nd.mov\n", "utf-8")
    submit(editor, what="LIST", path=str(shots), max_running=2)
    manifest = find_submission(root, "")
    states = States(manifest.folder)
    states.write(State(1, ShotStatus.COMPLETED, started=BEGUN))
    states.write(State(2, ShotStatus.FAILED, error="it has crashed", started=BEGUN))
    states.write(State(3, ShotStatus.PENDING, started=BEGUN))
    assert retry(editor) == {"FINISHED"}
    assert job(manifest)["indices"] == [2, 3] and job(manifest)["resources"] == {"max_running": 2}
    assert sent(manifest)[-1].jobs == ("42",) and "2 shots sent" in sending.last_outcome().words
    for index in (2, 3):
        states.write(State(index, ShotStatus.COMPLETED, started=BEGUN))
    layout = RecordingLayout()
    fill()
    operator: Any = SimpleNamespace(layout=layout)
    actions.TRACKING_SESSIONS_OT_retry_shots.draw(operator, bpy.context)
    assert "1 shot of this submission had no node yet" in layout.text
    assert retry(editor) == {"FINISHED"} and job(manifest)["indices"] == [4]
    states.write(State(4, ShotStatus.COMPLETED, started=BEGUN))
    with pytest.raises(RuntimeError, match="Nothing is left to send"):
        retry(editor)


def test_a_shot_that_was_done_meanwhile_is_not_sent_again(editor: ClipEditor, root: Path) -> None:
    submit(editor)
    manifest = find_submission(root, "")
    States(manifest.folder).write(State(1, ShotStatus.FAILED, started=BEGUN))
    fill()
    States(manifest.folder).write(State(1, ShotStatus.COMPLETED, started=BEGUN))
    with inside(editor):
        operators.retry_shots()
    assert sending.last_outcome().words == "Nothing is left to send" and len(sent(manifest)) == 1


def retry(editor: ClipEditor) -> set[str]:
    fill()
    with inside(editor):
        return operators.retry_shots()


def fill() -> None:
    listing.submissions().forget()
    listing.FARM.fill(bpy.context)
