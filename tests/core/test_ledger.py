# SPDX-License-Identifier: GPL-3.0-or-later
"""The ledger of batches: who gets which shot, and what is left of it after anything."""

import errno
import os
import random
import resource
import shutil
import signal
import sqlite3
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tracking_sessions.core import ledger_file
from tracking_sessions.core.errors import (
    LedgerBusy,
    LedgerUnreadable,
    ShotTakenOver,
    StorageFailed,
    TrackingSessionError,
    UsageError,
)
from tracking_sessions.core.ledger import (
    BatchStatus,
    Ledger,
    ShotSpec,
    ShotStatus,
    final_status,
    ledger_path,
)
from tracking_sessions.core.ledger_file import network_kind
from tracking_sessions.core.ledger_rows import SHOT_LIMIT
from tracking_sessions.tests.core.claims import specs
from tracking_sessions.tests.core.shots import run_child, start_child

posix = pytest.mark.skipif(os.name != "posix", reason="signals, fork and limits of POSIX")
PENDING, PROCESSING, COMPLETED, FAILED, SKIPPED = ShotStatus


def everything_dead(batch: str) -> bool:
    return False


def everything_live(batch: str) -> bool:
    return True


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "project" / "tracking_sessions"


@pytest.fixture
def ledger(root: Path) -> Iterator[Ledger]:
    with Ledger(root) as opened:
        yield opened


def make(ledger: Ledger, count: int = 3, name: str = "night") -> str:
    return ledger.create(name, specs(ledger.root.parent, count), {"jobs": 2}).id


def statuses(ledger: Ledger, batch: str) -> list[ShotStatus]:
    return [shot.status for shot in ledger.shots(batch)]


# Batches and shots


def test_what_was_asked_comes_back_from_another_connection(ledger: Ledger, root: Path) -> None:
    asked = ShotSpec(
        str(root.parent / "plates" / "Ä 1.blend"),
        name="010 “x”",
        clip="plate",
        start=9,
        end=3,
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
    with sqlite3.connect(ledger_path(root)) as raw:
        assert raw.execute("PRAGMA journal_mode").fetchone() == ("wal",)
        assert raw.execute("PRAGMA user_version").fetchone() == (1,)
        raw.execute("DELETE FROM batches")
    assert ledger.check() == [f"row {n} of shots belongs to no row of batches" for n in (1, 2, 3)]


def test_what_was_said_done_is_synced_and_no_schema_is_trusted(root: Path) -> None:
    connection = ledger_file.open_ledger(ledger_path(root))
    pragmas = ("synchronous", "foreign_keys", "trusted_schema", "cell_size_check")
    values = [connection.execute(f"PRAGMA {name}").fetchone()[0] for name in pragmas]
    connection.close()
    assert values == [3, 1, 0, 1]


def test_reading_where_there_is_no_ledger_makes_none(root: Path) -> None:
    with Ledger(root, readonly=True) as nothing:
        assert nothing.batches() == [] and nothing.latest_unfinished() is None
        with pytest.raises(UsageError, match=r"There is no batch 'x'.*batch list"):
            nothing.batch("x")
    assert not root.exists()


@pytest.mark.parametrize("text", ["", "%", "x' OR 1", "../..", "2", "nothing"])
def test_a_batch_is_found_by_its_id_alone(ledger: Ledger, text: str) -> None:
    first, second = make(ledger), make(ledger)
    assert [batch.id for batch in ledger.batches()] == [second, first]
    assert ledger.batch(first).id == first
    with pytest.raises(UsageError, match="2 batches begin with 2" if text == "2" else "There is no batch"):
        ledger.batch(text)
    for change in (lambda: ledger.set_status("x", BatchStatus.PAUSED), lambda: ledger.put_back("x")):
        with pytest.raises(UsageError, match="There is no batch 'x'"):
            change()


def test_the_latest_unfinished_batch_is_one_that_nobody_works_on(ledger: Ledger) -> None:
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
        ([ShotSpec("/a"), ShotSpec("/b", start=0)], "Shot 2: 0 is no clip frame"),
        ([ShotSpec("/a", end=1 << 70)], "Shot 1: .* is no clip frame"),
        ([ShotSpec("/a", direction="up")], "Shot 1: direction 'up'"),
        ([ShotSpec("/a\udcff")], "not valid text"),
        ([ShotSpec("/a", name="x" * 10_000)], "too long"),
        ([ShotSpec("/a", settings={"x": object()})], "Shot 1: its settings"),
        ([ShotSpec("/a", settings={"x": float("nan")})], "Shot 1: its settings"),
        ([ShotSpec("/a", settings={"x": "x" * 300_000})], "longer than 256 KiB"),
    ],
)
def test_what_cannot_be_kept_is_refused_whole(ledger: Ledger, shots: list[ShotSpec], message: str) -> None:
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
    assert ledger.put_back(batch) == 0 and ledger.put_back(batch, FAILED, SKIPPED) == 1
    (shot,) = ledger.shots(batch)
    assert (shot.status, shot.crashes, shot.ended, shot.attempts) == (PENDING, 0, "", 4)
    with pytest.raises(UsageError):
        ledger.note_session(ledger.claim(batch, everything_dead), "../../x")


