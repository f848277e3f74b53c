# SPDX-License-Identifier: GPL-3.0-or-later
"""Reads and writes the journal. docs/format.md describes the bytes; nothing else writes them.

A journal is a chain of append-only files, one for each generation of the session's lease. The header of `journal.<n>`
names its base, an earlier file, and how many bytes of the base are valid: readers skip everything that a process wrote
after it lost its lease. Checksums are chained: each covers everything before it.
"""

from __future__ import annotations

import os
import struct
import zlib
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, NamedTuple

from ..errors import JournalDamaged, SessionUnreadable, StorageFailed
from ..storage.files import sync_folder, write_all
from ..storage.folder import numbered
from .framing import CHECKSUM, RECORD, RECORD_OVERHEAD, Damage, behind_damage, only_zeros, read_record

MAGIC = b"TSJOURNL"
VERSION = 1
HEADER = struct.Struct("<8sHHI32sQIIQI")  # without its checksum
HEADER_SIZE = HEADER.size + 4
OPEN_FILES = 64  # of one chain at once


class Position(NamedTuple):
    """A part of the journal: everything up to byte `offset` of the file of `generation`."""

    generation: int
    offset: int


NOTHING = Position(0, 0)
"""An empty journal."""


class Record(NamedTuple):
    type: int
    payload: bytes
    end: Position


@dataclass(frozen=True)
class Header:
    session: str
    generation: int
    salt: int
    base_generation: int = 0  # 0: the journal begins here
    base_offset: int = 0
    base_checksum: int = 0

    def encode(self) -> bytes:
        name = self.session.encode("ascii")
        base = self.base_generation, 0, self.base_offset, self.base_checksum
        body = HEADER.pack(MAGIC, VERSION, HEADER_SIZE, self.generation, name, self.salt, *base)
        return body + CHECKSUM.pack(zlib.crc32(body))

    def chain(self) -> int:
        """The start value for the checksum of the first record."""
        return zlib.crc32(struct.pack("<Q", self.salt))


def _decode_header(data: bytes, path: Path, session: str, generation: int) -> Header:
    body = data[: HEADER.size]
    magic, version, size, number, name, salt, base_generation, _, base_offset, base_checksum = HEADER.unpack(body)
    intact = CHECKSUM.unpack(data[HEADER.size : HEADER_SIZE])[0] == zlib.crc32(body)
    if magic == MAGIC and version > VERSION and (intact or size != HEADER_SIZE):
        raise SessionUnreadable(path, "it was written by a newer version; update the extension")
    if not intact:
        raise Damage("the header's checksum is wrong")
    if magic != MAGIC or version != VERSION or size != HEADER_SIZE:
        raise Damage("it is not a journal")
    if name.rstrip(b"\0") != session.encode("ascii") or number != generation:
        raise Damage("it belongs to another session or generation")
    if base_generation >= generation:
        raise Damage("its base is a later file")
    return Header(session, generation, salt, base_generation, base_offset, base_checksum)


def journal_path(folder: Path, generation: int) -> Path:
    return folder / f"journal.{generation}"


@dataclass(frozen=True)
class _Segment:
    header: Header
    path: Path
    limit: int | None  # valid bytes; None: to the last complete record
    checksum: int  # the chained checksum at `limit`


