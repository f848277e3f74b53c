# SPDX-License-Identifier: GPL-3.0-or-later
"""The farm engines, a module each: it renders a submission into the engine's own job, and nothing more."""

from __future__ import annotations

from ..submission import Engine

NAMES = ("slurm", "openjd", "flamenco")


def engines(*, is_online: bool) -> list[Engine]:
    """All of them. `is_online`: whether this process may use the network."""
    from .flamenco import Flamenco
    from .openjd import OpenJD
    from .slurm import Slurm

    return [Slurm(), OpenJD(is_online=is_online), Flamenco(is_online=is_online)]


def engine_of(name: str, *, is_online: bool) -> Engine:
    return next(engine for engine in engines(is_online=is_online) if engine.name == name)
