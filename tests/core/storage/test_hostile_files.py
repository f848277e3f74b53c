# SPDX-License-Identifier: GPL-3.0-or-later
"""Untrusted session files: valid content or SessionUnreadable, and no writes."""

import copy
import random
import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tracking_sessions.core.errors import JournalDamaged, SessionUnreadable, TrackingSessionError
from tracking_sessions.core.library.catalogue import list_sessions
from tracking_sessions.core.recording.create import create_session
from tracking_sessions.core.recording.manager import load_session
from tracking_sessions.core.report.html import export_session_report
from tracking_sessions.core.session import TrackingSessionManager, cleanup_old_sessions
from tracking_sessions.core.storage.files import DOCUMENT_LIMIT, encode_document, read_document
from tracking_sessions.tests.core.faults import scrambled
from tracking_sessions.tests.core.shots import finish, make_footage, make_session, start_run


@pytest.fixture
def finished(tmp_path: Path) -> Path:
    """The file of a session with passes, solves, history and a journal."""
    manager = make_session(tmp_path, name="plain")
    finish(start_run(manager, [(1, 4), (1, 1)]))
    with manager:
        manager.mark_solve_complete("one", average_error=0.5)
    return manager.path


def use(path: Path) -> None:
    """Use all readers of a session."""
    manager = TrackingSessionManager(path)
    assert manager.session.id == path.stem
    progress = manager.get_progress()
    assert len(progress["remaining_frames"]) == manager.progress["remaining_frames"]
    assert 0.0 <= progress["percent_complete"] <= 100.0
    manager.get_resume_point()
    encode_document(manager.state, path.suffix)
    assert manager.owner == "" and manager.is_interrupted in (True, False)
    export_session_report(path, path.parent.parent / "report.html")
    manager.details()


def check_harmless(path: Path, content: bytes) -> bool:
    """Whether the file is usable; otherwise checks the error. Checks that the file is unchanged."""
    path.write_bytes(content)
    try:
        use(path)
        readable = True
    except JournalDamaged:
        readable = False  # a wrong position in the journal, without a record
    except TrackingSessionError as error:
        allowed = ("fingerprint", "not looked at")  # of the footage
        assert isinstance(error, SessionUnreadable) or any(words in str(error) for words in allowed), error
        readable = False
    assert path.read_bytes() == content
    return readable


@pytest.mark.parametrize("suffix", [".yaml", ".json"])
def test_a_file_cut_anywhere_is_an_error_and_stays(finished: Path, suffix: str) -> None:
    content = encode_document(read_document(finished), suffix)
    finished.unlink()
    path = finished.with_suffix(suffix)
    whole = 0
    for size in {*range(0, 300), *range(300, len(content), 7), *range(len(content) - 40, len(content))}:
        whole += check_harmless(path, content[:size])
    assert check_harmless(path, content)
    if suffix == ".json":
        assert whole <= 1  # without the last newline


