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


def local_time(text: str) -> str:
    """A timestamp on the clock of this place, such as “2026-11-25 20:15”; empty if it is none."""
    at = _local(text)
    return f"{at:%Y-%m-%d %H:%M}" if at is not None else ""


def clock_time(text: str) -> str:
    """As `local_time`, but of a time of today only the hour and minute."""
    at = _local(text)
    is_today = at is not None and at.date() == datetime.now(at.tzinfo).date()
    return f"{at:%H:%M}" if is_today else local_time(text)


def utc_time(text: str) -> str:
    """A timestamp for a reader in any place, such as “2026-11-25 19:15 UTC”; what is none is left as it is."""
    at = moment(text)
    try:
        return f"{at.astimezone(UTC):%Y-%m-%d %H:%M} UTC" if at is not None else text
    except OverflowError:
        return text


def owner_words(owner: str) -> str:
    """Who has a session, and since when on the clock of this place."""
    who, since, when = owner.partition(" since ")
    return f"{who}{since}{clock_time(when) or when}"


def _local(text: str) -> datetime | None:
    at = moment(text)
    try:
        return at.astimezone() if at is not None else None
    except (OverflowError, OSError):  # before the beginning of time
        return None


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
    """So many of them, such as “1,200 sessions”."""
    return f"{count:,} {noun}{'s' * (count != 1)}"


def duration(seconds: float) -> str:
    """A duration as text, such as “2 min 05 s”."""
    minutes, seconds = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02d} min" if hours else f"{minutes} min {seconds:02d} s" if minutes else f"{seconds} s"


def clock(seconds: float) -> str:
    """A duration that is shown while it changes, as minutes:seconds, or hours:minutes:seconds from an hour on."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def short(text: str, limit: int = 60) -> str:
    """`text` on one line of at most `limit` characters, without control characters."""
    line = text if text.isprintable() else "".join(c if c.isprintable() else " " for c in text)
    return line if len(line) <= limit else line[: limit - 1] + "…"


def abridged(text: str, limit: int) -> str:
    """`text` in at most `limit` characters, without its middle: names of one shot often differ at their ends."""
    end = (limit - 1) // 2
    return text if len(text) <= limit else f"{text[: limit - 1 - end]}…{text[len(text) - end :]}"
