# SPDX-License-Identifier: GPL-3.0-or-later
"""The shots of a batch from what is named on the command line: footage, folders of folders, and lists of shots.

A list is YAML or JSON, a list of mappings or `{"shots": [...], "defaults": {...}}`, or CSV with a line of names above
(`,` `;` or a tab between the values). The keys of a shot:

    footage     a movie, an image sequence (any file of it, its folder, or a name for all of it such as plate.####.exr,
                plate.%04d.exr, plate.1001-1200.exr, “plate.####.exr 1001-1200”), or a .blend; the only one it needs
    name        for people; as a rule that of the footage
    clip        which clip of the .blend
    start, end  frames to track from and to, as --start and --end of `track`: the numbers that people see
    range       both in one, lower frame first: “12-120”; tracked backward it starts at the end
    direction   forward, backward or both
    detect      true: find features on the start frame
    tracks      a file of start positions
    settings    a mapping of settings of tracks; in CSV as JSON

Relative paths start from the folder of the list. Lists may come from anybody and are read with limits.
"""

from __future__ import annotations

import csv
import difflib
import io
import json
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple, cast

from ..errors import ManifestInvalid, SessionUnreadable, UsageError
from ..footage.files import IMAGE_SUFFIXES, parse_path
from ..model.ranges import FRAME_LIMIT, FrameRanges
from ..storage.files import DOCUMENT_LIMIT, read_plain
from ..storage.folder import is_foreign
from ..tracking.plan import OPTIONS, SHARED, Kind, Option, ShotSpec, check_text, json_text
from .shots import SHOT_LIMIT, ShotClip

LIST_SUFFIXES = frozenset({".yaml", ".yml", ".json", ".csv"})
_MOVIES = "avi mov mp4 m4v mkv webm mpg mpeg mpg2 m2v m2t m2ts mts ts mxf wmv ogv ogg flv dv vob divx xvid"
MOVIE_SUFFIXES = frozenset(f".{kind}" for kind in _MOVIES.split())
_FRAMES = (*(option.name for option in OPTIONS if option.kind is Kind.FRAME), "range")


def _keys(options: Iterable[Option]) -> tuple[str, ...]:
    """What a list may say of these options, with `range` behind start and end."""
    names = [option.name for option in options]
    names.insert(1 + names.index("end"), "range")
    return tuple(names)


KEYS = _keys(OPTIONS)
DEFAULTS = _keys(SHARED)
"""The keys of `defaults`: all but those that tell one shot from another."""

_WORDS = {"yes": True, "true": True, "1": True, "x": True, "no": False, "false": False, "0": False}


class _Found(NamedTuple):
    spec: ShotSpec
    origin: str  # where it was named, for messages


def read_shots(arguments: Sequence[str], defaults: Mapping[str, Any] | None = None) -> list[ShotSpec]:
    """The shots that the arguments of `batch run` name, in their order.

    `defaults` (see `DEFAULTS`) hold for whatever a list does not say. That footage is there is not checked: each shot
    tells that of itself. Raises ManifestInvalid for what a list says, UsageError for arguments.
    """
    defaults = dict(defaults or {})
    if defaults.get("tracks"):
        defaults["tracks"] = os.path.abspath(defaults["tracks"])
    found: list[_Found] = []
    nothing: list[Path] = []
    for argument in arguments:
        path = Path(argument if is_foreign(argument) else os.path.abspath(argument))
        if path.suffix.lower() in LIST_SUFFIXES and not os.path.isdir(path):
            found += _listed(path, defaults)
        else:
            shots = _in_folder(path) if os.path.isdir(path) else [(path, "")]
            nothing += [] if shots else [path]
            for one, name in shots or [(path, "")]:
                entry = {"footage": str(one), "name": "".join(c if c.isprintable() else "?" for c in name)}
                found.append(_Found(_spec(entry, defaults, path.parent, str(one)), str(one)))
        if len(found) > SHOT_LIMIT:
            raise UsageError(f"A batch has at most {SHOT_LIMIT} shots: part it")
    if nothing and len(nothing) == len(found):  # one among others is a shot that cannot be used
        raise UsageError(
            f"There is no footage in {nothing[0]} or in the folders in it: name a movie, an image sequence, a folder "
            "of folders of them, or a list of shots (YAML, JSON or CSV)"
        )
    _check_different(found)
    return [one.spec for one in found]