def test_bytes_that_a_child_wrote_can_be_kept_as_its_error(ledger: Ledger) -> None:
    shot = ledger.claim(make(ledger), everything_dead)
    assert ledger.finish(shot, FAILED, "a\0b\udcff\x1b").error == "a�b?\x1b"


def test_who_was_taken_for_dead_cannot_speak_for_the_shot(ledger: Ledger, root: Path) -> None:
    batch = make(ledger)
    old = ledger.claim(batch, everything_dead)
    with Ledger(root) as other:
        assert other.put_back(batch) == 1
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


# What it refuses


def raw(root: Path, *statements: str) -> None:
    """Change the file as somebody else might."""
    connection = sqlite3.connect(ledger_path(root))
    connection.execute("PRAGMA ignore_check_constraints = ON")
    for statement in statements:
        connection.execute(statement)
    connection.commit()
    connection.close()


def refused(root: Path, match: str) -> None:
    """Nobody can open it, and it is left as it is."""
    before = ledger_path(root).read_bytes()
    for readonly in (False, True):
        with pytest.raises(LedgerUnreadable, match=match) as caught, Ledger(root, readonly=readonly):
            pass
        assert "The sessions are unharmed: " in str(caught.value)
    assert ledger_path(root).read_bytes() == before


def test_a_ledger_of_a_newer_version_is_refused(ledger: Ledger, root: Path) -> None:
    make(ledger)
    ledger.close()
    raw(root, "PRAGMA user_version = 2")
    refused(root, r"newer version wrote it \(schema 2\)\. .*update the extension")


@pytest.mark.parametrize(
    "statement",
    [
        "CREATE TRIGGER t AFTER UPDATE ON shots BEGIN DELETE FROM batches; END",
        "CREATE VIEW v AS SELECT 1",
        "ALTER TABLE shots ADD COLUMN more TEXT",
        "DROP INDEX shots_by_status",
        "PRAGMA user_version = 0",
    ],
)
def test_a_schema_of_somebody_else_is_refused(ledger: Ledger, root: Path, statement: str) -> None:
    make(ledger)
    ledger.close()
    raw(root, statement)
    refused(root, "its tables are not those of a ledger.*move it away.*batch run … --resume")


def test_a_database_of_another_program_is_refused(root: Path) -> None:
    root.mkdir(parents=True)
    raw(root, "CREATE TABLE bookmarks (url TEXT)")
    refused(root, "another program")


@pytest.mark.parametrize("content", [b"x", b"not a database " * 1000, b"SQLite format 3\0", b"SQLite format 3\0" * 999])
def test_what_is_no_database_is_refused(root: Path, content: bytes) -> None:
    root.mkdir(parents=True)
    ledger_path(root).write_bytes(content)
    refused(root, "no ledger at all")


