# SPDX-License-Identifier: GPL-3.0-or-later
"""The bytes of one record: its head, its payload, and the checksums that chain it to the record before it."""

from __future__ import annotations

import struct
import zlib
from typing import BinaryIO

RECORD = struct.Struct("<II")  # length of the payload, type; then the checksum of these 8 bytes
CHECKSUM = struct.Struct("<I")
RECORD_OVERHEAD = RECORD.size + 2 * CHECKSUM.size
PAYLOAD_LIMIT = 1 << 30


class Damage(Exception):
    """The reason of a JournalDamaged, which also has the place."""


def read_record(file: BinaryIO, remaining: int, chain: int) -> tuple[int, bytes, int] | None:
    """The next record, or None for an unfinished tail: cut, or zeros as a power cut leaves them.

    A complete record with a wrong checksum is damage, unless zeros fill the file from the checksum to its end.
    """
    head_size = RECORD.size + CHECKSUM.size
    head = file.read(min(head_size, remaining))
    if len(head) < head_size:
        return None
    length, kind = RECORD.unpack_from(head)
    (stored,) = CHECKSUM.unpack_from(head, RECORD.size)
    checksum = zlib.crc32(head[: RECORD.size], chain)
    if stored != checksum:
        if stored == 0 and only_zeros(file):
            return None
        raise Damage("the checksum of a record's head is wrong")
    if length > remaining - RECORD_OVERHEAD:
        return None
    if length > PAYLOAD_LIMIT:
        raise Damage("a record claims an impossible length")
    payload = file.read(length)
    tail = file.read(CHECKSUM.size)
    if len(payload) + len(tail) < length + CHECKSUM.size:
        return None
    (stored,) = CHECKSUM.unpack(tail)
    checksum = zlib.crc32(payload, checksum)
    if stored != checksum:
        if stored == 0 and only_zeros(file):
            return None
        raise Damage("the checksum of a record is wrong")
    return kind, payload, checksum


def behind_damage(file: BinaryIO, offset: int, limit: int, chain: int) -> tuple[int, int] | None:
    """Where the record behind the damaged one at `offset` begins, and the chained checksum there; `file` is there.

    None if that cannot be told: the length of the damaged one has to lead to a head that goes on from a checksum.
    """
    file.seek(offset)
    head = file.read(RECORD.size + CHECKSUM.size)
    length, _ = RECORD.unpack_from(head)
    at = offset + RECORD_OVERHEAD + length
    if at + RECORD_OVERHEAD > limit:
        return None
    payload = file.read(length)
    (stored,) = CHECKSUM.unpack(file.read(CHECKSUM.size))
    computed = zlib.crc32(payload, zlib.crc32(head[: RECORD.size], chain))
    following = file.read(RECORD.size + CHECKSUM.size)
    (expected,) = CHECKSUM.unpack_from(following, RECORD.size)
    file.seek(at)
    for checksum in (stored, computed):
        if zlib.crc32(following[: RECORD.size], checksum) == expected:
            return at, checksum
    return None


def only_zeros(file: BinaryIO) -> bool:
    while chunk := file.read(1 << 16):
        if chunk.count(0) != len(chunk):
            return False
    return True
