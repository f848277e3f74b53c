# SPDX-License-Identifier: GPL-3.0-or-later
"""Replaces files atomically and reads untrusted documents.

Each operation on files is a function of `os`, one system call, so that tests can make any of them fail.
"""

from __future__ import annotations

import errno
import json
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

from ..errors import SessionUnreadable, StorageFailed

try:
    import yaml
except ImportError:  # builds of Blender without PyYAML: the same content as JSON
    yaml = None

DOCUMENT_LIMIT = 16 << 20  # bytes; a session file of any shot has a few kilobytes
_COPIED_AT_ONCE = 1 << 20  # bytes
_DEPTH_LIMIT = 32
_NODE_LIMIT = 200_000
_BASE_60 = re.compile(r"[-+]?\d[\d_]*(:[0-5]?\d)+(\.[\d_]*)?\Z")  # YAML reads 1:59:59 as a number

_TOKEN = os.urandom(4).hex()  # of this process

SUFFIXES = (".yaml", ".json")


def existing_document(path: Path) -> Path:
    """`path`, or its YAML or JSON sibling if only that exists: without PyYAML documents are JSON."""
    if path.name and not os.path.exists(path):
        for suffix in SUFFIXES:
            if os.path.exists(path.with_suffix(suffix)):
                return path.with_suffix(suffix)
    return path


def document_suffix() -> str:
    """The suffix of new documents: `.yaml`, or `.json` without PyYAML."""
    return ".yaml" if yaml is not None else ".json"


def replace_file(path: Path, data: bytes) -> None:
    """Replace the content of `path`: after a crash it is the old or the new content, never a part.

    Raises StorageFailed, with the old content in place.
    """
    temporary = _temporary(path)
    try:
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | getattr(os, "O_BINARY", 0), 0o666)
        try:
            write_all(descriptor, data)
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        os.replace(temporary, path)
        sync_folder(path.parent)
    except OSError as error:
        try:
            os.unlink(temporary)
        except OSError:
            pass  # it was not made, or the disk is gone; a leftover does no harm
        raise StorageFailed(path, error) from error


def _temporary(path: Path) -> Path:
    """A name beside `path` for a new file. Processes on two hosts may have the same id, in containers often do."""
    return path.with_name(f".{path.name}.{os.getpid()}.{_TOKEN}.tmp")


def copy_file(source: Path, target: Path) -> None:
    """Copy a file: after a crash `target` has the old content, if any, or the whole new one. Raises OSError."""
    temporary = _temporary(target)
    binary = getattr(os, "O_BINARY", 0)
    try:
        reading = os.open(source, os.O_RDONLY | binary)
        try:
            writing = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | binary, 0o666)
            try:
                while data := os.read(reading, _COPIED_AT_ONCE):
                    write_all(writing, data)
                os.fsync(writing)
            finally:
                os.close(writing)
        finally:
            os.close(reading)
        os.replace(temporary, target)
        sync_folder(target.parent)
    except OSError:
        try:
            os.unlink(temporary)
        except OSError:
            pass  # it was not made, or the disk is gone; a leftover does no harm
        raise


def write_all(descriptor: int, data: bytes) -> None:
    """Write all of `data`, in several calls if needed. Raises OSError."""
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view) :]


def sync_folder(folder: Path) -> None:
    """Make a new name in `folder` survive a power cut, on POSIX systems. Raises OSError."""
    if os.name != "posix":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.ENOTSUP):  # some network file systems cannot
            raise
    finally:
        os.close(descriptor)