def test_a_folder_in_its_place_is_refused(root: Path) -> None:
    ledger_path(root).mkdir(parents=True)
    with pytest.raises(LedgerUnreadable, match="it is no file"):
        Ledger(root)


def test_an_empty_file_is_a_ledger_whose_maker_was_killed(root: Path) -> None:
    root.mkdir(parents=True)
    ledger_path(root).touch()
    with Ledger(root, readonly=True) as reader:
        assert reader.batches() == []
    with Ledger(root) as ledger:
        assert len(ledger.shots(make(ledger))) == 3


def test_after_a_damaged_one_was_moved_away_a_new_one_begins(ledger: Ledger, root: Path) -> None:
    make(ledger)
    ledger_path(root).rename(root / "damaged.db")  # its log may stay behind
    ledger.close()
    (root / "batch.db-wal").write_bytes(os.urandom(5000))
    with Ledger(root) as fresh:
        assert fresh.batches() == [] and len(fresh.shots(make(fresh))) == 3 and fresh.check() == []


@pytest.mark.parametrize(
    "change",
    [
        *(
            f"UPDATE shots SET {column} = {value} WHERE number = 2"
            for column in (
                "number",
                "direction",
                "detect",
                "status",
                "session",
                "attempts",
                "settings",
                "batch",
                "first",
            )
            for value in ("''", "'../../x'", "-1", "1.5", "x'ff'", "1 << 60")
            if (column, value) not in {("session", "''"), ("session", "1 << 60"), ("batch", "'../../x'")}
        ),
        "UPDATE shots SET footage = 'a' || char(0)",
        "UPDATE shots SET settings = '[]'",
        "UPDATE shots SET name = printf('%.*c', 3000000, 'x')",
        f"UPDATE shots SET settings = '{'[' * 100_000}'",
        "UPDATE batches SET id = '../../x'",
        "UPDATE batches SET config = 'null'",
        "UPDATE batches SET status = 'processing'",
        "UPDATE batches SET created = x'00'",
    ],
)
def test_values_that_make_no_sense_are_told_and_harm_nothing(ledger: Ledger, root: Path, change: str) -> None:
    batch = make(ledger)
    ledger.close()
    raw(root, change)
    with Ledger(root) as opened:
        told = 0
        for use in (
            opened.batches,
            lambda: opened.shots(batch),
            lambda: opened.counts(batch),
            lambda: [opened.claim(batch, everything_live) for _ in range(3)],
        ):
            try:
                use()
            except LedgerUnreadable:
                told += 1
        assert told or len(opened.shots(batch)) < 3 or opened.check()


def test_a_text_without_end_is_not_read(ledger: Ledger, root: Path) -> None:
    batch = make(ledger)
    ledger.close()
    raw(root, "UPDATE shots SET error = printf('%.*c', 3000000, 'x')")
    with Ledger(root) as opened, pytest.raises(LedgerUnreadable, match="too big"):
        opened.shots(batch)


def test_random_damage_is_told_or_harmless(ledger: Ledger, root: Path, tmp_path: Path) -> None:
    batch = make(ledger, 60)
    for _ in range(9):
        ledger.finish(ledger.claim(batch, everything_dead), FAILED, "x" * 300)
    ledger.close()
    content = ledger_path(root).read_bytes()
    chance = random.Random(4)
    told = 0
    for number in range(250):
        copy = tmp_path / str(number)
        copy.mkdir()
        changed = bytearray(content)
        for _ in range(chance.choice((1, 3, 40))):
            changed[chance.randrange(len(changed))] = chance.randrange(256)
        if chance.random() < 0.2:
            del changed[chance.randrange(len(changed)) :]
        ledger_path(copy).write_bytes(changed)
        for readonly in (True, False):
            try:
                with Ledger(copy, readonly=readonly) as opened:
                    use_everything(opened, batch, readonly)
            except TrackingSessionError as error:
                told += 1
                assert isinstance(error, (LedgerUnreadable, UsageError)), repr(error)
        shutil.rmtree(copy)
    assert told > 100