def _check_different(found: Iterable[_Found]) -> None:
    """Two shots of the same clip would write one session."""
    seen: dict[object, list[tuple[ShotClip, _Found]]] = {}
    for one in found:
        clip = ShotClip.of(one.spec)
        for key in clip.footage.keys:
            for other_clip, other in seen.get(key, ()):
                if not clip.overlaps(other_clip):
                    continue  # another clip of the .blend
                advice = "any file of a sequence stands for all of it"
                if any(spec.range != (None, None) for spec in (other.spec, one.spec)):
                    advice = "one session holds all of it, so give one range over all the frames that you want"
                raise ManifestInvalid(
                    f"{other.origin} and {one.origin} are the same footage, {other.spec.footage}: name it once; "
                    f"{advice}"
                )
        for key in clip.footage.keys:
            seen.setdefault(key, []).append((clip, one))


# Folders


def _in_folder(folder: Path) -> list[tuple[Path, str]]:
    """The footage in a folder and its name: the folder itself if it is a sequence, else what lies in it."""
    images, movies, folders = _content(folder)
    if images > 1:
        return [(folder, "")]
    found: list[tuple[Path, str]] = []
    for one in folders:
        images_there, movies_there, _ = _content(one)
        if images_there > 1 or (images_there and not movies_there):
            found.append((one, one.name))
        elif movies_there:  # the shot itself tells if there are several
            found.append((movies_there[0] if len(movies_there) == 1 else one, one.name))
    found += [(movie, movie.stem) for movie in movies]
    if images and not found:
        return [(folder, "")]
    return sorted(found, key=lambda shot: shot[0].as_posix())


def _content(folder: Path) -> tuple[int, list[Path], list[Path]]:
    """How many images, which movies and which folders are in a folder."""
    images = 0
    movies: list[Path] = []
    folders: list[Path] = []
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                suffix = os.path.splitext(entry.name)[1].lower()
                if entry.name.startswith("."):
                    continue
                if entry.is_dir():
                    folders.append(folder / entry.name)
                elif suffix in IMAGE_SUFFIXES:
                    images += 1
                elif suffix in MOVIE_SUFFIXES:
                    movies.append(folder / entry.name)
    except OSError as error:
        raise UsageError(f"{folder} cannot be read: {error.strerror or error}") from error
    return images, sorted(movies), sorted(folders)


# Lists


def _listed(path: Path, defaults: dict[str, Any]) -> Iterator[_Found]:
    is_table = path.suffix.lower() == ".csv"
    entries, own = (_table(path), {}) if is_table else _document(path)
    _check_keys(cast("dict[object, object]", own), DEFAULTS, f"The defaults in {path}")
    merged = _over(own, defaults, f"The defaults in {path}")
    _spec({"footage": "."}, merged, path.parent, f"The defaults in {path}")
    number = 0
    for number, (line, entry) in enumerate(entries, 1):
        if number > SHOT_LIMIT:
            raise ManifestInvalid(f"{path} names more than {SHOT_LIMIT} shots: part it")
        where = f"Shot {number} (line {line}) in {path}" if line else f"Shot {number} in {path}"
        yield _Found(_spec(entry, merged, path.parent, where), where)
    if not number:
        raise ManifestInvalid(f"{path} names no shots: {_EXAMPLE}")


_EXAMPLE = "it needs a list of them, each with its footage, such as “- footage: shots/010/plate_0001.png”"


def _document(path: Path) -> tuple[list[tuple[int, object]], dict[str, Any]]:
    """The entries of a YAML or JSON file and its defaults."""
    try:
        content = read_plain(path)
    except SessionUnreadable as error:
        raise ManifestInvalid(f"{path} cannot be read as a list of shots: {error.reason}") from error
    said: dict[object, object] = {"shots": content}
    if isinstance(content, dict):
        said = cast("dict[object, object]", content)
        _check_keys(said, ("shots", "defaults"), f"{path}")
    entries, defaults = said.get("shots"), said.get("defaults")
    if not isinstance(entries, list):
        raise ManifestInvalid(f"{path} is no list of shots: {_EXAMPLE}")
    if not isinstance(defaults, dict | None):
        raise ManifestInvalid(f"The defaults in {path} are no mapping, such as “detect: true”")
    return [(0, entry) for entry in cast("list[object]", entries)], cast("dict[str, Any]", defaults or {})


