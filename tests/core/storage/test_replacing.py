# SPDX-License-Identifier: GPL-3.0-or-later
"""Processes that replace one file at once, with the same id, as they have it on two hosts."""

from pathlib import Path

from tracking_sessions.tests.core.shots import start_child

WRITER = """
import os, sys
from pathlib import Path
from tracking_sessions.core.storage.files import copy_file, replace_file
os.getpid = lambda: 1
path, data = Path(sys.argv[1]), sys.argv[2].encode() * 50_000
source = path.with_name(sys.argv[2])
source.write_bytes(data)
for _ in range(60):
    replace_file(path, data)
    copy_file(source, path)
    found = path.read_bytes()
    assert len(found) == 50_000 and len(set(found)) == 1
"""


def test_writers_with_the_same_process_id_do_not_meet(tmp_path: Path) -> None:
    writers = [start_child(WRITER, tmp_path / "file", letter) for letter in "ab"]
    for writer in writers:
        writer.communicate(timeout=60)
    assert [writer.returncode for writer in writers] == [0, 0]
    assert {path.name for path in tmp_path.iterdir()} == {"file", "a", "b"}