def use_everything(ledger: Ledger, batch: str, readonly: bool) -> None:
    ledger.check()
    ledger.batches()
    ledger.batch(batch)
    ledger.counts(batch)
    ledger.shots(batch)
    if not readonly:
        ledger.put_back(batch, FAILED)
        shot = ledger.claim(batch, everything_live)
        if shot is not None:
            ledger.finish(shot, COMPLETED)
        make(ledger)


# Others, and disks


def test_another_writer_is_waited_for_and_then_told(
    ledger: Ledger, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    batch = make(ledger)
    monkeypatch.setattr(ledger_file, "BUSY_TIME", 0.2)
    holder = sqlite3.connect(ledger_path(root), isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")
    with Ledger(root) as other:
        assert len(other.shots(batch)) == 3  # reading goes on
        with pytest.raises(LedgerBusy, match="held by another process"):
            other.claim(batch, everything_dead)
        holder.execute("ROLLBACK")
        assert other.claim(batch, everything_dead).number == 1
    holder.close()


def test_a_ledger_on_a_network_mount_keeps_a_rollback_journal(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def mode() -> str:
        connection = sqlite3.connect(ledger_path(root))
        (found,) = connection.execute("PRAGMA journal_mode").fetchone()
        connection.close()
        return str(found)

    with Ledger(root) as ledger:
        batch = make(ledger)
    assert mode() == "wal"
    monkeypatch.setattr(ledger_file, "network_kind", lambda folder: "nfs4")
    with Ledger(root) as ledger:
        ledger.claim(batch, everything_dead)
        assert ledger.journal == "delete"
    assert mode() == "delete"
    monkeypatch.undo()
    with Ledger(root) as ledger:  # somebody may still have it open over there
        assert ledger.claim(batch, everything_dead).number == 2
    assert mode() == "delete"


def test_mounts_tell_which_folders_lie_on_a_network(tmp_path: Path) -> None:
    place = os.path.realpath(tmp_path).replace(" ", "\\040")
    (tmp_path / "a b" / "c").mkdir(parents=True)
    mounts = (
        f"/dev/sda1 / ext4 rw 0 0\nserver:/x {place}/a\\040b nfs4 rw 0 0\n"
        f"tmpfs {place}/a\\040b/c tmpfs rw 0 0\n//s/y {place}/cifs cifs rw 0 0\nme@h: {place}/ssh fuse.sshfs rw 0 0\n"
    )
    found = [network_kind(tmp_path / name, mounts) for name in ("", "a b", "a b/x", "a b/c", "a bc", "cifs/x", "ssh")]
    assert found == ["", "nfs4", "nfs4", "", "", "cifs", "fuse.sshfs"]


FULL = """
import resource, signal
from pathlib import Path
from tracking_sessions.core.errors import StorageFailed
from tracking_sessions.core.ledger import Ledger
from tracking_sessions.tests.core import claims
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[2]),) * 2)
try:
    root = Path(sys.argv[1])
    with Ledger(root) as ledger:
        batch = ledger.create("night", claims.specs(root, 40), {}).id
    print("batch", batch)
    claims.work(root, batch, print)
except StorageFailed as error:
    print(error)
"""


@posix
@pytest.mark.parametrize("limit", [0, 1000, 5000, 20_000, 36_000, 50_000, 70_000, 100_000, 200_000, 500_000])
def test_a_file_that_may_not_grow_any_more_loses_nothing(root: Path, limit: int) -> None:
    lines = run_child(FULL, root, limit).splitlines()
    assert "cannot be written" in lines[-1] and "mend it, then resume" in lines[-1]
    with Ledger(root) as ledger:
        assert ledger.check() == []
        if not lines[0].startswith("batch"):
            assert len(ledger.batches()) in (0, 1)
            return
        batch = lines[0].split()[1]
        done = {int(line.split()[1]) for line in lines if line.startswith("finished")}
        found = {shot.number for shot in ledger.shots(batch) if shot.status is COMPLETED}
        assert done <= found and len(found - done) <= 1
        ledger.put_back(batch)
        rest = [shot.number for shot in iter(lambda: ledger.claim(batch, everything_dead), None)]
        assert sorted({*found, *rest}) == list(range(1, 41)) and len(found) + len(rest) == 40


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=400k", "tmpfs", folder], capture_output=True, check=False
    )
    if mounted.returncode:
        pytest.skip("mounting a small disk takes root")
    yield folder
    subprocess.run(["umount", "-l", folder], check=True)


def test_a_disk_that_is_really_full_loses_nothing(disk: Path) -> None:
    with Ledger(disk) as ledger:
        batch = make(ledger, 200)
        first = ledger.finish(ledger.claim(batch, everything_dead), COMPLETED)
        filling = disk / "filling"
        with pytest.raises(OSError), filling.open("wb", buffering=0) as file:
            while True:
                file.write(bytes(512))
        with pytest.raises(StorageFailed, match=r"The disk is full.*mend it, then resume"):
            for _ in range(200):
                ledger.finish(ledger.claim(batch, everything_dead), COMPLETED, "x" * 4000)
        with pytest.raises(StorageFailed, match="The disk is full"):
            for _ in range(200):
                ledger.set_status(batch, BatchStatus.PAUSED)
                ledger.claim(batch, everything_dead)
        assert ledger.shots(batch)[0] == first and ledger.check() == []
        filling.unlink()
        ledger.put_back(batch)
        assert ledger.claim(batch, everything_dead) and ledger.check() == []


def test_a_full_disk_lets_nobody_begin_and_says_so(disk: Path) -> None:
    with Ledger(disk) as ledger:
        make(ledger)
    filling = disk / "filling"
    with pytest.raises(OSError), filling.open("wb", buffering=0) as file:
        while True:
            file.write(bytes(512))
    with pytest.raises(StorageFailed, match="The disk is full"), Ledger(disk) as ledger:
        make(ledger)


def test_a_read_only_disk_can_be_read_and_says_why_it_is_not_written(disk: Path) -> None:
    with Ledger(disk) as ledger:
        batch = make(ledger)
    subprocess.run(["mount", "-o", "remount,ro", disk], check=True)
    with Ledger(disk, readonly=True) as ledger:
        assert len(ledger.shots(batch)) == 3
    with pytest.raises(StorageFailed, match="cannot be written: The disk is read-only"), Ledger(disk) as ledger:
        ledger.claim(batch, everything_dead)


def test_who_may_not_look_is_not_told_that_there_are_no_batches(
    ledger: Ledger, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def denied(path: object, *_: object, **__: object) -> os.stat_result:
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))

    make(ledger)
    monkeypatch.setattr(os, "stat", denied)  # root may look everywhere
    with pytest.raises(LedgerUnreadable, match=r"Permission denied.*ask for the right"):
        Ledger(root, readonly=True)


def test_a_missing_folder_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StorageFailed):
        Ledger(tmp_path / "file" / "root")


