# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs in Blender beside start_window.py and fit_window.py: of the parts of Session only Farm is open, the engines are
those of farm_engines.py, also in the process that talks to them, and it obeys.

`ask-counts` writes counts.json: what the panel knows of the shown submission. `ask-choose-shot` chooses the shot that
the file `choice` names, `ask-dialog` writes dialog.json: the titles of the engines that the open dialog offers.
"""

import json
import sys
from pathlib import Path

import bpy
from bl_ext.user_default.tracking_sessions.bridge.farm import sending, shots
from bl_ext.user_default.tracking_sessions.bridge.open_file import open_file
from bl_ext.user_default.tracking_sessions.operators import farm as actions
from bl_ext.user_default.tracking_sessions.panels import farm, sessions

PANEL = farm.TRACKING_SESSIONS_PT_farm
for cls in (*(cls for cls in sessions.classes if issubclass(cls, bpy.types.Panel)), PANEL):
    bpy.utils.unregister_class(cls)
    cls.bl_options = set() if cls is PANEL else {"DEFAULT_CLOSED"}
    bpy.utils.register_class(cls)

sys.path.append(str(Path.cwd()))  # as the process that talks to the engines gets it
MAIN = 'importlib.import_module(name + ".bridge.farm.child")'
assert MAIN in sending.SCRIPT
sending.SCRIPT = sending.SCRIPT.replace(MAIN, f"import farm_engines; farm_engines.take_place()\n{MAIN}")
package = actions.__package__.removesuffix(".operators")
source = Path("farm_engines.py").read_text(encoding="utf-8").replace("from tracking_sessions.", f"from {package}.")
exec(compile(source, "farm_engines.py", "exec"), names := {"__name__": "farm_engines_here"})
names["take_place"]()


def counts():
    shown = shots.submissions()
    content = {
        "id": shown.manifest.head.id if shown.manifest else "",
        "counts": {stand.value: count for stand, count in shown.counts.items()},
        "outcome": sending.last_outcome().words,
    }
    Path("counts.json").write_text(json.dumps(content), encoding="utf-8")


def choose():
    shots.FARM.choose(bpy.context, Path("choice").read_text(encoding="utf-8"))


def dialog():
    items = open_file.view(actions._Asked).items
    Path("dialog.json").write_text(json.dumps([item[1] for item in items]), encoding="utf-8")


ACTIONS = {"counts": counts, "choose-shot": choose, "dialog": dialog}


def answer():
    for name, action in ACTIONS.items():
        request = Path(f"ask-{name}")
        if request.exists():
            action()
            request.unlink()
            if name == "choose-shot":
                for area in bpy.context.window_manager.windows[0].screen.areas:
                    area.tag_redraw()
    return 0.05


bpy.app.timers.register(answer, first_interval=1)
