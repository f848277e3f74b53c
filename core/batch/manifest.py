# SPDX-License-Identifier: GPL-3.0-or-later
"""The shots of a batch from the arguments of the command line: footage, folders of folders, and lists of shots.

A list is YAML or JSON, a list of mappings or `{"shots": [...], "defaults": {...}}`, or CSV with a line of names above
(`,` `;` or a tab between the values). `shot_entry` has the keys of a shot. Lists may come from anybody and are read
with limits.
"""

from __future__ import annotations

import csv
import io
import json
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, cast

from ..errors import ManifestInvalid, SessionUnreadable, UsageError
from ..footage.files import IMAGE_SUFFIXES
from ..storage.files import DOCUMENT_LIMIT, read_plain
from ..storage.folder import is_foreign
from ..tracking.plan import OPTIONS, Kind, ShotSpec
from .shot_entry import KEYS, check_keys, merge_defaults, shot_spec
from .shots import SHOT_LIMIT, ShotClip

LIST_SUFFIXES = frozenset({".yaml", ".yml", ".json", ".csv"})
_MOVIES = "avi mov mp4 m4v mkv webm mpg mpeg mpg2 m2v m2t m2ts mts ts mxf wmv ogv ogg flv dv vob divx xvid"
MOVIE_SUFFIXES = frozenset(f".{kind}" for kind in _MOVIES.split())
_EXAMPLE = "it needs a list of them, each with its footage, such as “- footage: shots/010/plate_0001.png”"
_SWITCHES = {"yes": True, "true": True, "1": True, "x": True, "no": False, "false": False, "0": False}


class _Named(NamedTuple):
    """A shot, and the argument or the entry of a list that names it, for messages."""

    spec: ShotSpec
    origin: str


def read_shots(arguments: Sequence[str], defaults: Mapping[str, Any] | None = None) -> list[ShotSpec]:
    """The shots that the arguments of `batch run` name, in their order.

    `defaults` (with keys of `shot_entry.DEFAULTS`) hold where a list has no value. Footage need not exist: each shot
    checks its own. Raises ManifestInvalid for a list, UsageError for arguments.
    """
    defaults = dict(defaults or {})
    if defaults.get("tracks"):
        defaults["tracks"] = os.path.abspath(defaults["tracks"])
    found: list[_Named] = []
    empty: list[Path] = []
    for argument in arguments:
        path = Path(argument if is_foreign(argument) else os.path.abspath(argument))
        if path.suffix.lower() in LIST_SUFFIXES and not os.path.isdir(path):
            found += _listed(path, defaults)
        else:
            shots = _in_folder(path) if os.path.isdir(path) else [(path, "")]
            empty += [] if shots else [path]
            for footage, name in shots or [(path, "")]:
                entry = {"footage": str(footage), "name": "".join(c if c.isprintable() else "?" for c in name)}
                found.append(_Named(shot_spec(entry, defaults, path.parent, str(footage)), str(footage)))
        if len(found) > SHOT_LIMIT:
            raise UsageError(f"A batch has at most {SHOT_LIMIT} shots: part it")
    if empty and len(empty) == len(found):  # an empty folder beside other shots is skipped when it is its turn
        raise UsageError(
            f"There is no footage in {empty[0]} or in the folders in it: name a movie, an image sequence, a folder "
            "of folders of them, or a list of shots (YAML, JSON or CSV)"
        )
    _check_different(found)
    return [shot.spec for shot in found]


def _check_different(found: Iterable[_Named]) -> None:
    """Two shots of the same clip would write one session."""
    seen: dict[object, list[tuple[ShotClip, _Named]]] = {}
    for shot in found:
        clip = ShotClip.of(shot.spec)
        for key in clip.footage.keys:
            for other_clip, other in seen.get(key, ()):
                if not clip.overlaps(other_clip):
                    continue  # another clip of the .blend
                advice = "any file of a sequence stands for all of it"
                if any(spec.range != (None, None) for spec in (other.spec, shot.spec)):
                    advice = "one session holds all of it, so give one range over all the frames that you want"
                raise ManifestInvalid(
                    f"{other.origin} and {shot.origin} are the same footage, {other.spec.footage}: name it once; "
                    f"{advice}"
                )
        for key in clip.footage.keys:
            seen.setdefault(key, []).append((clip, shot))


# Folders