# Processes that are killed

WORK = """
from pathlib import Path
from tracking_sessions.tests.core import claims
claims.work_and_log(Path(sys.argv[1]), sys.argv[2], Path(sys.argv[3]))
"""

DIE = """
from pathlib import Path
from tracking_sessions.tests.core import claims
claims.die_at_each_statement(Path(sys.argv[1]))
"""


def told(log: Path, word: str) -> list[int]:
    """The numbers of the shots of which a process was told that they are claimed, or finished."""
    lines = log.read_text().splitlines() if log.exists() else []
    return [int(line.split()[1]) for line in lines if line.startswith(word)]


@posix
def test_sigkill_before_any_statement_loses_nothing(tmp_path: Path) -> None:
    count = int(run_child(DIE, tmp_path))
    assert count > 25
    for number in range(1, count + 1):
        log = tmp_path / f"{number}.log"
        with Ledger(tmp_path / str(number)) as ledger:
            assert ledger.check() == []
            for batch in ledger.batches():
                shots = ledger.shots(batch.id)
                done = {shot.number for shot in shots if shot.status is COMPLETED}
                claimed = {shot.number for shot in shots if shot.attempts}
                assert len(shots) == 2 and set(told(log, "finished")) <= done and set(told(log, "claimed")) <= claimed
                ledger.put_back(batch.id)
                rest = [shot.number for shot in iter(lambda b=batch: ledger.claim(b.id, everything_dead), None)]
                assert sorted([*done, *rest]) == [1, 2]


