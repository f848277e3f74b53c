# SPDX-License-Identifier: GPL-3.0-or-later
"""A session begins a little at a time: the clip is read, its tracks are recorded, its files are looked at."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import bpy
import pytest

from tracking_sessions import registration
from tracking_sessions.bridge import events, watch
from tracking_sessions.bridge.clip.movie_clip import footage_of
from tracking_sessions.bridge.errors import error_words
from tracking_sessions.bridge.open_file import open_file as state
from tracking_sessions.bridge.sessions import beginning, recording
from tracking_sessions.bridge.sessions.blender_pass import BlenderPass, Way
from tracking_sessions.bridge.sessions.recording import Recording, recording_of
from tracking_sessions.core.errors import TrackingSessionError, UsageError
from tracking_sessions.core.footage.details import describe
from tracking_sessions.core.journal.history import Kind
from tracking_sessions.tests.bpy.recordings import (
    HAND,
    blender_tracks,
    delete_first,
    edits_of,
    killed,
    recorded,
    seen,
    started,
)
from tracking_sessions.tests.bpy.tracker import markers_of, track_sequence
from tracking_sessions.tests.bpy.window import FRAMES, begin, held_session_of, let_go, new_file, open_file
from tracking_sessions.tests.footage import Shot as Footage

pytestmark = pytest.mark.usefixtures("registered")


@pytest.fixture
def slow(monkeypatch: Any) -> None:
    """Each look has time for one track or file only."""
    monkeypatch.setattr(recording, "FIRST_SLICE", 0.0)
    monkeypatch.setattr(beginning, "TRACKS_TIME", 0.0)
    monkeypatch.setattr(beginning, "FILES_TIME", 0.0)


def read_by_and_by(clip: Any) -> Recording:
    found = state.recordings[clip.session_uid] = Recording(clip, at_once=False)
    return found


@pytest.mark.usefixtures("slow")
def test_a_clip_is_read_a_track_at_a_time_before_its_first_change(footage: Footage, file: Path) -> None:
    editor = new_file(footage, file)
    started(editor)
    killed()
    editor = open_file(file)
    found = read_by_and_by(editor.clip)
    tracks = list(editor.clip.tracking.tracks)
    for number in range(1, len(tracks)):
        found.go_on(editor.clip)
        assert len(found.head.tracks) == number and found.has_more
    found.go_on(editor.clip)
    assert len(found.head.tracks) == len(tracks)


@pytest.mark.usefixtures("slow")
def test_what_changes_while_the_clip_is_read_is_recorded(footage: Footage, file: Path) -> None:
    editor = new_file(footage, file)
    started(editor)
    state.recordings[editor.clip.session_uid].mark(editor.clip)
    state.recordings.pop(editor.clip.session_uid).close()
    found = read_by_and_by(editor.clip)
    first, *_, last = editor.clip.tracking.tracks
    found.go_on(editor.clip)
    for track in (first, last):  # one that was read, and one that was not
        track.markers[0].co = HAND
    editor.clip.tracking.tracks.new(name="New", frame=1)
    seen(found, editor.clip, "Move")
    assert recorded(file) == markers_of(editor.clip)
    assert edits_of(file)[-2:] == ["Changes Before the Recording", "Move"]


@pytest.mark.usefixtures("slow")
def test_a_save_right_after_opening_records_everything(footage: Footage, file: Path) -> None:
    editor = new_file(footage, file)
    started(editor)
    state.recordings[editor.clip.session_uid].mark(editor.clip)
    state.recordings.pop(editor.clip.session_uid).close()
    found = read_by_and_by(editor.clip)
    editor.clip.tracking.tracks[0].markers[0].co = HAND
    found.look(editor.clip, "", whole=True)
    assert not found.has_more
    editor.clip.tracking.tracks[1].markers[0].co = HAND
    found.look(editor.clip, "Move", whole=True)
    assert recorded(file) == markers_of(editor.clip)


@pytest.mark.usefixtures("slow")
def test_the_tracks_are_recorded_a_few_at_a_time_before_the_first_pass(footage: Footage, file: Path) -> None:
    editor = new_file(footage, file)
    found = read_by_and_by(editor.clip)
    one = BlenderPass(found, editor.clip, Way(False, True, 1, FRAMES))
    counts: list[int] = []
    while not found.begin(editor.clip):
        counts.append(len(recorded(file)) if found.session is not None else -1)
        assert found.has_more
    track_sequence(editor.clip, 1, 3)
    one.follow(editor.clip)
    assert sorted(set(counts)) == [-1, *range(1, len(editor.clip.tracking.tracks))]
    assert recorded(file) == markers_of(editor.clip)
    assert [known.kind for known in held_session_of(file).history().states] == [Kind.EDIT, Kind.PASS]


@pytest.mark.parametrize("undoes", [False, True])
@pytest.mark.usefixtures("slow")
def test_a_short_pass_waits_for_the_tracks_but_not_beyond_an_undo(
    footage: Footage, file: Path, undoes: bool, monkeypatch: Any
) -> None:
    editor = new_file(footage, file)
    found = read_by_and_by(editor.clip)
    while not found._read(editor.clip, whole=False):
        pass
    monkeypatch.setattr(watch, "AT_ONCE", False)
    track_sequence(editor.clip, 1, 3)
    watch._signs().passes[editor.clip.session_uid] = BlenderPass(found, editor.clip, Way(False, True, 1, FRAMES))
    assert watch.tick() == watch.SOON
    assert held_session_of(file).passes == []
    if undoes:
        events._before_undo()
    else:
        while not held_session_of(file).passes:
            watch.tick()
    assert recorded(file) == markers_of(editor.clip)
    assert [(known.start, known.last_frame) for known in held_session_of(file).passes] == [(1, 3)]


@pytest.mark.parametrize("closes", [False, True])
@pytest.mark.usefixtures("slow")
def test_nothing_else_is_recorded_before_the_tracks(footage: Footage, file: Path, closes: bool) -> None:
    editor = new_file(footage, file)
    found = read_by_and_by(editor.clip)
    while found.session is None:
        found.begin(editor.clip)
    before = markers_of(editor.clip)
    if closes:
        found.close()
        assert recorded(file) == before
        return
    editor.clip.tracking.tracks[-1].markers[0].co = HAND
    seen(found, editor.clip, "Move")
    assert recorded(file) == markers_of(editor.clip) != before
    assert edits_of(file) == ["Changes Before the Recording", "Move"]


@pytest.mark.usefixtures("slow")
def test_the_files_are_looked_at_one_at_a_time_after_the_beginning(footage: Footage, file: Path) -> None:
    editor = new_file(footage, file)
    blender_tracks(editor, 1, 3)
    found = state.recordings[editor.clip.session_uid]
    with pytest.raises(UsageError, match="were not looked at yet"):
        held_session_of(file).details()
    for _ in range(FRAMES):
        assert found.catch_up()
    assert not found.catch_up() and not found.catch_up()
    details = describe(footage_of(editor.clip))
    assert held_session_of(file).details().entries == details.entries
    assert held_session_of(file).session.footage.fingerprint == details.fingerprint


def test_a_session_is_owned_while_its_footage_is_away(footage: Footage, file: Path) -> None:
    editor = new_file(footage, file)
    blender_tracks(editor, 1, 6)
    killed()
    editor = open_file(file)
    editor.clip.filepath = str(file.parent / "elsewhere_0001.png")
    found = state.recordings[editor.clip.session_uid] = Recording(editor.clip)
    editor.clip.tracking.tracks[0].markers[0].co = HAND
    seen(found, editor.clip, "Move")
    assert not found.error and not found.catch_up() and edits_of(file)[-1] == "Move"


@pytest.mark.usefixtures("slow")
def test_a_session_without_details_gets_them_when_it_is_opened_or_resumed(footage: Footage, file: Path) -> None:
    editor = new_file(footage, file)
    blender_tracks(editor, 1, 6)
    killed()
    editor = open_file(file)
    found = state.recordings[editor.clip.session_uid] = Recording(editor.clip)
    assert found.own(editor.clip) and found.catch_up()
    while found.catch_up():
        pass
    fingerprint = held_session_of(file).session.footage.fingerprint
    assert fingerprint
    killed()
    text = held_session_of(file).path.read_text()
    held_session_of(file).path.write_text(text.replace(fingerprint, "''"))
    begin(open_file(file), steps=2).finish()
    assert held_session_of(file).session.footage.fingerprint == fingerprint


def test_a_missing_picture_elsewhere_does_not_keep_blenders_pass_from_being_recorded(
    footage: Footage, file: Path
) -> None:
    editor = new_file(footage, file)
    plate = file.parent / "plate"
    shutil.copytree(footage.files[0].parent, plate)
    editor.clip.filepath = str(plate / footage.files[0].name)
    (plate / footage.files[FRAMES // 2].name).unlink()
    blender_tracks(editor, 1, 3)
    found = state.recordings[editor.clip.session_uid]
    while found.catch_up():
        pass
    assert not found.error and recorded(file) == markers_of(editor.clip)
    with pytest.raises(TrackingSessionError) as raised:
        begin(editor)
    assert footage.files[FRAMES // 2].name in error_words(raised.value)


# A session that is owned again


def saved(file: Path) -> None:
    """Save the file, and close it."""
    bpy.ops.wm.save_as_mainfile(filepath=str(file))
    let_go()


def damaged(file: Path) -> None:
    """Change a byte of the first record of the session's journal."""
    journal = held_session_of(file).folder / "journal.1"
    content = bytearray(journal.read_bytes())
    content[100] ^= 1
    journal.write_bytes(content)


