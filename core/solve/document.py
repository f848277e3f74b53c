# SPDX-License-Identifier: GPL-3.0-or-later
"""The document of a solve, the part that a person reads, as in docs/format.md."""

from __future__ import annotations

import math
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar, cast

from ..model.ranges import FRAME_LIMIT
from ..model.types import SOLVE_ID
from ..storage.files import encode_document
from .solve import Drop, Lens, Mute, Round, Solve, Verdict, VerdictKind

SCHEMA = 1
_T = TypeVar("_T")
_CHECKSUM = "checksum"
_NUMBER_LIMIT = 1e9
_COUNT_LIMIT = (1 << 32) - 1
_COEFFICIENTS = 16  # of a distortion, at most
_SIZE_LIMIT = 1 << 20  # pixels


@dataclass(frozen=True, slots=True)
class Data:
    """The binary file beside a document: its size in bytes, crc32, and how many of each it has."""

    size: int
    checksum: int
    cameras: int
    bundles: int
    markers: int


def encode_solve(solve: Solve, data: Data, suffix: str) -> bytes:
    """The document as a file, whose last value is a checksum of the bytes before its key. Raises ValueError for a
    number that is not finite."""
    content = _content(solve, data)
    _check_finite(content, "")
    encoded = encode_document({**content, _CHECKSUM: "0" * 8}, suffix)
    at = encoded.rindex(_CHECKSUM.encode())
    return encoded[:at] + encoded[at:].replace(b"0" * 8, f"{zlib.crc32(encoded[:at]):08x}".encode())


def check_bytes(encoded: bytes, content: Mapping[str, Any]) -> None:
    """Raise ValueError if bytes of the document have changed since it was written."""
    at = encoded.rfind(_CHECKSUM.encode())
    if at < 0 or _CHECKSUM not in content:
        raise ValueError("it has no checksum; it may have been cut")
    if content[_CHECKSUM] != f"{zlib.crc32(encoded[:at]):08x}":
        raise ValueError("its checksum differs: it has changed since it was written")


def _content(solve: Solve, data: Data) -> dict[str, Any]:
    lens = solve.lens
    figures = {name: float(value) for name, value in solve.verdict.figures.items() if math.isfinite(value)}
    return {
        "schema": SCHEMA,
        "id": solve.id,
        "created": solve.created,
        "blender": solve.blender,
        "object": solve.object,
        "verdict": {
            "kind": solve.verdict.kind.value,
            "reason": solve.verdict.reason,
            "advice": solve.verdict.advice,
            "figures": figures,
        },
        "average_error": float(solve.average_error),
        "lens": {
            "focal": float(lens.focal),
            "sensor": float(lens.sensor),
            "size": list(lens.size),
            "aspect": float(lens.aspect),
            "centre": [float(value) for value in lens.centre],
            "model": lens.model,
            "coefficients": [float(value) for value in lens.coefficients],
        },
        "frames": list(solve.frames),
        "settings": {
            "keyframes": list(solve.keyframes),
            "refined": list(solve.refined),
            "tripod": bool(solve.is_tripod),
        },
        "tracks_made": solve.tracks_made,
        "rounds": [round._asdict() for round in solve.rounds],
        "dropped": [f"{drop.track} {drop.reason}" for drop in solve.dropped],
        "muted": [f"{mute.track} {mute.first} {mute.last} {float(mute.error)!r}" for mute in solve.muted],
        "digest": solve.digest,
        "data": {
            "size": data.size,
            "checksum": f"{data.checksum:08x}",
            "cameras": data.cameras,
            "bundles": data.bundles,
            "markers": data.markers,
        },
    }


def _check_finite(content: object, name: str) -> None:
    if isinstance(content, Mapping):
        for key, value in cast("Mapping[str, object]", content).items():
            _check_finite(value, f"{name}.{key}".lstrip("."))
    elif isinstance(content, list):
        for value in cast("list[object]", content):
            _check_finite(value, name)
    elif isinstance(content, float) and not math.isfinite(content):
        raise ValueError(f"{name} is not finite")


def decode_solve(content: dict[str, Any], id: str) -> tuple[Solve, Data]:
    """The solve, without what the binary file has, in an untrusted document. Raises ValueError, in words.

    Its id is that of its file: a merged session may have given it another one.
    """
    read = _Fields(content)
    schema = read.whole("schema", 1, _COUNT_LIMIT)
    if schema != SCHEMA:
        raise ValueError(f"it was written by a newer version (schema {schema}); update the extension")
    if not SOLVE_ID.match(id) or not SOLVE_ID.match(read.text("id")):
        raise ValueError("its id is none")
    verdict, lens, settings, data = (read.part(key) for key in ("verdict", "lens", "settings", "data"))
    first, last = read.frames("frames")
    solve = Solve(
        id=id,
        created=read.text("created"),
        blender=read.text("blender"),
        object=read.text("object"),
        digest=read.text("digest"),
        verdict=Verdict(
            VerdictKind(verdict.text("kind")),
            verdict.text("reason"),
            verdict.text("advice"),
            verdict.figures("figures"),
        ),
        lens=_lens(lens),
        frames=(first, last),
        keyframes=settings.frames("keyframes"),
        refined=tuple(settings.texts("refined")),
        is_tripod=settings.truth("tripod"),
        average_error=read.real("average_error", 0.0),
        dropped=tuple(_drop(text) for text in read.texts("dropped")),
        muted=tuple(_mute(text) for text in read.texts("muted")),
        rounds=tuple(_round(_Fields(entry, "rounds.")) for entry in read.mappings("rounds")),
        tracks_made=read.whole("tracks_made", 0, _COUNT_LIMIT),
    )
    counts = (data.whole(key, 0, _COUNT_LIMIT) for key in ("cameras", "bundles", "markers"))
    return solve, Data(data.whole("size", 0, 1 << 62), data.convert("checksum", _hexadecimal), *counts)


