# SPDX-License-Identifier: GPL-3.0-or-later
"""A second reader of journals, written from docs/format.md alone, to test the journals of the extension."""

from __future__ import annotations

import json
import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from zlib import crc32


class Damage(Exception):
    pass


class Invalid(Exception):
    pass


@dataclass
class State:
    tracks: dict[int, dict[str, Any]] = field(default_factory=dict)
    markers: dict[int, dict[int, tuple[int, bytes]]] = field(default_factory=dict)  # by track and frame: flags, values
    passes: dict[int, dict[str, Any]] = field(default_factory=dict)
    last: int = 0  # the pass with the last record
    tracked: set[int] = field(default_factory=set)
    status: str = "not_started"
    state: str = ""
    solves: list[dict[str, Any]] = field(default_factory=list)
    found: dict[int, dict[int, tuple[int, bytes]]] = field(default_factory=dict)  # in clips, the newest; as markers


def chain_of(folder: Path, session: str) -> list[tuple[Path, int | None, int, int]]:
    """The valid files, oldest first: path, valid bytes (None: all), checksum there, salt checksum."""
    numbers = []
    for path in folder.iterdir():
        kind, _, number = path.name.partition(".")
        plain = number.isascii() and number.isdigit() and len(number) <= 9 and number[0] != "0"
        if kind == "journal" and plain:
            numbers.append(int(number))
    for number in sorted(numbers, reverse=True):
        data = (folder / f"journal.{number}").read_bytes()
        if len(data) >= 80 and any(data):
            break
    else:
        return []
    chain: list[tuple[Path, int | None, int, int]] = []
    limit: int | None = None
    checksum = 0
    while number:
        path = folder / f"journal.{number}"
        if not path.exists():
            raise Damage(f"{path} is missing")
        head = path.read_bytes()[:80]
        if len(head) < 80:
            raise Damage(f"{path} has no whole header")
        base, base_limit, base_checksum, salted = header(head, session, number)
        chain.append((path, limit, checksum, salted))
        number, limit, checksum = base, base_limit, base_checksum
    return chain[::-1]


def header(head: bytes, session: str, number: int) -> tuple[int, int, int, int]:
    magic, version, size, generation = struct.unpack_from("<8sHHI", head)
    salt = head[48:56]
    base, _, base_offset, base_checksum, checksum = struct.unpack_from("<IIQII", head, 56)
    if checksum != crc32(head[:76]) or magic != b"TSJOURNL" or (version, size) != (1, 80):
        raise Damage("header")
    if generation != number or base >= generation or head[16:48].rstrip(b"\0") != session.encode("ascii"):
        raise Damage("header of another file")
    return base, base_offset, base_checksum, crc32(salt)


def records(folder: Path, session: str) -> Iterator[tuple[int, bytes]]:
    """Type and payload of each valid record. Raises Damage after them."""
    for path, limit, expected, salted in chain_of(folder, session):
        data = path.read_bytes()
        at, chain = 80, salted
        end = len(data) if limit is None else min(limit, len(data))
        while (found := record(data, at, end - at, chain)) is not None:
            kind, payload, chain = found
            at += len(payload) + 16
            yield kind, payload
        if limit is not None and (at, chain) != (limit, expected):
            raise Damage(f"{path} differs from what a later file goes on from")


def place(folder: Path, session: str, generation: int, offset: int) -> tuple[int, int] | None:
    """Where a place that may have moved is now; None if its state was let go. For places at the ends of records."""
    files = {int(path.name.partition(".")[2]): limit for path, limit, _, _ in chain_of(folder, session)}
    if generation in files:
        limit = files[generation]
        return (generation, offset) if limit is None or offset <= limit else None
    for kind, payload in records(folder, session):
        if kind == 6 and (content := json.loads(payload))["event"] == "moved":
            for number, first, last, at in content["ranges"]:
                if number == generation and first <= offset <= last:
                    return min(files), at + offset - first
    return None


def record(data: bytes, at: int, rest: int, chain: int) -> tuple[int, bytes, int] | None:
    if rest < 12:
        return None
    length, kind, stored = struct.unpack_from("<III", data, at)
    chain = crc32(data[at : at + 8], chain)
    if stored != chain:
        if stored == 0 and not any(data[at + 12 :]):
            return None
        raise Damage(f"head at {at}")
    if length > rest - 16:
        return None
    if length > 1 << 30:
        raise Damage(f"length at {at}")
    payload = data[at + 12 : at + 12 + length]
    (stored,) = struct.unpack_from("<I", data, at + 12 + length)
    chain = crc32(payload, chain)
    if stored != chain:
        if stored == 0 and not any(data[at + 16 + length :]):
            return None
        raise Damage(f"record at {at}")
    return kind, payload, chain


def read(folder: Path, session: str) -> State:
    state = State()
    for kind, payload in records(folder, session):
        try:
            apply(state, kind, payload)
        except (KeyError, ValueError, struct.error, TypeError) as error:
            raise Invalid(f"type {kind}: {error!r}") from error
    return state


