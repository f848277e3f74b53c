# SPDX-License-Identifier: GPL-3.0-or-later
"""Journals cut at every byte, with every byte damaged, and written by a process that lost its lease."""

import zlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from tracking_sessions.core.errors import JournalDamaged, SessionUnreadable, StorageFailed
from tracking_sessions.core.journal.chain import (
    HEADER_SIZE,
    RECORD_OVERHEAD,
    Header,
    JournalReader,
    JournalWriter,
    Position,
    journal_path,
)
from tracking_sessions.core.journal.codec import encode
from tracking_sessions.core.journal.records import (
    EndRecord,
    FrameRecord,
    MarkersRecord,
    PassRecord,
    RecordType,
    TracksRecord,
)
from tracking_sessions.core.journal.rows import GUARDED
from tracking_sessions.core.model.types import Outcome, Pass, TrackData
from tracking_sessions.tests.core.faults import flip
from tracking_sessions.tests.core.shots import marker

SESSION = "20260101-101500-5f0c2d1e"
Records = list[tuple[int, bytes]]


def frame_record(number: int, frame: int) -> tuple[RecordType, bytes]:
    return encode(FrameRecord(number, frame, 1, marker(1, frame, (frame / 7,), GUARDED)))


TABLE = encode(TracksRecord((TrackData(1, "Camera", "A"),)))
SNAPSHOT = encode(MarkersRecord(1, marker(1, 1)))
PASS = encode(PassRecord(Pass(1, 1, 9, (1,)), (), "track_forwards", ""))
END = encode(EndRecord(1, Outcome.PAUSED, "", ""))


