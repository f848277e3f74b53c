# SPDX-License-Identifier: GPL-3.0-or-later
"""The audit as a window drives it: by a timer, until Esc or the end."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import bpy
import pytest

from tracking_sessions.bridge.clip.editor import ClipEditor
from tracking_sessions.bridge.review import auditing
from tracking_sessions.operators.review import TRACKING_SESSIONS_OT_audit
from tracking_sessions.tests.bpy.review.reviews import review
from tracking_sessions.tests.bpy.window import begin, inside, new_file
from tracking_sessions.tests.footage import Shot as Footage

pytestmark = pytest.mark.usefixtures("registered")


class Driven:
    """The operator's code, with an audit that goes on."""

    def __init__(self, editor: ClipEditor) -> None:
        self.editor = editor
        self.reports: list[str] = []
        self._audit: Any = auditing.Audit(editor.clip, "QUICK")
        self._timer = None

    def report(self, kind: set[str], text: str) -> None:
        self.reports.append(text)

    cancel = TRACKING_SESSIONS_OT_audit.cancel
    _stop_listening = TRACKING_SESSIONS_OT_audit._stop_listening
    _tell = TRACKING_SESSIONS_OT_audit._tell
    _job = TRACKING_SESSIONS_OT_audit._job

    def send(self, kind: str = "TIMER", value: str = "NOTHING") -> set[str]:
        with inside(self.editor):
            event: Any = SimpleNamespace(type=kind, value=value)
            return TRACKING_SESSIONS_OT_audit.modal(self, bpy.context, event)  # type: ignore[arg-type]


@pytest.fixture
def driven(footage: Footage, file: Path) -> Driven:
    editor = new_file(footage, file)
    begin(editor, steps=12).finish()
    return Driven(editor)


def test_escape_stops_an_audit_without_a_verdict(driven: Driven) -> None:
    assert driven.send("MOUSEMOVE") == driven.send("ESC", "RELEASE") == {"PASS_THROUGH"}
    assert auditing.running(driven.editor.clip) is not None
    assert driven.send("ESC", "PRESS") == {"CANCELLED"}
    assert auditing.running(driven.editor.clip) is None and driven.reports == ["Stopped the audit: nothing has changed"]
    assert review(driven.editor.clip).id and not len(review(driven.editor.clip).approved)


def test_an_audit_goes_on_to_its_verdict(driven: Driven) -> None:
    for _ in range(1000):
        if (done := driven.send()) != {"PASS_THROUGH"}:
            break
    assert done == {"FINISHED"} and driven.reports[0].startswith("Audited 13 frames: ")
    known = review(driven.editor.clip)
    assert len(known.failed) + len(known.warned) + len(known.approved) == 13