class JournalReader:
    """Reads the valid records, oldest first. `end` is the end of the complete records, `checksum` their checksum.

    The reader drops an unfinished tail. Damage before it raises JournalDamaged after the records before the damage;
    with `salvage` the iteration ends there, and `damage` is the error. With `skip` it goes on behind damaged records,
    of which `skipped` is the number, as far as the checksums tell where the next one begins.
    """

    def __init__(self, folder: Path, session: str, *, salvage: bool = False, skip: bool = False) -> None:
        self.folder = folder
        self.session = session
        self.salvage = salvage or skip
        self.skip = skip
        self.skipped = 0
        self.end = NOTHING
        self.checksum: int = 0
        self.damage: JournalDamaged | None = None

    def records(self, after: Position | None = None, checksum: int | None = None) -> Iterator[Record]:
        """All records, or those behind `after`, which must be the end of a valid record.

        With the chained `checksum` at `after` reading starts there, without it at the beginning of that file. Raises
        JournalDamaged, and OSError if a file cannot be read.
        """
        self.end, self.checksum, self.damage, self.skipped = NOTHING, 0, None, 0
        number = 0  # of the record, for the message
        try:
            with ExitStack() as opened:
                for segment, opening in self._opened(after, opened):
                    file = opening or opened.enter_context(open(segment.path, "rb"))
                    start = None
                    if after is not None and checksum is not None and segment.header.generation == after.generation:
                        start = (after.offset, checksum)
                    for record in self._segment_records(segment, file, start):
                        number += 1
                        if after is None or record.end > after:
                            yield record
        except JournalDamaged as damage:
            error = JournalDamaged(damage.path, number, damage.offset, damage.reason)
            self.damage = error
            if not self.salvage:
                raise error from None

    def contains(self, position: Position) -> bool:
        """Whether `position` lies in the valid part of the journal. Raises as `records` does."""
        for segment in self._segments(position):
            if segment.header.generation == position.generation:
                limit = os.stat(segment.path).st_size if segment.limit is None else segment.limit
                return HEADER_SIZE <= position.offset <= limit
        return False

    def checksum_at(self, position: Position) -> int:
        """The chained checksum at `position`, which must be the end of a record. Raises as `records` does."""
        if position.offset == HEADER_SIZE:
            return self._header(position.generation).chain()
        with open(journal_path(self.folder, position.generation), "rb") as file:
            file.seek(position.offset - CHECKSUM.size)
            data = file.read(CHECKSUM.size)
        return int.from_bytes(data, "little")

    @property
    def generations(self) -> list[int]:
        """The generations of the journal, ascending. Raises as `records` does."""
        return [segment.header.generation for segment in self._segments(None)]

    def _opened(self, after: Position | None, opened: ExitStack) -> list[tuple[_Segment, BinaryIO | None]]:
        """The files of the chain, oldest first, open until `opened` is closed: an owner that lets old states go deletes
        files while others read them. Of a long chain only the newest are open."""
        while True:
            newest = numbered(self.folder, "journal")[-1:]
            segments = self._segments(after)
            with ExitStack() as files:
                try:
                    newer = [files.enter_context(open(segment.path, "rb")) for segment in segments[-OPEN_FILES:]]
                except FileNotFoundError:
                    if numbered(self.folder, "journal")[-1:] == newest:
                        raise
                    continue
                opened.push(files.pop_all())
            return list(zip(segments, [None] * (len(segments) - len(newer)) + newer, strict=True))

    def _segments(self, after: Position | None) -> list[_Segment]:
        """The files of the chain, oldest first."""
        while True:
            newest = numbered(self.folder, "journal")[-1:]
            try:
                return self._chain(after)
            except (FileNotFoundError, JournalDamaged):
                if numbered(self.folder, "journal")[-1:] == newest:
                    raise  # else an owner has let old states go meanwhile

    def _chain(self, after: Position | None) -> list[_Segment]:
        chain: list[_Segment] = []
        newest_first = reversed(numbered(self.folder, "journal"))
        generation = next((number for number in newest_first if not self._is_unbegun(number)), 0)
        limit, checksum = None, 0
        while generation:
            path = journal_path(self.folder, generation)
            try:
                header = self._header(generation)
            except JournalDamaged as damage:
                if not self.salvage:
                    raise
                self.damage = damage
                chain.clear()  # later files build on this one
                generation, limit = generation - 1, None
                continue
            chain.append(_Segment(header, path, limit, checksum))
            if after is not None and generation <= after.generation:
                break
            generation, limit, checksum = header.base_generation, header.base_offset, header.base_checksum
        chain.reverse()
        return chain

    def _is_unbegun(self, generation: int) -> bool:
        """Whether the file has no complete header, or only zeros: its writer never finished it."""
        data = self._head(generation)
        if len(data) == HEADER_SIZE and not any(data):
            with open(journal_path(self.folder, generation), "rb") as file:
                return only_zeros(file)
        return len(data) < HEADER_SIZE

    def _header(self, generation: int) -> Header:
        path = journal_path(self.folder, generation)
        try:
            data = self._head(generation)
            if len(data) < HEADER_SIZE:
                raise Damage("the file is cut, but a later file builds on it")
            return _decode_header(data, path, self.session, generation)
        except FileNotFoundError:
            raise JournalDamaged(path, 0, 0, "the file is missing, but a later file builds on it") from None
        except Damage as damage:
            raise JournalDamaged(path, 0, 0, str(damage)) from None

    def _head(self, generation: int) -> bytes:
        with open(journal_path(self.folder, generation), "rb") as file:
            return file.read(HEADER_SIZE)

    def _segment_records(self, segment: _Segment, file: BinaryIO, start: tuple[int, int] | None) -> Iterator[Record]:
        header = segment.header
        offset, self.checksum = start or (HEADER_SIZE, header.chain())
        self.end = Position(header.generation, offset)
        limit = os.fstat(file.fileno()).st_size if segment.limit is None else segment.limit
        file.seek(offset)
        try:
            while offset < limit:
                try:
                    found = read_record(file, limit - offset, self.checksum)
                except Damage:
                    if not self.skip:
                        raise
                    self.skipped += 1
                    behind = behind_damage(file, offset, limit, self.checksum)
                    if behind is None:
                        return  # a later file may go on
                    offset, self.checksum = behind
                    continue
                if found is None:
                    break
                kind, payload, self.checksum = found
                offset += RECORD_OVERHEAD + len(payload)
                self.end = Position(header.generation, offset)
                yield Record(kind, payload, self.end)
            if segment.limit is not None and (offset, self.checksum) != (segment.limit, segment.checksum):
                raise Damage("it is shorter than the base of a later file, or differs from it")
        except Damage as damage:
            raise JournalDamaged(segment.path, 0, offset, str(damage)) from None


