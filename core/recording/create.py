# SPDX-License-Identifier: GPL-3.0-or-later
"""Makes sessions."""

from __future__ import annotations

import os
from dataclasses import replace

from ..footage.details import FootageDetails, describe, save_details
from ..footage.files import Footage, find_footage
from ..model.ids import new_id
from ..model.types import FootageMetadata
from ..model.wording import timestamp
from ..storage.files import encode_document, make_folder, replace_file
from ..storage.folder import SessionFolder
from .manager import TrackingSessionManager
from .session_file import new_state


def create_session(
    footage_path: str | os.PathLike[str],
    name: str,
    base_path: str | os.PathLike[str] | None = None,
    *,
    metadata: FootageMetadata | None = None,
    plate: tuple[Footage, FootageDetails | None] | None = None,
    blend: str = "",
    clip: str = "",
) -> TrackingSessionManager:
    """Make a session of the footage: a movie, any file of an image sequence, or the folder of one.

    `base_path` is the folder of all sessions (None: `tracking_sessions` in the current folder). `metadata` holds
    values that only Blender knows: size, fps, colour space, frame count of a movie. `plate` is the footage with the
    frame numbers of its clip, and its details; None if `SessionRecorder.set_details` notes them later. `blend` and
    `clip` name the .blend and the clip of the tracks. Without Blender the length of a movie is unknown, and
    `total_frames` is 0 until a pass begins.
    Raises FootageUnusable and StorageFailed.
    """
    found = plate[0] if plate is not None else find_footage(footage_path)
    details = plate[1] if plate is not None else describe(found)
    if details is None:
        details = FootageDetails((), "", frame_count=found.count)
    known = metadata or FootageMetadata(
        path="", frame_count=details.frame_count, size=details.size, start=found.counting.start
    )
    folder = SessionFolder(base_path)
    session_id = new_id()
    path = folder.session_file(session_id)
    state = new_state(
        path,
        session_id=session_id,
        name=name or found.name,
        created=timestamp(),
        footage=replace(known, path=str(found.first), source=found.source, fingerprint=details.fingerprint),
        blend=blend,
        clip=clip,
    )
    make_folder(path.with_suffix(""))
    if details.entries:
        save_details(folder, found, details)
    replace_file(path, encode_document(state, path.suffix))
    if details.entries:
        save_details(folder, found, details)  # again: a cleaning may have deleted it as unused meanwhile
    return TrackingSessionManager(path)