def move(track: Any) -> None:
    track.select = True
    track.markers[0].co = HAND


def test_the_journal_of_a_clip_that_has_its_newest_state_is_not_read_but_checked(footage: Footage, file: Path) -> None:
    editor = new_file(footage, file)
    started(editor)
    delete_first(editor.clip)
    first, second, *_ = editor.clip.tracking.tracks
    first.name, second.select = "Zebra", not second.select
    saved(file)
    damaged(file)
    editor = open_file(file)
    found = recording_of(editor.clip)
    assert found is not None
    move(editor.clip.tracking.tracks[2])
    editor.clip.tracking.tracks.new(name="New", frame=1)
    seen(found, editor.clip, "Move")
    assert found.session is not None and not found.error
    while found.catch_up():
        pass
    assert "damaged" in found.error and found.session is None
    found._retry = 0.0
    move(editor.clip.tracking.tracks[3])
    seen(found, editor.clip, "Move")
    assert "damaged" in found.error and found.session is None


@pytest.mark.parametrize("resumes", [False, True])
def test_a_session_that_is_owned_unread_goes_on_as_before(footage: Footage, file: Path, resumes: bool) -> None:
    editor = new_file(footage, file)
    started(editor)
    delete_first(editor.clip)
    editor.clip.tracking.tracks[0].name = "Zebra"
    saved(file)
    numbers = {data.name: number for number, data in held_session_of(file).replay().tracks.items()}
    editor = open_file(file)
    found = recording_of(editor.clip)
    assert found is not None
    move(editor.clip.tracking.tracks[2])
    seen(found, editor.clip, "Move")
    assert edits_of(file)[-1] == "Move" and found.catch_up()
    if resumes:
        begin(editor, steps=2).finish()
    blender_tracks(editor, 4, 8)
    while found.catch_up():
        pass
    assert not found.error and recorded(file) == markers_of(editor.clip)
    assert {data.name: number for number, data in held_session_of(file).replay().tracks.items()} == numbers


@pytest.mark.parametrize("change", ["marker", "setting", "name", "gone", "new"])
def test_what_was_changed_without_the_extension_is_recorded_before_the_first_change(
    footage: Footage, file: Path, change: str
) -> None:
    editor = new_file(footage, file)
    started(editor)
    saved(file)
    editor = open_file(file)
    registration.unregister()
    tracks = editor.clip.tracking.tracks
    if change == "marker":
        tracks[1].markers[1].mute = True
    elif change == "setting":
        tracks[1].margin = 7
    elif change == "name":
        tracks[1].name = "Aardvark"
    elif change == "gone":
        delete_first(editor.clip)
    else:
        tracks.new(name="New", frame=1)
    bpy.ops.wm.save_as_mainfile(filepath=str(file))
    registration.register()
    editor = open_file(file)
    found = recording_of(editor.clip)
    assert found is not None
    move(editor.clip.tracking.tracks[3])
    seen(found, editor.clip, "Move")
    assert not found.error and not found.catch_up()
    assert edits_of(file)[-2:] == ["Changes Before the Recording", "Move"]
    assert recorded(file) == markers_of(editor.clip)