def leaves(content: Any, way: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The way to each part of a document, leaves and branches; the entries of a list are alike."""
    if way:
        yield way
    items = (
        content.items() if isinstance(content, dict) else enumerate(content[:1]) if isinstance(content, list) else ()
    )
    for key, value in items:
        yield from leaves(value, (*way, key))


WRONG: list[Any] = [
    None, True, 0, -1, 1.5, 1 << 70, -(10**40), float("nan"), float("inf"), "", "x", "1-", "../../x", "9-1",
    "1-999999999", "\0", [], [None], [[]], {}, {"a": None}, [{}], {"number": 1}, "2999-01-01", "<script>",
]  # fmt: skip


@pytest.mark.slow
def test_any_part_of_any_other_type_is_an_error_or_harmless(finished: Path) -> None:
    content = read_document(finished)
    reading = {True: 0, False: 0}
    for way in leaves(content):
        for wrong in WRONG:
            changed = copy.deepcopy(content)
            part = changed
            for key in way[:-1]:
                part = part[key]
            part[way[-1]] = wrong
            reading[check_harmless(finished, encode_document(changed, ".yaml"))] += 1
            if wrong is None:
                del part[way[-1]]
                check_harmless(finished, encode_document(changed, ".yaml"))
    assert all(reading.values())


def test_random_damage_is_an_error_or_harmless(finished: Path) -> None:
    content = finished.read_bytes()
    chance = random.Random(7)
    for _ in range(400):
        changed = scrambled(content, chance, b"\0\n :-[]{}&*!|>'\"%@`,#~09aZ\xff\xc3\xe2")
        check_harmless(finished, changed)


def bomb(levels: int) -> bytes:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, levels)]
    return "\n".join(["schema: 1", *lines]).encode()


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "mapping"),
        (b"[1, 2]", "mapping"),
        (bomb(30), "aliases"),
        (b"a: &a [*a]", "aliases"),
        (b"schema: 2", "newer version"),
        (b"schema: 10000000000000000000000000", "newer version"),
        (b"schema: one", "names no schema"),
        (b"session: {}", "names no schema"),
        (b"[" * 40, "nested"),
        (b"- " * 40, "nested"),
        (b"[" * 100_000, None),  # from here on the parser may have a limit of its own, and words for it
        (b"a: " * 50, None),
        (b"- " * 100_000, None),
        (b"{a: " * 100_000, None),
        (b"a: !!python/object/apply:os.system ['echo']", "tags"),
        (b'a: !!int ""', "tags"),
        (b"a: !!bool maybe", "tags"),
        (b"a: !!timestamp x", "tags"),
        (b"a: !x y", "tags"),
        (b"a: 2024-99-99", None),
        (b"a: 1" + b":59" * 1_000_000, "number"),
        (b"a: " + b"9" * 1_000_000, None),
        (b"? [a]\n: b", None),
        (b"a: 1\n---\nb: 2", None),
        (b"\xff\xfe\x00", None),
        (b"a: \x00", None),
        (b"x" * (DOCUMENT_LIMIT + 1), "larger than"),
        (b"a:\n" + b"- 1\n" * 300_000, "parts"),
    ],
    ids=lambda value: repr(value[:20]) if isinstance(value, bytes) else None,
)
def test_hostile_yaml_is_refused_quickly_and_stays(tmp_path: Path, content: bytes, reason: str | None) -> None:
    path = tmp_path / "sessions" / "hostile.yaml"
    path.parent.mkdir()
    path.write_bytes(content)
    began = time.process_time()
    with pytest.raises(SessionUnreadable, match=reason) as raised:
        load_session(path)
    assert time.process_time() - began < 5
    assert len(str(raised.value)) < 600 and "It was left as it is" in str(raised.value)
    assert path.read_bytes() == content and list_sessions(tmp_path) == []
    assert cleanup_old_sessions(tmp_path, 0) == 0 and path.exists()


@pytest.mark.parametrize(
    "content",
    [b"{" * 9000, b'{"a":' * 90_000, b"[" * 250_000, b'{"a": ' + b"9" * 10_000 + b"}", b"\xff", b"nul", b"[]"],
)
def test_hostile_json_is_refused_and_stays(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "hostile.json"
    path.write_bytes(content)
    with pytest.raises(SessionUnreadable):
        load_session(path)
    assert path.read_bytes() == content


@pytest.mark.parametrize(
    "name", ["../../x", "..", "/etc/passwd", "a/b", "A", "", "a\nb", "x" * 33, "x\0", "con:", "é", "a.b"]
)
def test_ids_never_become_paths(finished: Path, name: str) -> None:
    content = read_document(finished)
    content["session"]["id"] = name
    outside = sorted(finished.parent.parent.parent.rglob("*"))
    assert not check_harmless(finished, encode_document(content, ".yaml"))
    with pytest.raises(SessionUnreadable, match="is not the name of the file"):
        load_session(finished)
    assert sorted(finished.parent.parent.parent.rglob("*")) == outside


def test_a_session_file_under_another_name_is_refused(finished: Path) -> None:
    copied = finished.with_name("copy.yaml")
    shutil.copy(finished, copied)
    with pytest.raises(SessionUnreadable):
        load_session(copied)


@pytest.mark.parametrize(
    "path", ["", ".", "/", "nowhere/x.yaml", "x\0y.yaml", "y" * 5000, "\ud800.yaml", b"bytes".decode()]
)
def test_a_path_to_nothing_is_an_error(path: str) -> None:
    with pytest.raises(SessionUnreadable):
        load_session(path)


def test_a_journal_that_is_a_folder_or_missing_is_an_error(finished: Path) -> None:
    journal = finished.with_suffix("") / "journal.2"
    journal.rename(journal.with_name("aside"))
    journal.mkdir()
    with pytest.raises(SessionUnreadable):
        load_session(finished)
    shutil.rmtree(journal.parent)
    journal.parent.write_bytes(b"")
    with pytest.raises(SessionUnreadable):
        load_session(finished)
    journal.parent.unlink()
    assert str(load_session(finished).session.tracked_frames) == ""


def falling_ranges(content: dict[str, Any]) -> None:
    ranges = ",".join(map(str, range(800_000, 0, -4)))
    content["tracking"]["tracked_frames"] = content["tracking"]["asked_frames"] = ranges


def many_passes(content: dict[str, Any]) -> None:
    content["tracking"]["passes"] *= 8000


@pytest.mark.parametrize("change", [falling_ranges, many_passes])
@pytest.mark.slow
def test_large_content_takes_no_longer_than_its_size(finished: Path, change: Callable[[dict[str, Any]], None]) -> None:
    content = read_document(finished)
    change(content)
    finished.write_bytes(encode_document(content, ".yaml"))
    began = time.process_time()
    try:
        load_session(finished).get_progress()
    except SessionUnreadable:
        pass
    assert time.process_time() - began < 10


NAMES = [
    "Schuss Ähre 010", "ショット十", "مشهد", "\u202eRTL\u202c", "🎬" * 50, "a" * 10_000, "1" * 10_000, "1:2:" * 2500,
    "1:2" * 5000, "two\nlines\r\n\tand tab", "\0\x01\x1b[31m\x7f\x85", "\u2028\u2029\ufeff", "null", "~", "- x",
    "!!int", "a: b #c", "&a", "*a", "'\"", "%", " ", "2024-01-01", "0x1f", "..", "../../x", "C:\\x", "yes", "=", "<<",
    "\ud83d", "e\u0301", "\uffff", "\U0010ffff",
]  # fmt: skip


@pytest.mark.parametrize("suffix", [".yaml", ".json"])
def test_names_in_any_script_and_of_any_length_are_unchanged(
    tmp_path: Path, suffix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    footage, base = make_footage(tmp_path / "plates"), tmp_path / "base"
    monkeypatch.setattr("tracking_sessions.core.storage.folder.document_suffix", lambda: suffix)
    for name in NAMES:
        with create_session(footage, name, base) as manager:
            assert manager.path.suffix == suffix
            manager.save_checkpoint(1, name)
            manager.acquire().append_event("note", text=name)
        expected = name.encode("utf-8", "replace").decode()
        again = load_session(manager.path)
        assert again.session.name == expected and again.path.parent == base / "sessions"
        assert again.state["history"][0]["text"] in (name, expected)
        assert again.session.checkpoint_operation in (name, expected)
    assert len(list_sessions(base)) == len(NAMES)
    assert {path.name for path in base.iterdir()} - {"index.db"} == {"sessions", "footage"}