def _in_folder(folder: Path) -> list[tuple[Path, str]]:
    """The footage in a folder, each with a name: the folder itself if it is a sequence, else its movies and folders."""
    images, movies, folders = _content(folder)
    if images > 1:
        return [(folder, "")]
    found: list[tuple[Path, str]] = []
    for inner in folders:
        inner_images, inner_movies, _ = _content(inner)
        if inner_images > 1 or (inner_images and not inner_movies):
            found.append((inner, inner.name))
        elif inner_movies:  # the shot reports that there are several
            found.append((inner_movies[0] if len(inner_movies) == 1 else inner, inner.name))
    found += [(movie, movie.stem) for movie in movies]
    if images and not found:
        return [(folder, "")]
    return sorted(found, key=lambda shot: shot[0].as_posix())


def _content(folder: Path) -> tuple[int, list[Path], list[Path]]:
    """The number of images, the movies and the folders in a folder."""
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


def _listed(path: Path, defaults: dict[str, Any]) -> Iterator[_Named]:
    is_table = path.suffix.lower() == ".csv"
    entries, own = (_table(path), {}) if is_table else _document(path)
    merged = merge_defaults(own, defaults, path.parent, f"The defaults in {path}")
    number = 0
    for number, (line, entry) in enumerate(entries, 1):
        if number > SHOT_LIMIT:
            raise ManifestInvalid(f"{path} names more than {SHOT_LIMIT} shots: part it")
        where = f"Shot {number} (line {line}) in {path}" if line else f"Shot {number} in {path}"
        yield _Named(shot_spec(entry, merged, path.parent, where), where)
    if not number:
        raise ManifestInvalid(f"{path} names no shots: {_EXAMPLE}")


def _document(path: Path) -> tuple[list[tuple[int, object]], dict[str, Any]]:
    """The entries of a YAML or JSON file and its defaults."""
    try:
        content = read_plain(path)
    except SessionUnreadable as error:
        raise ManifestInvalid(f"{path} cannot be read as a list of shots: {error.reason}") from error
    fields: dict[object, object] = {"shots": content}
    if isinstance(content, dict):
        fields = cast("dict[object, object]", content)
        check_keys(fields, ("shots", "defaults"), f"{path}")
    entries, defaults = fields.get("shots"), fields.get("defaults")
    if not isinstance(entries, list):
        raise ManifestInvalid(f"{path} is no list of shots: {_EXAMPLE}")
    if not isinstance(defaults, dict | None):
        raise ManifestInvalid(f"The defaults in {path} are no mapping, such as “detect: true”")
    return [(0, entry) for entry in cast("list[object]", entries)], cast("dict[str, Any]", defaults or {})


# Tables


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
                yield lines.line_num, _table_entry(names, values, f"Line {lines.line_num} in {path}")
            else:
                names = [value.lower() for value in values]
                _check_names(names, f"The first line of {path}")
    except csv.Error as error:
        raise ManifestInvalid(f"Line {lines.line_num} in {path} is no line of a CSV file: {error}") from error


def _check_names(names: list[str], where: str) -> None:
    check_keys(filter(None, names), KEYS, f"{where}, which names the columns")
    twice = next((name for name in names if name and names.count(name) > 1), "")
    if twice:
        raise ManifestInvalid(f"{where} names “{twice}” twice")
    if "footage" not in names:
        raise ManifestInvalid(f"{where} names the columns, and “footage” has to be among them")


def _table_entry(names: list[str], values: list[str], where: str) -> dict[str, Any]:
    entry: dict[str, Any] = {}
    for index, value in enumerate(values):
        name = names[index] if index < len(names) else ""
        if value and not name:
            raise ManifestInvalid(f"{where}: the value {value[:40]!r} stands in a column without a name")
        if value:
            entry[name] = value
    for option in OPTIONS:
        if option.name in entry:
            entry[option.name] = _table_value(option.kind, entry[option.name])
    return entry


def _table_value(kind: Kind, text: str) -> Any:
    """A value of a table; the text itself, which `shot_entry` refuses, if it is not of this kind."""
    if kind in (Kind.FRAME, Kind.COUNT):
        return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else text
    if kind is Kind.LENGTH:
        try:
            return float(text)
        except ValueError:
            return text
    if kind is Kind.SWITCH:
        return _SWITCHES.get(text.lower(), text)
    if kind is Kind.SETTINGS:
        try:
            return json.loads(text)
        except (ValueError, RecursionError):
            return text
    return text