def open_generation(folder: Path, generation: int, *, salvage: bool = False) -> JournalWriter:
    """Act as a new owner: read all valid records, then append to them."""
    reader = JournalReader(folder, SESSION, salvage=salvage)
    for _ in reader.records():
        pass
    header = Header(SESSION, generation, 1000 + generation, *reader.end, reader.checksum)
    return JournalWriter(folder, header, durable=False)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Three generations: the first one's owner was killed, the second wrote nothing, the third ended its pass.

    The fourth lease had no journal: number 5 goes on from 3.
    """
    first = open_generation(tmp_path, 1)
    first.append(TABLE, SNAPSHOT, PASS)
    first.append(frame_record(1, 2))
    first.close()
    second = open_generation(tmp_path, 2)
    second.close()
    third = open_generation(tmp_path, 3)
    third.append(frame_record(1, 3))
    third.append(END)
    third.close()
    fifth = open_generation(tmp_path, 5)
    fifth.append(frame_record(1, 4))
    fifth.append(frame_record(1, 5), (99, b""))  # a type of the future
    fifth.close()
    return tmp_path


def read(folder: Path, *, salvage: bool = False) -> tuple[Records, JournalDamaged | None]:
    """The records, and the damage behind them."""
    reader = JournalReader(folder, SESSION, salvage=salvage)
    found: Records = []
    try:
        found.extend((record.type, record.payload) for record in reader.records())
    except JournalDamaged as damage:
        assert not salvage
        return found, damage
    return found, reader.damage


def ends(folder: Path, generation: int) -> list[int]:
    """The ends of the records of a file."""
    found = [record.end for record in JournalReader(folder, SESSION).records()]
    return [end.offset for end in found if end.generation == generation]


def test_records_are_read_across_generations(folder: Path) -> None:
    records, damage = read(folder)
    assert damage is None
    assert [kind for kind, _ in records] == [1, 2, 3, 4, 4, 5, 4, 4, 99]
    assert records[:3] == [TABLE, SNAPSHOT, PASS]
    assert records[6:8] == [frame_record(1, 4), frame_record(1, 5)]


def test_the_newest_file_cut_at_every_byte_reads_its_complete_records(folder: Path) -> None:
    path = journal_path(folder, 5)
    whole, offsets, (records, _) = path.read_bytes(), ends(folder, 5), read(folder)
    before = len(records) - len(offsets)
    for size in range(len(whole)):
        path.write_bytes(whole[:size])
        complete = before + sum(end <= size for end in offsets)
        assert read(folder) == (records[:complete], None), size


def test_an_older_file_cut_at_every_byte_is_damage_and_keeps_the_records_before(folder: Path) -> None:
    path = journal_path(folder, 1)
    whole, offsets, (records, _) = path.read_bytes(), ends(folder, 1), read(folder)
    for size in range(len(whole)):
        path.write_bytes(whole[:size])
        found, damage = read(folder)
        assert found == records[: sum(end <= size for end in offsets)]
        assert damage is not None and damage.record == len(found) and damage.path == path


def damaged_copies(whole: bytes) -> Iterator[tuple[int, bytes]]:
    """Each byte with each of its bits flipped, all of them flipped, and set to 0 and 255."""
    for at, value in enumerate(whole):
        for wrong in {*(value ^ 1 << bit for bit in range(8)), value ^ 0xFF, 0, 0xFF} - {value}:
            yield at, whole[:at] + bytes((wrong,)) + whole[at + 1 :]


@pytest.mark.parametrize("generation", [1, 2, 3, 5])
@pytest.mark.slow
def test_every_damaged_byte_is_noticed_and_never_gives_a_wrong_record(folder: Path, generation: int) -> None:
    path = journal_path(folder, generation)
    whole, (records, _) = path.read_bytes(), read(folder)
    offsets = [HEADER_SIZE, *ends(folder, generation)]
    earlier = sum(record.end.generation < generation for record in JournalReader(folder, SESSION).records())
    for at, copy in damaged_copies(whole):
        path.write_bytes(copy)
        found, damage = read(folder)
        assert damage is not None and damage.path == path, at
        complete = earlier + sum(end <= at for end in offsets[1:]) if at >= HEADER_SIZE else 0
        assert found == records[:complete], at
        assert "Restore a good copy" in str(damage)


def test_every_damaged_byte_of_an_unfinished_tail_is_harmless(folder: Path) -> None:
    path = journal_path(folder, 5)
    records, _ = read(folder)
    start = ends(folder, 5)[0]
    whole = path.read_bytes()[: start + 60]  # a cut record
    for at, copy in damaged_copies(whole):
        if at >= start:
            path.write_bytes(copy)
            found, damage = read(folder)
            assert found == records[:-2]
            assert damage is None or damage.offset == start


def test_zeros_that_a_power_cut_leaves_are_an_unfinished_tail(folder: Path) -> None:
    path = journal_path(folder, 5)
    whole, offsets, (records, _) = path.read_bytes(), ends(folder, 5), read(folder)
    before = len(records) - len(offsets)
    checksums = {at + i for start in [HEADER_SIZE, *offsets] for at in (start + 8, start - 4) for i in range(1, 4)}
    for size in range(HEADER_SIZE, len(whole)):
        for zeros in (len(whole) - size, 5000):
            path.write_bytes(whole[:size] + bytes(zeros))
            complete = before + sum(end <= size or not any(whole[size:end]) for end in offsets)
            found, damage = read(folder)
            if size in checksums:  # half a checksum may also be damage: noticed, and nothing wrong is read
                assert found == records[:complete]
            else:
                assert (found, damage) == (records[:complete], None), size


@pytest.mark.parametrize("size", [0, 1, HEADER_SIZE - 1, HEADER_SIZE, 4096])
def test_a_file_of_zeros_was_never_begun(folder: Path, size: int) -> None:
    records, _ = read(folder)
    journal_path(folder, 6).write_bytes(bytes(size))
    assert read(folder) == (records, None)


def test_records_behind_a_lost_header_are_damage(folder: Path) -> None:
    path = journal_path(folder, 5)
    path.write_bytes(bytes(HEADER_SIZE) + path.read_bytes()[HEADER_SIZE:])
    _, damage = read(folder)
    assert damage is not None and damage.path == path


def test_a_missing_generation_is_damage(folder: Path) -> None:
    journal_path(folder, 3).unlink()
    found, damage = read(folder)
    assert found == [] and damage is not None
    assert "missing" in str(damage)
    found, damage = read(folder, salvage=True)
    assert [kind for kind, _ in found] == [1, 2, 3, 4] and damage is not None


def test_a_file_of_another_session_or_generation_is_damage(folder: Path) -> None:
    path = journal_path(folder, 5)
    path.rename(journal_path(folder, 6))
    assert read(folder)[1] is not None
    journal_path(folder, 6).rename(path)
    with pytest.raises(JournalDamaged, match="another session"):
        list(JournalReader(folder, "another").records())


def test_another_file_in_the_place_of_an_older_one_is_damage(folder: Path) -> None:
    """A valid file of the same length, but not the base of the later files."""
    path = journal_path(folder, 1)
    size = path.stat().st_size
    path.unlink()
    other = JournalWriter(folder, Header(SESSION, 1, 77))
    other.append(TABLE, SNAPSHOT, PASS)
    other.append(frame_record(1, 2))
    other.close()
    assert path.stat().st_size == size
    assert "differs" in str(read(folder)[1])


def test_a_newer_version_of_the_format_is_refused(folder: Path) -> None:
    path = journal_path(folder, 5)
    data = bytearray(path.read_bytes())
    data[8] = 2
    data[76:80] = zlib.crc32(data[:76]).to_bytes(4, "little")
    path.write_bytes(data)
    with pytest.raises(SessionUnreadable, match="update the extension"):
        read(folder, salvage=True)
    assert path.read_bytes() == data


def test_records_of_an_owner_that_lost_the_lease_are_never_read(tmp_path: Path) -> None:
    old = open_generation(tmp_path, 1)
    old.append(TABLE, SNAPSHOT, PASS)
    new = open_generation(tmp_path, 2)
    expected, _ = read(tmp_path)
    old.append(frame_record(1, 2))
    assert read(tmp_path) == (expected, None)
    new.append(frame_record(1, 3))
    old.append(frame_record(1, 4))
    expected.append(frame_record(1, 3))
    assert read(tmp_path) == (expected, None)
    with journal_path(tmp_path, 1).open("ab") as file:
        file.write(b"rubbish")
    assert read(tmp_path) == (expected, None)


def test_reading_from_a_position_gives_the_records_behind_it(folder: Path) -> None:
    reader = JournalReader(folder, SESSION)
    everything: list[tuple[int, bytes, Position]] = []
    places = [(Position(1, HEADER_SIZE), Header(SESSION, 1, 1001).chain())]
    for record in reader.records():
        everything.append(tuple(record))
        places.append((record.end, reader.checksum))
    for number, (place, checksum) in enumerate(places):
        assert reader.contains(place)
        for chain in (checksum, None):
            assert [tuple(record) for record in reader.records(place, chain)] == everything[number:]
            assert (reader.end, reader.checksum) == places[-1] if everything[number:] else True
    assert not reader.contains(Position(4, HEADER_SIZE))
    assert not reader.contains(Position(1, places[4][0].offset + 1))
    assert not reader.contains(Position(5, places[-1][0].offset + 1))


def test_salvage_keeps_the_records_before_damage_and_appends_to_them(folder: Path) -> None:
    records, _ = read(folder)
    path = journal_path(folder, 3)
    damaged = flip(path, ends(folder, 3)[0] + RECORD_OVERHEAD - 2)
    newest = journal_path(folder, 5).read_bytes()
    kept, damage = read(folder, salvage=True)
    assert kept == records[:5] and damage is not None
    writer = open_generation(folder, 6, salvage=True)
    writer.append(frame_record(1, 6))
    writer.close()
    assert read(folder) == ([*records[:5], frame_record(1, 6)], None)
    assert path.read_bytes() == damaged and journal_path(folder, 5).read_bytes() == newest


def test_a_writer_never_writes_into_an_existing_file(folder: Path) -> None:
    before = journal_path(folder, 5).read_bytes()
    with pytest.raises(StorageFailed):
        JournalWriter(folder, Header(SESSION, 5, 1))
    assert journal_path(folder, 5).read_bytes() == before


def test_a_writer_that_was_closed_writes_no_more(tmp_path: Path) -> None:
    writer = open_generation(tmp_path, 1)
    writer.close()
    writer.close()
    with pytest.raises(StorageFailed):
        writer.append(TABLE)
