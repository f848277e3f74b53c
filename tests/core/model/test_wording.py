# SPDX-License-Identifier: GPL-3.0-or-later
"""Times and durations as people read them."""

import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from tracking_sessions.core.model.wording import (
    abridged,
    age,
    clock,
    clock_time,
    count_words,
    duration,
    local_time,
    owner_words,
    short,
    size_words,
    utc_time,
)


@pytest.fixture(autouse=True)
def central_europe(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("TZ", "CET-1")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


def test_the_time_is_that_of_the_clock_on_the_wall() -> None:
    assert local_time("2026-01-31T10:15:00Z") == clock_time("2026-01-31T10:15:00Z") == "2026-01-31 11:15"
    now = datetime.now().astimezone()
    assert clock_time(now.isoformat()) == f"{now:%H:%M}"
    assert local_time(now.isoformat()) == f"{now:%Y-%m-%d %H:%M}"


def test_a_report_is_read_in_any_place() -> None:
    assert utc_time("2026-01-31T23:15:00Z") == utc_time("2026-02-01T00:15:00+01:00") == "2026-01-31 23:15 UTC"


@pytest.mark.parametrize("text", ["", "yesterday", "2026-13-01T00:00:00Z"])
def test_other_text_is_not_read_as_a_time(text: str) -> None:
    assert (local_time(text), clock_time(text), age(text), utc_time(text)) == ("", "", "", text)


def test_the_earliest_time_is_no_error() -> None:
    assert local_time("0001-01-01T00:00:00+14:00") == "" and utc_time("0001-01-01T00:00:00+14:00").startswith("0001")


def test_an_owner_is_shown_with_local_time() -> None:
    assert owner_words("process 7 on vm since 2026-01-31T10:15:00Z") == "process 7 on vm since 2026-01-31 11:15"
    assert owner_words("a process that is just starting") == "a process that is just starting"


@pytest.mark.parametrize(
    ("past", "words"),
    [(3, "just now"), (60, "1 minute ago"), (7300, "2 hours ago"), (86_400 * 9, "1 week ago"), (4e8, "12 years ago")],
)
def test_an_age_has_one_unit(past: float, words: str) -> None:
    assert age((datetime.now(UTC) - timedelta(seconds=past)).isoformat()) == words


@pytest.mark.parametrize(
    ("seconds", "text", "running"),
    [
        (4.6, "5 s", "0:05"),
        (65, "1 min 05 s", "1:05"),
        (3600, "1 h 00 min", "1:00:00"),
        (90_061, "25 h 01 min", "25:01:01"),
    ],
)
def test_a_duration(seconds: float, text: str, running: str) -> None:
    assert (duration(seconds), clock(seconds)) == (text, running)


def test_sizes_counts_and_long_names() -> None:
    assert [size_words(size) for size in (999, 1000, 999_960, 5e12)] == ["999 bytes", "1.0 KB", "1.0 MB", "5.0 TB"]  # type: ignore[arg-type]
    assert (count_words(1), count_words(1200, "frame")) == ("1 session", "1,200 frames")
    assert short("a\nb\x1b" + "c" * 60, 8) == "a b cccc"[:7] + "…"


@pytest.mark.parametrize(
    ("limit", "text"), [(16, "sh010_v003.track"), (15, "sh010_v…3.track"), (8, "sh01…ack"), (1, "…")]
)
def test_a_name_that_is_too_long_loses_its_middle(limit: int, text: str) -> None:
    assert abridged("sh010_v003.track", limit) == text
