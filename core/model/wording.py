# SPDX-License-Identifier: GPL-3.0-or-later
"""The one wording of times, ages, durations, sizes and counts."""

from __future__ import annotations

from datetime import UTC, datetime


def timestamp() -> str:
    """Now, in UTC, as ISO 8601."""
    return datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def moment(text: str) -> datetime | None:
    """Read a timestamp; None if the text is none."""
    try:
        value = datetime.fromisoformat(text.replace("Z", "+00:00"))
    except ValueError:
        return None
    return value if value.tzinfo else value.replace(tzinfo=UTC)


_UNITS = ((60, "second"), (60, "minute"), (24, "hour"), (7, "day"), (52, "week"), (0, "year"))


def age(modified: str) -> str:
    """The age of a timestamp in words, such as “3 hours ago”; empty if the text is no timestamp."""
    then = moment(modified)
    if then is None:
        return ""
    count = max(0, int((datetime.now(UTC) - then).total_seconds()))
    if count < 60:
        return "just now"
    for size, unit in _UNITS:
        if count < size or not size:
            return f"{count} {unit}{'s' * (count != 1)} ago"
        count //= size
    return ""


def size_words(size: int) -> str:
    """A size in bytes as text with a fitting unit, such as “1.4 MB”."""
    if size < 1000:
        return f"{size} bytes"
    value = float(size)
    for unit in ("KB", "MB", "GB"):
        value /= 1000
        if value < 999.95:
            return f"{value:.1f} {unit}"
    return f"{value / 1000:.1f} TB"


def count_words(count: int, noun: str = "session") -> str:
    return f"{count:,} {noun}{'s' * (count != 1)}"


def duration(seconds: float) -> str:
    minutes, seconds = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02d} min" if hours else f"{minutes} min {seconds:02d} s" if minutes else f"{seconds} s"


def short(text: str, limit: int = 60) -> str:
    """`text` on one line of at most `limit` characters, without control characters."""
    line = text if text.isprintable() else "".join(c if c.isprintable() else " " for c in text)
    return line if len(line) <= limit else line[: limit - 1] + "…"