def _table(path: Path) -> Iterator[tuple[int, object]]:
    """The lines of a CSV file as mappings, with their numbers; empty values are left out."""
    try:
        with open(path, "rb") as file:
            data = file.read(DOCUMENT_LIMIT + 1)
        if len(data) > DOCUMENT_LIMIT:
            raise ManifestInvalid(f"{path} is larger than {DOCUMENT_LIMIT >> 20} MiB: it cannot be a list of shots")
        text = data.decode("utf-8-sig")
    except OSError as error:
        raise ManifestInvalid(f"{path} cannot be read: {error.strerror or error}") from error
    except UnicodeError:
        raise ManifestInvalid(f"{path} is not UTF-8: save it as “CSV UTF-8”") from None
    head = text.lstrip().partition("\n")[0]
    separator = max(",;\t", key=head.count)
    lines = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True, skipinitialspace=True)
    names: list[str] = []
    try:
        for line in lines:
            values = [value.strip() for value in line]
            if not any(values):
                continue
            if names:
                yield lines.line_num, _row(names, values, f"Line {lines.line_num} in {path}")
            else:
                names = [value.lower() for value in values]
                _check_names(names, path)
    except csv.Error as error:
        raise ManifestInvalid(f"Line {lines.line_num} in {path} is no line of a CSV file: {error}") from error


def _check_names(names: list[str], path: Path) -> None:
    """The first line of a table."""
    _check_keys(
        dict.fromkeys(name for name in names if name), KEYS, f"The first line of {path}, which names the columns"
    )
    twice = next((name for name in names if name and names.count(name) > 1), "")
    if twice:
        raise ManifestInvalid(f"The first line of {path} names “{twice}” twice")
    if "footage" not in names:
        raise ManifestInvalid(f"The first line of {path} names the columns, and “footage” has to be among them")


def _row(names: list[str], values: list[str], where: str) -> dict[str, Any]:
    row: dict[str, Any] = {}
    for index, value in enumerate(values):
        name = names[index] if index < len(names) else ""
        if not value:
            continue
        if not name:
            raise ManifestInvalid(f"{where}: the value {value[:40]!r} stands in a column without a name")
        row[name] = value
    for option in OPTIONS:
        if option.name in row:
            row[option.name] = _from_table(option.kind, row[option.name])
    return row


def _from_table(kind: Kind, text: str) -> Any:
    """A value of a table; the text itself, which is refused with its place, if it is none."""
    if kind is Kind.FRAME:
        return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else text
    if kind is Kind.SWITCH:
        return _WORDS.get(text.lower(), text)
    if kind is Kind.SETTINGS:
        try:
            return json.loads(text)
        except (ValueError, RecursionError):
            return text
    return text


# One shot


def _check_keys(said: Mapping[object, object], known: Sequence[str], where: str) -> None:
    for key in said:
        if key not in known:
            near = difflib.get_close_matches(str(key)[:40].lower(), known, 1)
            hint = f"; did you mean “{near[0]}”?" if near else "."
            raise ManifestInvalid(f"{where}: “{str(key)[:40]}” is not known{hint} There are {', '.join(known)}")


def _over(
    entry: Mapping[str, Any], defaults: Mapping[str, Any], where: str, *, has_range: bool = False
) -> dict[str, Any]:
    """`entry` with the defaults for what it does not say; frames are said together, settings one by one.

    `has_range`: its footage names a range.
    """
    says_frames = has_range or any(entry.get(key) is not None for key in _FRAMES)
    merged = {key: value for key, value in defaults.items() if not (says_frames and key in _FRAMES)}
    merged |= {key: value for key, value in entry.items() if value is not None}
    if isinstance(defaults.get("settings"), Mapping) and entry.get("settings") is not None:
        merged["settings"] = {**defaults["settings"], **_Shot(entry, Path(), where).mapping("settings")}
    return merged