@posix
def test_processes_killed_at_random_claim_no_shot_twice_and_lose_none(ledger: Ledger, root: Path) -> None:
    count = 3000  # more than they come to
    batch = make(ledger, count)
    chance = random.Random(1)
    finished: list[int] = []
    kills = 0
    for turn in range(12):
        logs = [root / f"{turn}-{worker}.log" for worker in range(3)]
        workers = [start_child(WORK, root, batch, log) for log in logs]
        while not all(log.exists() for log in logs) and any(worker.poll() is None for worker in workers):
            time.sleep(0.001)
        for worker in workers:
            time.sleep(chance.random() * 0.005)
            if worker.poll() is None:
                os.kill(worker.pid, signal.SIGKILL)
        codes = [worker.wait(60) for worker in workers]
        kills += codes.count(-signal.SIGKILL)
        assert set(codes) <= {0, -signal.SIGKILL}
        claimed = [number for log in logs for number in told(log, "claimed")]
        assert len(claimed) == len(set(claimed)) and not set(claimed) & set(finished)
        finished += [number for log in logs for number in told(log, "finished")]
        shots = ledger.shots(batch)
        assert ledger.check() == [] and len(shots) == count
        assert set(finished) <= {shot.number for shot in shots if shot.status is COMPLETED}
        assert sum(shot.status is PROCESSING for shot in shots) <= len(workers)
        finished = [shot.number for shot in shots if shot.status is COMPLETED]
        ledger.put_back(batch)
    assert kills == 36 and len(finished) > 12
    assert ledger.counts(batch) == {COMPLETED: len(finished), PENDING: count - len(finished)}


@posix
def test_two_processes_that_claim_at_once_share_the_shots(ledger: Ledger, root: Path) -> None:
    batch = make(ledger, 150)
    logs = [root / f"{worker}.log" for worker in range(2)]
    codes = [worker.wait(60) for worker in [start_child(WORK, root, batch, log) for log in logs]]
    claimed = [told(log, "claimed") for log in logs]
    assert codes == [0, 0] and sorted(claimed[0] + claimed[1]) == list(range(1, 151))
    assert statuses(ledger, batch) == [COMPLETED] * 150


AT_ONCE = """
import time
from pathlib import Path
from tracking_sessions.core.ledger import Ledger
from tracking_sessions.tests.core import claims
for number in range(30):
    time.sleep(max(0.0, float(sys.argv[2]) + number * 0.05 - time.time()))
    root = Path(sys.argv[1]) / str(number)
    with Ledger(root) as ledger:
        ledger.create("one", claims.specs(root, 5), {})
"""


@posix
def test_many_processes_may_make_the_ledger_at_once(tmp_path: Path) -> None:
    start = time.time() + 0.7
    codes = [child.wait(60) for child in [start_child(AT_ONCE, tmp_path, start) for _ in range(4)]]
    assert codes == [0] * 4
    for number in range(30):
        with Ledger(tmp_path / str(number), readonly=True) as ledger:
            assert len(ledger.batches()) == 4 and ledger.check() == [] and ledger.journal == "wal"


def test_limits_of_this_process_are_as_they_were() -> None:
    assert resource.getrlimit(resource.RLIMIT_FSIZE)[0] == resource.RLIM_INFINITY
