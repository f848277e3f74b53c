# SPDX-License-Identifier: GPL-3.0-or-later
"""The colour space of a clip and the OCIO configuration of this machine, which may lack that space."""

from __future__ import annotations

import hashlib
import os
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import bpy

if TYPE_CHECKING:
    from bpy.types import MovieClip

    from ...core.model.types import FootageMetadata


@cache
def configuration() -> str:
    """A hash of the OCIO configuration of this machine; empty if its file cannot be read."""
    own = bpy.utils.system_resource("DATAFILES", path="colormanagement")  # type: ignore[attr-defined]
    path = Path(os.environ.get("OCIO") or os.path.join(own, "config.ocio"))
    try:
        return hashlib.blake2b(path.read_bytes(), digest_size=8).hexdigest()
    except OSError:
        return ""


_unknown: dict[int, bool] = {}
"""The clips of the open file (`session_uid`) whose space the configuration lacks, and whether a message said so."""


def note_spaces(*, file_is_new: bool = False) -> None:
    """Note the clips whose space the configuration lacks, before Blender reads a picture and hides the lack."""
    if file_is_new:
        _unknown.clear()
    for clip in bpy.data.movieclips:
        if not clip.colorspace_settings.name:
            _unknown.setdefault(clip.session_uid, False)


def unknown_words_once(clip: MovieClip) -> str:
    """As `unknown_words`, for a clip whose picture Blender has read; empty after the first call for the clip."""
    if _unknown.get(clip.session_uid, True):
        return ""
    _unknown[clip.session_uid] = True
    return _unknown_words(clip, clip.colorspace_settings.name)


def unknown_words(clip: MovieClip) -> str:
    """The message about a colour space that the configuration lacks, and the space in its place; empty if it has it.

    Blender hides the name of a missing space: it reads as empty until Blender reads a picture, then as another space.
    """
    if clip.colorspace_settings.name:
        return ""
    other = bpy.data.movieclips.load(bpy.path.abspath(clip.filepath, library=clip.library))
    used = other.colorspace_settings.name
    bpy.data.movieclips.remove(other)
    return _unknown_words(clip, used)


def _unknown_words(clip: MovieClip, used: str) -> str:
    return (
        f"The OCIO configuration of this machine does not have the colour space of the clip “{clip.name}”: "
        f"Blender takes {f'“{used}”' if used else 'its default'} instead"
    )


def changed_words(clip: MovieClip, recorded: FootageMetadata) -> str:
    """The message that another colour space than the recorded one changes the tracking; empty if it does not.

    Only pictures of floating point are tracked otherwise, not those of 8 bits.
    """
    now = clip.colorspace_settings.name
    if recorded.colour_space and now and now != recorded.colour_space:
        why = f"The colour space of the clip is “{now}” now, and “{recorded.colour_space}” when the session was made"
    elif recorded.colour_configuration and recorded.colour_configuration != configuration():
        why = "The OCIO configuration of this machine is not the one that the session was made with"
    else:
        return ""
    return f"{why}: the markers that follow will differ a little from those that would have been tracked then"
