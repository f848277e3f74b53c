# SPDX-License-Identifier: GPL-3.0-or-later
"""The ledger of batches: claims of shots, and the footage of a moved ledger."""

import sqlite3
from pathlib import Path

import pytest

from tracking_sessions.core.batch import ledger_database
from tracking_sessions.core.batch.ledger import Ledger
from tracking_sessions.core.batch.shots import SHOT_LIMIT, BatchStatus, final_status
from tracking_sessions.core.errors import (
    Action,
    ShotTakenOver,
    UsageError,
)
from tracking_sessions.core.model.ranges import FRAME_LIMIT
from tracking_sessions.core.storage.folder import SessionFolder
from tracking_sessions.core.tracking.plan import ShotSpec
from tracking_sessions.tests.core.claims import (
    COMPLETED,
    FAILED,
    PENDING,
    PROCESSING,
    SKIPPED,
    everything_dead,
    everything_live,
    make,
)

# Batches and shots


def test_another_connection_reads_the_requested_shots(ledger: Ledger, root: Path) -> None:
    asked = ShotSpec(
        str(root.parent / "plates" / "Ä 1.blend"),
        name="010 “x”",
        clip="plate",
        start=9,
        end=0,
        direction="backward",
        detect=True,
        tracks=str(root.parent / "t.json"),
        settings={"motion_model": "Affine", "size": [1, 2.5]},
    )
    made = ledger.create("night", [asked, ShotSpec("/x.mov")], {"jobs": 2, "fresh": False})
    assert made.status is BatchStatus.IN_PROGRESS and made.is_unfinished
    with Ledger(root, readonly=True) as other:
        assert other.batches() == [made] == [other.batch(made.id[:12])]
        first, second = other.shots(made.id)
        assert (first.spec, first.number, first.status, first.attempts) == (asked, 1, PENDING, 0)
        assert second.spec == ShotSpec("/x.mov") and made.config == {"jobs": 2, "fresh": False}
        assert other.check() == []


def test_the_ledger_is_in_wal_mode_and_keeps_foreign_keys(ledger: Ledger, root: Path) -> None:
    make(ledger)
    with sqlite3.connect(SessionFolder(root).ledger) as raw:
        assert raw.execute("PRAGMA journal_mode").fetchone() == ("wal",)
        assert raw.execute("PRAGMA user_version").fetchone() == (4,)
        raw.execute("DELETE FROM batches")
    assert ledger.check() == [f"row {n} of shots belongs to no row of batches" for n in (1, 2, 3)]


def test_commits_are_synced_and_no_schema_is_trusted(root: Path) -> None:
    connection = ledger_database.open_ledger(SessionFolder(root).ledger)
    pragmas = ("synchronous", "foreign_keys", "trusted_schema", "cell_size_check")
    values = [connection.execute(f"PRAGMA {name}").fetchone()[0] for name in pragmas]
    connection.close()
    assert values == [3, 1, 0, 1]


def test_reading_a_missing_ledger_makes_none(root: Path) -> None:
    with Ledger(root, readonly=True) as nothing:
        assert nothing.batches() == [] and nothing.latest_unfinished() is None
        with pytest.raises(UsageError, match=r"There is no batch 'x'") as told:
            nothing.batch("x")
        assert told.value.actions == (Action.LIST_BATCHES, Action.CHOOSE_FOLDER)
    assert not root.exists()


@pytest.mark.parametrize("text", ["", "%", "x' OR 1", "../..", "2", "nothing"])
def test_a_batch_is_found_by_its_id_only(ledger: Ledger, text: str) -> None:
    first, second = make(ledger), make(ledger)
    assert [batch.id for batch in ledger.batches()] == [second, first]
    assert ledger.batch(first).id == first
    with pytest.raises(UsageError, match="2 batches begin with 2" if text == "2" else "There is no batch"):
        ledger.batch(text)
    for change in (lambda: ledger.set_status("x", BatchStatus.PAUSED), lambda: ledger.requeue("x")):
        with pytest.raises(UsageError, match="There is no batch 'x'"):
            change()


def test_the_latest_unfinished_batch_has_no_live_supervisor(ledger: Ledger) -> None:
    oldest, paused, running, done = (make(ledger) for _ in range(4))
    ledger.set_status(paused, BatchStatus.PAUSED)
    ledger.set_status(done, BatchStatus.COMPLETED)
    assert ledger.latest_unfinished().id == running
    assert ledger.latest_unfinished(lambda batch: batch == running).id == paused
    assert ledger.latest_unfinished(everything_live).id == running
    for batch in (oldest, paused, running):
        ledger.set_status(batch, BatchStatus.FAILED)
    assert ledger.latest_unfinished() is None


