# SPDX-License-Identifier: GPL-3.0-or-later
"""Ids of sessions and batches: how they are made, and how people name them."""

from __future__ import annotations

import secrets
from collections.abc import Iterable
from datetime import UTC, datetime

from .types import SESSION_ID


def new_id() -> str:
    """A new id. Ids sort by age, those of the same second as well."""
    now = datetime.now(UTC)
    return f"{now:%Y%m%d-%H%M%S}-{now.microsecond:05x}{secrets.token_hex(2)[:3]}"


def find_id(text: str, ids: Iterable[str], nouns: str) -> str | None:
    """The id that `text` is, or that alone begins with it; None if none does.

    Raises ValueError, in words, if several do; `nouns` are what they are ids of.
    """
    found = [id for id in ids if id.startswith(text)] if SESSION_ID.match(text) else []
    exact = [id for id in found if id == text]
    if len(found) > 1 and len(exact) != 1:
        raise ValueError(f"{len(found)} {nouns} begin with {text}: give more of the id ({found[0]}, …)")
    return (exact or found or [None])[0]