def sync_file(path: Path) -> None:
    """Make the content of the file survive a power cut. Raises OSError."""
    descriptor = os.open(path, os.O_RDONLY if os.name == "posix" else os.O_RDWR)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def make_folder(folder: Path) -> None:
    """Make `folder` and its parents. Raises StorageFailed."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StorageFailed(folder, error) from error


def encode_document(content: Mapping[str, Any], suffix: str) -> bytes:
    """`content`, plain mappings, lists, strings and numbers, as a YAML or JSON file.

    Half a surrogate pair, from a file name that is not UTF-8, becomes a question mark.
    """
    if suffix == ".json" or yaml is None:
        return (json.dumps(content, indent=1, ensure_ascii=False) + "\n").encode("utf-8", "replace")
    dumper = getattr(yaml, "CSafeDumper", yaml.SafeDumper)
    return yaml.dump(
        _encodable(content), Dumper=dumper, encoding="utf-8", sort_keys=False, allow_unicode=True, width=110
    )


def _encodable(value: object) -> object:
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode("utf-8")
    if isinstance(value, Mapping):
        items = cast("Mapping[object, object]", value).items()
        return {_encodable(key): _encodable(entry) for key, entry in items}
    if isinstance(value, (list, tuple)):
        return [_encodable(entry) for entry in cast("list[object]", value)]
    return value


def read_document(path: Path) -> dict[str, Any]:
    """The mapping in an untrusted YAML or JSON file.

    Raises SessionUnreadable as `read_plain` does, and for other content than a mapping.
    """
    content = read_plain(path)
    if not isinstance(content, dict):
        raise SessionUnreadable(path, "it is not a mapping; it may have been cut")
    return cast("dict[str, Any]", content)


def read_plain(path: Path) -> object:
    """The content of an untrusted YAML or JSON file: mappings, lists, texts, numbers, dates.

    Raises SessionUnreadable if it is missing, too large, cut or too deep, or uses YAML aliases or tags.
    """
    try:
        with open(path, "rb") as file:
            data = file.read(DOCUMENT_LIMIT + 1)
    except (OSError, ValueError) as error:  # ValueError: a NUL in the path
        raise SessionUnreadable(path, getattr(error, "strerror", None) or str(error)) from error
    if len(data) > DOCUMENT_LIMIT:
        raise SessionUnreadable(path, f"it is larger than {DOCUMENT_LIMIT >> 20} MiB")
    try:
        return _parse_json(data) if path.suffix.lower() == ".json" else _parse_yaml(data)
    except (ValueError, RecursionError, OverflowError) as error:
        reason = " ".join(str(error).split())[:200] or type(error).__name__
        raise SessionUnreadable(path, reason) from error


def _parse_json(data: bytes) -> object:
    if data.count(b"[") + data.count(b"{") > _NODE_LIMIT:
        raise ValueError("it has too many parts")
    return json.loads(data.decode("utf-8", "surrogatepass"))


def _is_endless(scalar: str) -> bool:
    """Whether reading megabytes of this number would take hours."""
    return len(scalar) > 100 and _BASE_60.match(scalar) is not None


def _parse_yaml(data: bytes) -> object:
    if yaml is None:
        raise ValueError("PyYAML is not installed here")
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    text = data.decode("utf-8", "surrogatepass")
    depth = nodes = 0
    try:
        for event in yaml.parse(text, Loader=loader):
            nodes += 1
            if isinstance(event, yaml.AliasEvent):
                raise ValueError("it uses YAML aliases, which are not allowed here")
            if isinstance(event, (yaml.ScalarEvent, yaml.CollectionStartEvent)) and event.tag is not None:
                raise ValueError("it uses YAML tags, which are not allowed here")
            if isinstance(event, yaml.ScalarEvent) and event.implicit[0] and _is_endless(event.value):
                raise ValueError("it has a number of impossible length")
            if isinstance(event, yaml.CollectionStartEvent):
                depth += 1
            elif isinstance(event, yaml.CollectionEndEvent):
                depth -= 1
            if depth > _DEPTH_LIMIT or nodes > _NODE_LIMIT:
                raise ValueError("it is nested too deeply or has too many parts")
        return yaml.load(text, Loader=loader)  # a safe loader
    except yaml.YAMLError as error:
        raise ValueError(str(error)) from error
