# SPDX-License-Identifier: GPL-3.0-or-later
"""Writes the table of docs/footage.md: the message for each damage, in each format and at each place of a sequence.

It gets the messages from files: each variant of tests/plates.py with each damage of tests/damage.py.
"""

from __future__ import annotations

import re
import runpy
import sys
import tempfile
from collections import defaultdict
from collections.abc import Iterator, Mapping
from pathlib import Path

if __name__ == "__main__":
    runpy.run_path(str(Path(__file__).resolve().parent.parent / "__main__.py"))["_load"]()

from tracking_sessions.core.errors import FootageUnusable
from tracking_sessions.core.footage.details import describe
from tracking_sessions.core.footage.files import find_footage
from tracking_sessions.core.footage.frames import check_whole
from tracking_sessions.tests import plates
from tracking_sessions.tests.damage import DAMAGES, OTHERS, damaged

PAGE = Path(__file__).resolve().parent.parent / "docs" / "footage.md"
BEGIN, END = "<!-- made by tools/footage_table.py -->\n", "<!-- end -->\n"
FRAMES = 6
PLACES = (1, 4, FRAMES)  # the first, one in the middle, the last
TRACKED, LATER = "tracked", "found when tracks are lost"

Cells = Mapping[tuple[str, str], Mapping[int, str]]
"""The message by variant and damage, and by the number of the damaged frame."""


def cells(folder: Path) -> Cells:
    """Damage one picture after the other and check the sequence each time."""
    found: dict[tuple[str, str], dict[int, str]] = {}
    for variant in plates.variants():
        paths = plates.lay(folder / variant, variant, FRAMES)
        for damage in (*DAMAGES, *OTHERS):
            for place in PLACES:
                content = damaged(variant, damage, place)
                if content is not None:
                    paths[place - 1].write_bytes(content)
                    found.setdefault((variant, damage), {})[place] = message(paths[0].parent, place)
                    paths[place - 1].write_bytes(plates.picture(variant, place))
    return found


def message(folder: Path, place: int) -> str:
    """The message for the sequence in the words of the table; `place` is the damaged frame."""
    footage = find_footage(folder)
    try:
        describe(footage)
    except FootageUnusable as error:
        return _words(error, place)
    try:
        check_whole(footage, place)
    except FootageUnusable:
        return LATER
    return TRACKED


def _words(error: FootageUnusable, place: int) -> str:
    # the check finds another size of the first picture on the second
    is_size = "the first one" in str(error)
    assert error.frame == (2 if is_size and place == 1 else place), error
    words = str(error).partition(") ")[2].partition(": ")[0]
    words = re.sub(r" \([\d,]+ bytes from byte .*\)| at byte \d+", "", words)
    words = re.sub(r"\d+x\d+", "…", words)
    return re.sub(r"(begins at|one at) -?\d+, -?\d+", r"\1 …", words).partition(", and")[0]


def table(found: Cells) -> str:
    """The rows of all damages. The message of most variants comes first, without their names."""
    lines = ["| damage | message |", "|---|---|"]
    for damage in (*DAMAGES, *OTHERS):
        by_words: defaultdict[str, list[str]] = defaultdict(list)
        variants = [variant for variant, other in found if other == damage]
        for variant in variants:
            by_words[" / ".join(dict.fromkeys(found[variant, damage].values()))].append(variant)
        messages = sorted(by_words.items(), key=lambda item: -len(item[1]))
        parts = [f"{words}: {', '.join(_names(some, variants))}" for words, some in messages]
        if len(variants) == len(plates.variants()):  # else the damage exists in some formats only
            parts[0] = messages[0][0]
        lines.append(f"| {damage} | {'; '.join(parts)} |")
    return "\n".join(lines) + "\n"


def _names(some: list[str], of: list[str]) -> Iterator[str]:
    """The variants; the format in place of all its variants."""
    kinds: dict[str, list[str]] = {}
    for variant in some:
        kinds.setdefault(_kind(variant), []).append(variant)
    for kind, names in kinds.items():
        if len(names) == sum(_kind(variant) == kind for variant in of):
            yield kind
        else:
            yield from (f"`{name}`" for name in names)


def _kind(variant: str) -> str:
    kind = variant.partition("-")[0]
    return {
        "bw": "SGI", "rgb": "SGI", "j2c": "JPEG 2000", "jp2": "JPEG 2000", "jpg": "JPEG", "jpeg": "JPEG",
        "tif": "TIFF", "tiff": "TIFF", "cin": "Cineon", "hdr": "HDR", "webp": "WebP",
    }.get(kind, kind.upper())  # fmt: skip


def main() -> int:
    before, begin, rest = PAGE.read_text(encoding="utf-8").partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        sys.exit(f"{PAGE} has no place for the table")
    with tempfile.TemporaryDirectory() as folder:
        made = table(cells(Path(folder)))
    PAGE.write_text(before + BEGIN + made + END + after, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
