# SPDX-License-Identifier: GPL-3.0-or-later
"""The extension's commands with shorter times: `worker.py task --manifest …`, and so are the processes that it starts.

An owner on another host counts as dead after LEASE_TIME; a task looks each second whether a session is still in use.
"""

import importlib
import importlib.util
import sys
from pathlib import Path
from typing import Any

LEASE_TIME = 4.0  # seconds
RETRY = 1.0

ROOT = Path(__file__).resolve().parents[2]


def hurry() -> Any:
    """The command line of the checkout."""
    spec = importlib.util.spec_from_file_location(
        "tracking_sessions", ROOT / "__init__.py", submodule_search_locations=[str(ROOT)]
    )
    assert spec is not None and spec.loader is not None
    module = sys.modules["tracking_sessions"] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    from tracking_sessions.core.farm.task import Task
    from tracking_sessions.core.processes import own
    from tracking_sessions.core.storage.lease import Lease, Watch

    own._ROOT = Path(__file__).resolve()
    for function in (Lease.take.__func__, Watch.__init__):  # type: ignore[attr-defined]
        function.__kwdefaults__["lease_time"] = LEASE_TIME
    Task.__init__.__kwdefaults__["retry"] = RETRY  # type: ignore[index]
    return importlib.import_module("tracking_sessions.cli")


if __name__ == "__main__":
    sys.exit(hurry().main(sys.argv[1:]))
