# SPDX-License-Identifier: GPL-3.0-or-later
"""The analysis in the session folder: kept beside the checksums, and read as what other people may have written."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tracking_sessions.core.errors import SessionUnreadable, UsageError
from tracking_sessions.core.footage.analysis.known import Analysis, CameraMotion, keep_analysis, known_analysis
from tracking_sessions.core.footage.details import copy_details, describe, load_details, save_details
from tracking_sessions.core.footage.files import find_footage
from tracking_sessions.core.model.ranges import FrameRanges
from tracking_sessions.core.storage.files import encode_document, existing_document, read_document
from tracking_sessions.core.storage.folder import SessionFolder
from tracking_sessions.tests.plates import lay

FOUND = Analysis(
    6,
    looked=FrameRanges([(1, 6)]),
    cuts=FrameRanges([(4, 4)]),
    blurred=FrameRanges([(2, 3), (6, 6)]),
    is_interlaced=True,
    motion=CameraMotion.NODAL,
    flicker=0.125,
)


@pytest.fixture
def kept(tmp_path: Path) -> tuple[SessionFolder, str]:
    """A folder with the details of footage, and their fingerprint."""
    footage = find_footage(lay(tmp_path / "plate", "png-libpng")[0])
    folder, details = SessionFolder(tmp_path / "root"), describe(footage)
    save_details(folder, footage, details)
    return folder, details.fingerprint


def test_it_comes_back_as_it_was_kept_and_the_checksums_stay(kept: tuple[SessionFolder, str]) -> None:
    folder, fingerprint = kept
    before = load_details(folder, fingerprint)
    assert known_analysis(folder, fingerprint) is None
    keep_analysis(folder, fingerprint, FOUND)
    assert known_analysis(folder, fingerprint) == FOUND
    assert load_details(folder, fingerprint) == before
    keep_analysis(folder, fingerprint, Analysis(6))
    assert known_analysis(folder, fingerprint) == Analysis(6)


def test_it_goes_where_the_details_go(kept: tuple[SessionFolder, str], tmp_path: Path) -> None:
    folder, fingerprint = kept
    keep_analysis(folder, fingerprint, FOUND)
    copy_details(folder, SessionFolder(tmp_path / "other"), fingerprint)
    assert known_analysis(SessionFolder(tmp_path / "other"), fingerprint) == FOUND


@pytest.mark.parametrize(
    "change",
    [
        {"version": 2},
        {"frame_count": 0},
        {"frame_count": True},
        {"frame_count": 10**12},
        {"frame_count": "6"},
        {"cuts": "7"},
        {"cuts": "0-3"},
        {"cuts": "3-1"},
        {"cuts": [1, 2]},
        {"cuts": None},
        {"motion": "sideways"},
        {"flicker": float("nan")},
        {"flicker": -1.0},
        {"flicker": "much"},
        {"is_interlaced": "yes"},
    ],
)
def test_a_hostile_analysis_counts_as_none(kept: tuple[SessionFolder, str], change: dict[str, Any]) -> None:
    folder, fingerprint = kept
    keep_analysis(folder, fingerprint, FOUND)
    path = existing_document(folder.footage(fingerprint))
    content = read_document(path)
    content["analysis"].update(change)
    path.write_bytes(encode_document(content, path.suffix))
    assert known_analysis(folder, fingerprint) is None
    content["analysis"] = [1]
    path.write_bytes(encode_document(content, path.suffix))
    assert known_analysis(folder, fingerprint) is None


def test_a_cut_file_is_no_analysis_and_is_not_overwritten(kept: tuple[SessionFolder, str]) -> None:
    folder, fingerprint = kept
    keep_analysis(folder, fingerprint, FOUND)
    path = existing_document(folder.footage(fingerprint))
    data = path.read_bytes()
    for end in range(0, len(data), 7):
        path.write_bytes(data[:end])
        known = known_analysis(folder, fingerprint)
        assert known is None or known == FOUND
    path.write_bytes(b"[not a mapping")
    with pytest.raises(SessionUnreadable):
        keep_analysis(folder, fingerprint, FOUND)
    assert path.read_bytes() == b"[not a mapping"


def test_a_text_that_is_no_fingerprint_names_no_file(kept: tuple[SessionFolder, str]) -> None:
    folder, _ = kept
    assert known_analysis(folder, "../../other") is None
    with pytest.raises(UsageError):
        keep_analysis(folder, "../../other", FOUND)
    with pytest.raises(SessionUnreadable):
        keep_analysis(folder, "0" * 32, FOUND)