def _hexadecimal(text: str) -> int:
    if len(text) != 8:
        raise ValueError
    return int(text, 16)


def _lens(read: _Fields) -> Lens:
    width, height = read.numbers("size", 2)
    if not (1 <= width <= _SIZE_LIMIT and 1 <= height <= _SIZE_LIMIT and width == int(width) and height == int(height)):
        raise ValueError("lens.size is not a width and a height")
    coefficients = read.numbers("coefficients", None)
    if len(coefficients) > _COEFFICIENTS:
        raise ValueError("lens.coefficients has too many")
    x, y = read.numbers("centre", 2)
    return Lens(
        focal=read.real("focal", 1e-6),
        sensor=read.real("sensor", 1e-6),
        size=(int(width), int(height)),
        aspect=read.real("aspect", 1e-6),
        centre=(x, y),
        model=read.text("model"),
        coefficients=tuple(coefficients),
    )


def _drop(text: str) -> Drop:
    track, _, reason = text.partition(" ")
    return Drop(_count(track, "dropped"), reason)


def _mute(text: str) -> Mute:
    track, *values = text.split(" ")
    try:
        first, last, error = int(values[0]), int(values[1]), float(values[2])
    except (ValueError, IndexError) as wrong:
        raise ValueError("muted has an entry that is no stretch of a track") from wrong
    if len(values) != 3 or not -FRAME_LIMIT <= first <= last <= FRAME_LIMIT or not 0.0 <= error <= _NUMBER_LIMIT:
        raise ValueError("muted has an impossible stretch of a track")
    return Mute(_count(track, "muted"), first, last, error)


def _count(text: str, name: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= 10):
        raise ValueError(f"{name} has an entry without a track")
    return int(text)


def _round(read: _Fields) -> Round:
    counts = (read.whole(key, 0, _COUNT_LIMIT) for key in ("cameras", "tracks", "markers"))
    return Round(read.text("name"), read.real("error", 0.0), *counts)


class _Fields:
    """A mapping of a document. Each method reads one value, or raises ValueError, which names the key."""

    def __init__(self, content: Mapping[str, Any], name: str = "") -> None:
        self.content = content
        self.name = name

    def _get(self, key: str, kind: type[_T], form: str) -> _T:
        value = self.content.get(key)
        if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
            raise ValueError(f"{self.name}{key} is not {form}")
        return value

    def part(self, key: str) -> _Fields:
        return _Fields(cast("dict[str, Any]", self._get(key, dict, "a mapping")), f"{self.name}{key}.")

    def text(self, key: str) -> str:
        return self._get(key, str, "a text")

    def truth(self, key: str) -> bool:
        return self._get(key, bool, "true or false")

    def convert(self, key: str, convert: Callable[[str], _T]) -> _T:
        try:
            return convert(self.text(key))
        except ValueError as error:
            raise ValueError(f"{self.name}{key} has another form") from error

    def whole(self, key: str, least: int, most: int) -> int:
        value = self._get(key, int, "a whole number")
        if not least <= value <= most:
            raise ValueError(f"{self.name}{key} is not a possible number")
        return value

    def real(self, key: str, least: float) -> float:
        value = _number(self.content.get(key), f"{self.name}{key}")
        if not least <= value:
            raise ValueError(f"{self.name}{key} is not a possible number")
        return value

    def list(self, key: str) -> list[object]:
        return cast("list[object]", self._get(key, list, "a list"))

    def texts(self, key: str) -> list[str]:
        entries = self.list(key)
        if not all(isinstance(entry, str) for entry in entries):
            raise ValueError(f"{self.name}{key} has an entry that is no text")
        return cast("list[str]", entries)

    def mappings(self, key: str) -> list[dict[str, Any]]:
        entries = self.list(key)
        if not all(isinstance(entry, dict) for entry in entries):
            raise ValueError(f"{self.name}{key} has an entry that is no mapping")
        return cast("list[dict[str, Any]]", entries)

    def numbers(self, key: str, count: int | None) -> list[float]:
        values = [_number(entry, f"{self.name}{key}") for entry in self.list(key)]
        if count is not None and len(values) != count:
            raise ValueError(f"{self.name}{key} does not have {count} numbers")
        return values

    def frames(self, key: str) -> tuple[int, int]:
        first, last = self.numbers(key, 2)
        if not (abs(first) <= FRAME_LIMIT and abs(last) <= FRAME_LIMIT and first == int(first) and last == int(last)):
            raise ValueError(f"{self.name}{key} is not two frames")
        return int(first), int(last)

    def figures(self, key: str) -> dict[str, float]:
        part = self.part(key)
        if not all(isinstance(name, str) for name in cast("dict[object, Any]", part.content)):
            raise ValueError(f"{part.name} has a key that is no text")
        return {name: _number(value, f"{part.name}{name}", math.inf) for name, value in part.content.items()}


def _number(value: object, name: str, limit: float = _NUMBER_LIMIT) -> float:
    """A finite number. Raises ValueError."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError(f"{name} is not a number")
    try:
        if not math.isfinite(value) or abs(value) > limit:
            raise ValueError(f"{name} is not a possible number")
        return float(value)
    except OverflowError as error:
        raise ValueError(f"{name} is not a possible number") from error