def _spec(entry: object, defaults: Mapping[str, Any], folder: Path, where: str) -> ShotSpec:
    """The shot that an entry of a list means. Raises ManifestInvalid."""
    if not isinstance(entry, Mapping):
        raise ManifestInvalid(f"{where} is no mapping with its footage, such as “footage: shots/010/plate_0001.png”")
    _check_keys(cast("Mapping[object, object]", entry), KEYS, where)
    own = cast("Mapping[str, Any]", entry)
    footage = _Shot(own, folder, where).path("footage")
    has_range = parse_path(footage).requested is not None
    shot = _Shot(_over(own, defaults, where, has_range=has_range), folder, where)
    if not footage:
        raise shot.wrong("it needs its footage: a movie, an image sequence, or a .blend")
    spec = ShotSpec(**{option.name: shot.value(option) for option in OPTIONS})
    if spec.clip and Path(footage).suffix.lower() != ".blend":
        raise shot.wrong("“clip” names a clip of a .blend, and its footage is none")
    start, end = shot.frames(spec.direction)
    return replace(spec, start=start, end=end)


@dataclass(frozen=True)
class _Shot:
    """What is said of one shot, read with a message for whatever does not fit."""

    said: Mapping[str, Any]
    folder: Path
    where: str

    def wrong(self, what: str) -> ManifestInvalid:
        return ManifestInvalid(f"{self.where}: {what}")

    def value(self, option: Option) -> Any:
        match option.kind:
            case Kind.PATH:
                return self.path(option.name)
            case Kind.FRAME:
                return self.frame(option.name)
            case Kind.SWITCH:
                return self.truth(option.name)
            case Kind.SETTINGS:
                return self.mapping(option.name)
            case Kind.CHOICE:
                chosen = self.text(option.name) or option.choices[0]
                if chosen not in option.choices:
                    raise self.wrong(f"{option.name} {chosen[:40]!r} is none of {', '.join(option.choices)}")
                return chosen
            case Kind.TEXT:
                return self.text(option.name)

    def text(self, key: str) -> str:
        value = self.said.get(key)
        if value is None:
            return ""
        if not isinstance(value, str):
            raise self.wrong(f"{key} {str(value)[:40]} is no text: put it in quotes (YAML takes 010 for the number 8)")
        try:
            check_text(value)
        except ValueError as error:
            raise self.wrong(f"{key}: {error}") from None
        if not value.isprintable():
            raise self.wrong(f"{key} {value[:40]!r} holds characters that cannot be shown")
        return value.strip()

    def path(self, key: str) -> str:
        value = self.text(key)
        if is_foreign(value):
            return value  # it is said of the shot that this system has no such path
        return os.path.normpath(self.folder / value) if value else ""

    def truth(self, key: str) -> bool:
        value = self.said.get(key)
        if value is None or isinstance(value, bool):
            return bool(value)
        raise self.wrong(f"{key} is true or false, not {str(value)[:40]!r}")

    def mapping(self, key: str) -> dict[str, Any]:
        value = self.said.get(key)
        if value is None:
            return {}
        if not isinstance(value, dict) or not all(isinstance(name, str) for name in cast("dict[object, Any]", value)):
            raise self.wrong(f"{key} is no mapping, such as {{motion_model: Affine}} (in CSV as JSON)")
        content = cast("dict[str, Any]", value)
        try:
            json_text(content)
        except ValueError as error:
            raise self.wrong(f"{key}: {error}") from None
        return dict(content)

    def frames(self, direction: str) -> tuple[int | None, int | None]:
        """The frames to track from and to, in the shot's own numbers."""
        if self.said.get("range") is not None:
            if any(self.said.get(key) is not None for key in ("start", "end")):
                raise self.wrong("it has both “range” and “start” or “end”: one of them is enough")
            first, last = self._range()
            return (last, first) if direction == "backward" else (first, last)
        start, end = self.frame("start"), self.frame("end")
        if start is not None and end is not None and ((end > start) if direction == "backward" else (end < start)):
            raise self.wrong(f"tracking {direction} from frame {start} cannot end on frame {end}: swap start and end")
        return start, end

    def frame(self, key: str) -> int | None:
        value = self.said.get(key)
        if value is None:
            return None
        if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= FRAME_LIMIT:
            raise self.wrong(f"{key} {str(value)[:40]!r} is no number of a frame; they are whole and not below 0")
        return value

    def _range(self) -> tuple[int, int]:
        value = self.said["range"]
        try:
            ranges = list(FrameRanges.parse(str(value)).ranges())
        except ValueError:
            ranges = []
        if len(ranges) != 1 or not 0 <= ranges[0][0] <= ranges[0][1] <= FRAME_LIMIT or isinstance(value, bool):
            raise self.wrong(f"range {str(value)[:40]!r} is no range of frames, such as 1001-1120")
        return ranges[0]