def apply(state: State, kind: int, payload: bytes) -> None:
    if kind in (2, 7):
        track, count = struct.unpack_from("<II", payload)
        rows = markers(payload, 8, count, state)
        if track not in state.tracks or any(number != track for number, *_ in rows):
            raise Invalid("track")
        place = state.markers if kind == 2 else state.found
        place[track] = {frame: (flags, values) for _, frame, flags, values in rows}
    elif kind == 4:
        step(state, payload)
    elif kind == 8:
        edit(state, payload)
    elif kind in (1, 3, 5, 6):
        content = json.loads(payload.decode("ascii"))
        if not isinstance(content, dict):
            raise Invalid("no object")
        {1: tracks, 3: open_pass, 5: end_pass, 6: event}[kind](state, content)


def markers(payload: bytes, at: int, count: int, state: State) -> list[tuple[int, int, int, bytes]]:
    if len(payload) != at + 68 * count:
        raise Invalid("length")
    found = []
    for start in range(at, len(payload), 68):
        track, frame, flags = struct.unpack_from("<IiI", payload, start)
        if track not in state.tracks:
            raise Invalid("unknown track")
        found.append((track, checked(frame), flags, payload[start + 12 : start + 68]))
    return found


def checked(frame: int) -> int:
    if not isinstance(frame, int) or abs(frame) > 1 << 24:
        raise Invalid("frame")
    return frame


def tracks(state: State, content: dict[str, Any]) -> None:
    for one in content["tracks"]:
        state.tracks[one["id"]] = {key: one[key] for key in ("object", "name", "settings")}
        state.markers.setdefault(one["id"], {})


def open_pass(state: State, content: dict[str, Any]) -> None:
    if any(number not in state.tracks for number in content["tracks"]):
        raise Invalid("unknown track")
    if content["number"] <= max(state.passes, default=0):
        raise Invalid("number of the pass")
    start, end = checked(content["start"]), checked(content["end"])
    for older in state.passes.values():
        if older["then"] and not older["followed"]:
            first = older["then"][0]
            older["then"] = [] if (first["start"], first["end"]) == (start, end) else older["then"]
    take_over(state, content["number"], start, end, set(content["tracks"]))
    state.passes[content["number"]] = {
        "start": start,
        "end": end,
        "frame": start,
        "alive": set(content["tracks"]),
        "then": content.get("then", []),
        "outcome": None,
        "followed": set(content["tracks"]),
    }
    state.last = content["number"]
    state.tracked.add(start)
    state.status = "tracking"


def step(state: State, payload: bytes) -> None:
    number, frame, _, count = struct.unpack_from("<IiII", payload)
    one = turn_to(state, number)
    onwards = -1 if one["end"] < one["start"] else 1
    if (frame - one["end"]) * onwards > 0:
        one["end"] = frame
    one.update(frame=checked(frame), alive=set(), outcome=None)
    for track, at, flags, values in markers(payload, 16, count, state):
        if flags & 4:
            state.markers[track][at + onwards] = (3, values)
        state.markers[track][at] = (flags & ~4, values)
        if at == frame and not flags & 1:
            one["alive"].add(track)
    one["followed"] = set(one["alive"])
    take_over(state, number, one["start"], frame, one["alive"])
    state.tracked.add(frame)


def turn_to(state: State, number: int) -> dict[str, Any]:
    one = state.passes.get(number)
    if one is None or (number != state.last and not unfinished(one)):
        raise Invalid("a pass that is neither unfinished nor the last")
    state.last = number
    return one


def unfinished(one: dict[str, Any]) -> bool:
    is_closed = one["outcome"] in ("complete", "lost", "dropped")
    return bool(one["then"]) or (not is_closed and bool(one["followed"] or not one["alive"]))


def take_over(state: State, number: int, start: int, reached: int, taken: set[int]) -> None:
    for other, one in state.passes.items():
        following = one["frame"] + (-1 if one["end"] < one["start"] else 1)
        if other != number and min(start, reached) <= following <= max(start, reached):
            one["followed"] -= taken


def edit(state: State, payload: bytes) -> None:
    track, gone, count = struct.unpack_from("<III", payload)
    rows = markers(payload, 12 + 4 * gone, count, state)
    if track not in state.tracks or any(number != track for number, *_ in rows):
        raise Invalid("track")
    for frame in struct.unpack_from(f"<{gone}i", payload, 12):
        state.markers[track].pop(checked(frame), None)
    state.markers[track].update({frame: (flags, values) for _, frame, flags, values in rows})


def end_pass(state: State, content: dict[str, Any]) -> None:
    one = turn_to(state, content["pass"])
    one["outcome"] = content["outcome"]
    if one["outcome"] in ("complete", "lost", "dropped"):
        one["followed"] = set()
    if one["outcome"] == "dropped":
        one["then"] = []


def event(state: State, content: dict[str, Any]) -> None:
    what = content["event"]
    if what == "tracks_removed":
        for number in content["tracks"]:
            state.tracks.pop(number, None)
            state.markers.pop(number, None)
    elif what == "checkpoint":
        state.tracked.add(checked(content["frame"]))
        state.status = "tracking"
    elif what == "tracked":
        for part in filter(None, content["frames"].split(",")):
            start, _, end = part.partition("-")
            state.tracked.update(range(int(start), int(end or start) + 1))
    elif what == "status":
        state.status = content["status"]
    elif what == "solve":
        state.solves.append(content["solve"])
        state.status = "complete"
    elif what == "best":
        for solve in state.solves:
            solve.pop("best_by", None)
            if solve["id"] == content["solve"]:
                solve["best_by"] = content["who"]
    elif what == "state":
        state.state = content["state"]
