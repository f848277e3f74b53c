# SPDX-License-Identifier: GPL-3.0-or-later
"""A worker that tracks nothing: `stand_in.py task --manifest=M --index=N …` obeys the contract of a task.

`actions.json` beside the manifest has, for some numbers, a list with an action for each attempt; the last one is
repeated, and every other shot ends at once. An action is an exit code, a negative signal, `dies` (before
its task begins), `wait` (until it is told to stop: 75), `go on` or `crashes later` (when the file `hold` is gone).
Each attempt adds lines to `runs/N`: its start, then its end.
"""

import json
import os
import signal
import sys
import time
from pathlib import Path
from types import FrameType


def main() -> int:
    options = dict(word[2:].split("=", 1) for word in sys.argv[2:])
    folder, index = Path(options["manifest"]).parent, options["index"]
    assert sys.argv[1] == "task" and options["progress"] == "slurm"
    for name in ("runs", "states"):
        (folder / name).mkdir(exist_ok=True)
    runs = folder / "runs" / index
    attempt = runs.read_text("utf-8").count("begun") if runs.exists() else 0
    plan = folder / "actions.json"
    actions = json.loads(plan.read_text("utf-8")).get(index, [0]) if plan.exists() else [0]
    action = actions[min(attempt, len(actions) - 1)]

    def note(event: str) -> None:
        with open(runs, "a", encoding="utf-8") as file:
            file.write(f"{time.monotonic()} {event} {os.environ.get('SLURMD_NODENAME')}\n")

    def stop(number: int, _: FrameType | None) -> None:
        note("stopped")
        sys.exit(75)

    if action == "dies":
        note("begun")
        os.kill(os.getpid(), signal.SIGSEGV)
    signal.signal(signal.SIGTERM, stop)
    (folder / "states" / f"{index}.json").write_text(json.dumps({"attempt": attempt}), "utf-8")
    note("begun")
    while action == "wait" or (action in ("go on", "crashes later") and (folder / "hold").exists()):
        time.sleep(0.05)
    time.sleep(0.3)
    code = {"go on": 0, "crashes later": -signal.SIGSEGV}.get(action, action)
    note("ended")
    if code < 0:
        os.kill(os.getpid(), -code)
    return code


if __name__ == "__main__":
    sys.exit(main())