class JournalWriter:
    """Makes the journal file of one generation and appends records to it. After a failure it writes no more.

    `position` is the end of the records, `checksum` their checksum.
    """

    def __init__(self, folder: Path, header: Header, *, durable: bool = True, is_hidden: bool = False) -> None:
        """Make `journal.<generation>`. `durable`: each append waits until its bytes survive a power cut.

        `is_hidden`: no reader sees it before `publish`. Raises StorageFailed.
        """
        self.path = journal_path(folder, header.generation)
        self._published = self.path
        if is_hidden:
            self.path = folder / f".{self.path.name}.{os.getpid()}.tmp"
        self.durable = durable
        self.position = Position(header.generation, HEADER_SIZE)
        self.checksum = header.chain()
        self._failed = False
        self._is_synced = True
        try:
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND | getattr(os, "O_BINARY", 0)
            self._descriptor = os.open(self.path, flags, 0o666)
        except OSError as error:
            raise StorageFailed(self.path, error) from error
        try:
            write_all(self._descriptor, header.encode())
            os.fsync(self._descriptor)
            sync_folder(folder)
        except OSError as error:
            os.close(self._descriptor)
            raise StorageFailed(self.path, error) from error

    def append(self, *records: tuple[int, bytes], waits: bool = True) -> Position:
        """Write the records, each a type and a payload, together and return the position of their end.

        With `waits` off it leaves the wait for the disk to the next append or `sync`. Raises StorageFailed; readers may
        then find some of the records, each complete.
        """
        if self._failed:
            raise StorageFailed(self.path, OSError(0, "an earlier write to it failed"))
        parts: list[bytes] = []
        chain = self.checksum
        for kind, payload in records:
            head = RECORD.pack(len(payload), kind)
            chain = zlib.crc32(head, chain)
            parts += (head, CHECKSUM.pack(chain))
            chain = zlib.crc32(payload, chain)
            parts += (payload, CHECKSUM.pack(chain))
        data = b"".join(parts)
        try:
            write_all(self._descriptor, data)
            self._is_synced = False
            if self.durable and waits:
                # not on a thread: Blender's operators release Python's lock, and crash while other Python code runs
                os.fsync(self._descriptor)
                self._is_synced = True
        except OSError as error:
            # The file is not truncated: readers drop an unfinished tail, and another owner may already build on a
            # complete record.
            self._failed = True
            raise StorageFailed(self.path, error) from error
        self.checksum = chain
        self.position = Position(self.position.generation, self.position.offset + len(data))
        return self.position

    def sync(self) -> None:
        """Wait until all records survive a power cut, if `durable`. Raises StorageFailed."""
        if self._is_synced or not self.durable:
            return
        try:
            os.fsync(self._descriptor)
            self._is_synced = True
        except OSError as error:
            self._failed = True
            raise StorageFailed(self.path, error) from error

    def publish(self) -> None:
        """Let readers see a hidden journal, whole and on the disk, and write no more. Raises StorageFailed."""
        try:
            os.fsync(self._descriptor)
            self.close()  # Windows renames no open file
            os.replace(self.path, self._published)
            sync_folder(self.path.parent)
        except OSError as error:
            raise StorageFailed(self._published, error) from error

    def discard(self) -> None:
        """Write no more, and delete a hidden journal that was not published. Never fails."""
        self.close()
        if self.path != self._published:
            try:
                os.unlink(self.path)
            except OSError:
                pass  # it was published, or the disk is gone

    def close(self) -> None:
        """Write no more. Never fails."""
        self._failed = True
        descriptor, self._descriptor = self._descriptor, -1
        try:
            os.close(descriptor)
        except OSError:
            pass  # it is closed, or the system closes it even so, and `append` has flushed each record