@pytest.mark.parametrize(
    "shots, message",
    [
        ([], "1 to 100000 shots, not 0"),
        ([ShotSpec("/a")] * (SHOT_LIMIT + 1), "not 100001"),
        ([ShotSpec("/a"), ShotSpec("/b", start=-1)], "Shot 2: start '-1' is no frame number"),
        ([ShotSpec("/a", end=1 << 70)], "Shot 1: .* is no frame number"),
        ([ShotSpec("/a", end=FRAME_LIMIT + 1)], "Shot 1: .* is no frame number"),
        ([ShotSpec("/a", direction="up")], "Shot 1: direction 'up'"),
        ([ShotSpec("/a\udcff")], "not valid text"),
        ([ShotSpec("/a", name="x" * 10_000)], "too long"),
        ([ShotSpec("/a", settings={"x": object()})], "Shot 1: its settings"),
        ([ShotSpec("/a", settings={"x": float("nan")})], "Shot 1: its settings"),
        ([ShotSpec("/a", settings={"x": "x" * 300_000})], "longer than 256 KiB"),
    ],
)
def test_a_batch_with_an_invalid_shot_is_refused(ledger: Ledger, shots: list[ShotSpec], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        ledger.create("night", shots, {})
    assert ledger.batches() == []


def test_a_batch_fails_only_if_every_shot_failed() -> None:
    assert final_status([COMPLETED, SKIPPED, FAILED]) is BatchStatus.COMPLETED
    assert final_status([FAILED, FAILED]) is BatchStatus.FAILED
    assert final_status([SKIPPED, SKIPPED]) is BatchStatus.COMPLETED
    assert final_status([SKIPPED, FAILED]) is BatchStatus.COMPLETED
    for unfinished in ([], [PENDING], [FAILED, PROCESSING], [COMPLETED, PENDING]):
        assert final_status(unfinished) is None


# Claiming


def test_shots_are_claimed_in_order_and_each_once(ledger: Ledger) -> None:
    batch = make(ledger)
    claimed = [ledger.claim(batch, everything_dead) for _ in range(4)]
    assert [shot and (shot.number, shot.status, shot.attempts) for shot in claimed] == [
        *((number, PROCESSING, 1) for number in (1, 2, 3)),
        None,
    ]
    assert all(shot.started for shot in claimed[:3]) and dict(ledger.counts(batch)) == {PROCESSING: 3}


def test_the_life_of_a_shot(ledger: Ledger) -> None:
    batch = make(ledger, 1)
    shot = ledger.claim(batch, everything_dead)
    shot = ledger.note_session(shot, "20260101-000000-abc")
    shot = ledger.note_crash(shot, "signal 11", progressed=False)
    assert (shot.crashes, shot.attempts, shot.error) == (1, 1, "signal 11")
    shot = ledger.note_crash(ledger.note_attempt(shot), "signal 9", progressed=False)
    assert (shot.crashes, shot.attempts) == (2, 2)
    shot = ledger.note_crash(ledger.note_attempt(shot), "signal 9", progressed=True)
    assert (shot.crashes, shot.attempts) == (0, 3)
    shot = ledger.note_crash(shot, "signal 9", progressed=False)
    shot = ledger.release(shot, "stopped")
    assert (shot.status, shot.crashes, shot.session, shot.ended) == (PENDING, 1, "20260101-000000-abc", "")
    again = ledger.claim(batch, everything_dead)
    assert (again.attempts, again.error, again.started) == (4, "", shot.started)
    done = ledger.finish(again, FAILED, "x" * 10_000 + "\0")
    assert done.status is FAILED and done.ended and len(done.error) == 4_000
    assert ledger.requeue(batch) == 0 and ledger.requeue(batch, SKIPPED) == 0 and ledger.requeue(batch, FAILED) == 1
    (shot,) = ledger.shots(batch)
    assert (shot.status, shot.crashes, shot.ended, shot.attempts) == (PENDING, 0, "", 4)
    with pytest.raises(UsageError):
        ledger.note_session(ledger.claim(batch, everything_dead), "../../x")


def test_any_text_can_be_a_setting(ledger: Ledger) -> None:
    batch = ledger.create("night", [ShotSpec("/a", settings={"x": "Ä\ud800"})], {}).id
    assert ledger.shots(batch)[0].spec.settings == {"x": "Ä\ud800"}


def test_any_bytes_of_a_child_can_be_stored_as_its_error(ledger: Ledger) -> None:
    shot = ledger.claim(make(ledger), everything_dead)
    assert ledger.finish(shot, FAILED, "a\0b\udcff\x1b").error == "a�b?\x1b"


def test_a_supervisor_that_seemed_dead_cannot_change_the_shot(ledger: Ledger, root: Path) -> None:
    batch = make(ledger)
    old = ledger.claim(batch, everything_dead)
    with Ledger(root) as other:
        assert other.requeue(batch) == 1
        new = other.claim(batch, everything_dead)
        assert new.id == old.id
        for speak in (
            lambda: ledger.finish(old, FAILED),
            lambda: ledger.note_session(old, "other"),
            lambda: ledger.release(old),
            lambda: ledger.note_crash(old, "", progressed=False),
        ):
            with pytest.raises(ShotTakenOver, match=f"shot 1 of batch {batch}"):
                speak()
        done = other.finish(new, COMPLETED)
        with pytest.raises(ShotTakenOver):
            ledger.finish(new, FAILED)
    assert ledger.shots(batch)[0] == done


def test_footage_is_not_tracked_for_two_live_batches_at_once(ledger: Ledger, root: Path) -> None:
    plates = root.parent / "plates"
    plates.mkdir()
    for number in range(1, 8):
        (plates / f"a_{number:04}.png").touch()
    one = ledger.create("one", [ShotSpec(str(plates / "a_0001.png")), ShotSpec(str(plates / "b.mov"))], {}).id
    two = ledger.create("two", [ShotSpec(str(plates / "a_0007.png")), ShotSpec(str(plates / "c.mov"))], {}).id
    whole = ledger.create("whole folder", [ShotSpec(str(plates))], {}).id
    first = ledger.claim(one, everything_live)
    second = ledger.claim(two, everything_live)
    assert (first.number, second.number) == (1, 2)
    assert ledger.claim(two, everything_live) is None and ledger.counts(two)[PENDING] == 1
    assert ledger.claim(whole, everything_live) is None
    assert ledger.claim(two, everything_dead).number == 1  # that supervisor is dead; its children died with it
    ledger.finish(first, COMPLETED)
    assert ledger.claim(whole, lambda batch: batch == one).number == 1


def test_a_batch_does_not_work_twice_on_footage_at_once(ledger: Ledger, root: Path) -> None:
    files = [str(root.parent / name) for name in ("a_1.png", "a_2.png")]
    batch = ledger.create("twice", [ShotSpec(file) for file in files], {}).id
    shot = ledger.claim(batch, everything_dead)
    assert ledger.claim(batch, everything_dead) is None
    ledger.finish(shot, COMPLETED)
    assert ledger.claim(batch, everything_dead).number == 2


def test_clips_of_one_blend_are_shots_of_their_own(ledger: Ledger, root: Path) -> None:
    blend = str(root.parent / "shots.blend")
    batch = ledger.create("clips", [ShotSpec(blend, clip="a"), ShotSpec(blend, clip="b")], {}).id
    any_clip = ledger.create("any", [ShotSpec(blend)], {}).id
    assert [ledger.claim(batch, everything_live).number for _ in range(2)] == [1, 2]
    assert ledger.claim(any_clip, everything_live) is None


def test_the_same_file_by_another_name_is_the_same_footage(ledger: Ledger, tmp_path: Path) -> None:
    (tmp_path / "plates").mkdir()
    (tmp_path / "link").symlink_to("plates")
    one = ledger.create("one", [ShotSpec(str(tmp_path / "plates" / "x.mov"))], {}).id
    two = ledger.create("two", [ShotSpec(str(tmp_path / "link" / "x.mov"))], {}).id
    assert ledger.claim(one, everything_live) and not ledger.claim(two, everything_live)


# Moved folders


def test_footage_goes_along_with_a_project_that_is_moved(ledger: Ledger, root: Path, tmp_path: Path) -> None:
    plate = root.parent / "plates" / "a_0001.png"
    plate.parent.mkdir()
    plate.touch()
    batch = make(ledger, 1)
    asked = ledger.create("night", [ShotSpec(str(plate), tracks=str(root.parent / "t.json"))], {}).id
    ledger.close()
    moved = root.parent.rename(tmp_path / "elsewhere")
    with Ledger(moved / root.name) as there:
        (shot,) = there.shots(asked)
        assert shot.spec.footage == str(moved / "plates" / "a_0001.png") and shot.spec.tracks == str(moved / "t.json")
        assert there.shots(batch)[0].spec.footage == str(moved / "plates" / "001" / "plate_0001.png")
        assert there.claim(asked, everything_dead).number == 1


def test_footage_is_where_it_was_if_only_the_sessions_are_moved(ledger: Ledger, root: Path, tmp_path: Path) -> None:
    plate = root.parent / "plates" / "a_0001.png"
    plate.parent.mkdir()
    plate.touch()
    asked = ledger.create("night", [ShotSpec(str(plate))], {}).id
    ledger.close()
    (tmp_path / "far" / "away").mkdir(parents=True)
    moved = root.rename(tmp_path / "far" / "away" / "sessions")
    for here in (moved, tmp_path / "link"):
        if here != moved:
            here.symlink_to(moved)
        with Ledger(here) as there:
            assert there.shots(asked)[0].spec.footage == str(plate)


def test_a_link_to_the_session_folder_changes_nothing(root: Path, tmp_path: Path) -> None:
    root.mkdir(parents=True)
    (tmp_path / "deep").mkdir()
    link = tmp_path / "deep" / "link"
    link.symlink_to(root)
    footage = str(tmp_path / "deep" / "x.mov")
    with Ledger(link) as ledger:
        batch = ledger.create("night", [ShotSpec(footage)], {}).id
    with Ledger(root, readonly=True) as ledger:
        assert ledger.shots(batch)[0].spec.footage == footage
