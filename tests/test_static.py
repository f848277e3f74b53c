# SPDX-License-Identifier: GPL-3.0-or-later
"""What must hold of the source as it stands: the layers, the package, and one home for each fact."""

import ast
import re
import subprocess
import sys
import tomllib
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parent.parent
LAYERS = ("core", "bridge", "operators", "panels", "commands")
# What a module of each layer may import from the extension. Modules of the root may import anything.
MAY_IMPORT = {
    "core": {"core"},
    "bridge": {"core", "bridge"},
    "operators": {"core", "bridge", "operators"},
    "panels": {"core", "bridge", "operators", "panels"},
    "commands": {"core", "bridge", "commands"},
}
# What a room of core/ may import from the rooms below it. core/session.py hands names on, to scripts only.
CORE = {
    "errors": set(),
    "model": set(),
    "storage": {"errors"},
    "processes": {"errors"},
    "journal": {"errors", "model", "storage"},
    "footage": {"errors", "model", "storage"},
    "recording": {"errors", "model", "storage", "journal", "footage"},
    "library": {"errors", "model", "storage", "journal", "footage", "recording"},
    "tracking": {"errors", "model", "storage", "journal", "footage", "recording"},
    "review": {"errors", "model", "storage", "journal", "recording"},
    "solve": {"errors", "model", "storage", "processes", "journal", "recording", "review"},
    "exchange": {"errors", "model", "solve"},
    "report": {"errors", "model", "storage", "journal", "recording", "review", "solve"},
    "batch": {"errors", "model", "storage", "processes", "journal", "footage", "recording", "library", "tracking"},
    "farm": {"errors", "model", "storage", "processes", "journal", "footage", "recording", "tracking", "batch"},
    "session": {"errors", "model", "recording", "library", "batch", "report", "solve"},
}
# The same of bridge/: a clip, tracked into a session, which an artist finds and opens. No room looks up.
BRIDGE = {
    "errors": set(),
    "preferences": set(),
    "open_file": set(),
    "clip": set(),
    "tracking": {"preferences", "open_file", "clip"},
    "sessions": {"errors", "preferences", "open_file", "clip", "tracking"},
    "review": {"open_file", "clip", "tracking", "sessions"},
    "solve": {"open_file", "clip", "tracking", "sessions", "review"},
    "farm": {"errors", "preferences", "open_file", "clip", "sessions"},
    "watch": {"open_file", "clip", "tracking", "sessions", "review"},
    "events": {"errors", "open_file", "clip", "tracking", "sessions", "watch"},
}


def _sources() -> list[Path]:
    """The modules that make up the extension."""
    return sorted([*ROOT.glob("*.py"), *(path for layer in LAYERS for path in (ROOT / layer).rglob("*.py"))])


def _all_sources() -> list[Path]:
    return sorted([*_sources(), *(ROOT / "tests").rglob("*.py"), *(ROOT / "tools").rglob("*.py")])


def _name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def _layer(path: Path) -> str:
    return path.relative_to(ROOT).parts[0]


def _imports(path: Path) -> Iterator[tuple[int, str]]:
    """Line and target of each import; what is relative is given from the root of the extension, as `.core.model`."""
    package = path.relative_to(ROOT).parent.parts
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and not node.level:
            yield node.lineno, node.module or ""
        elif isinstance(node, ast.ImportFrom):
            above = package[: len(package) - node.level + 1]
            start = [*above, *(node.module or "").split(".")] if node.module else [*above]
            yield from ((node.lineno, "." + ".".join([*start, alias.name])) for alias in node.names)


def test_imports_go_one_way(manifest: dict[str, Any]) -> None:
    wrong: list[str] = []
    for path in _sources():
        for line, target in _imports(path):
            where = f"{_name(path)}:{line} imports {target}"
            top = target.lstrip(".").split(".")[0]
            if not target.startswith(".") and top in {manifest["id"], *LAYERS}:
                wrong.append(f"{where}: only relatively")
            elif target.startswith(".") and top not in MAY_IMPORT.get(_layer(path), {top}):
                wrong.append(f"{where}: a layer above it")
    assert wrong == []


def _room(path: Path) -> str:
    return path.relative_to(ROOT).parts[1].removesuffix(".py")


@pytest.mark.parametrize(("layer", "rooms"), [("core", CORE), ("bridge", BRIDGE)])
def test_rooms_import_one_way(layer: str, rooms: dict[str, set[str]]) -> None:
    assert {_room(path) for path in _sources() if _layer(path) == layer} - {"__init__"} == set(rooms)
    reached: set[str] = set()
    for room, others in rooms.items():
        assert others <= reached, f"{room} imports what the table names below it"
        reached.add(room)
    wrong: list[str] = []
    for path in _sources():
        room = _room(path) if _layer(path) == layer else ""
        for line, target in _imports(path):
            parts = target.lstrip(".").split(".")
            if not target.startswith(".") or parts[0] != layer:
                continue
            is_allowed = parts[1] in {room, *rooms[room]} if room in rooms else f"{layer}.{parts[1]}" != "core.session"
            if not is_allowed:
                wrong.append(f"{_name(path)}:{line} imports {target}")
    assert wrong == []


IN_A_SESSION_FOLDER = {
    "sessions",
    "reports",
    "solves",
    "footage",
    "batches",
    "batch.db",
    "index.db",
    "farm",
    "beginning",
}


def test_core_storage_folder_alone_knows_the_paths_of_a_session_folder() -> None:
    wrong: list[str] = []
    for path in _sources():
        if _layer(path) not in LAYERS or _name(path) == "core/storage/folder.py":
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if _is_path_in_a_session_folder(node):
                wrong.append(f"{_name(path)}:{node.lineno}: {ast.unparse(node)}")  # type: ignore[attr-defined]
    assert wrong == []


def _is_path_in_a_session_folder(node: ast.AST) -> bool:
    """Whether it joins a path with such a name, compares one with it, or climbs from a session file to its folder."""
    match node:
        case ast.Constant(value="batch.db" | "index.db"):
            return True
        case ast.BinOp(op=ast.Div(), right=ast.Constant(value=str(name))):
            return name in IN_A_SESSION_FOLDER
        case ast.Compare(left=ast.Attribute(attr="name"), comparators=[ast.Constant(value=str(name))]):
            return name in IN_A_SESSION_FOLDER
        case ast.Call(func=ast.Attribute(attr="join" | "joinpath") | ast.Name(id="Path"), args=arguments):
            return any(isinstance(one, ast.Constant) and one.value in IN_A_SESSION_FOLDER for one in arguments)
        case ast.Attribute(attr="parent", value=ast.Attribute(attr="parent", value=start)):
            return "__file__" not in ast.unparse(start)
        case _:
            return False


COMMAND_LINES = {"bridge/clip/reading.py", "core/processes/own.py"}
COMMAND_WORDS = re.compile(r"--[a-z]|\bbatch (run|resume|info|list|clean|delete)\b")


def test_only_the_command_line_speaks_of_its_options_and_commands() -> None:
    """An artist who presses a button never reads them. Arguments of a process are options too, each by itself.

    core/tracking/plan.py has the table of options that the command line is made from; core/farm/engines/ has those of
    other programs.
    """
    wrong: list[str] = []
    for path in _sources():
        if _layer(path) not in {"core", "bridge", "operators", "panels"} or _name(path) == "core/tracking/plan.py":
            continue
        if _name(path).startswith("core/farm/engines/"):
            continue
        tree = ast.parse(path.read_text(encoding="utf-8"))
        prose = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}  # docstrings
        for node in ast.walk(tree):
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in prose:
                is_argument = re.fullmatch(r"--[a-z-]*", node.value) and _name(path) in COMMAND_LINES
                if COMMAND_WORDS.search(node.value) and not is_argument:
                    wrong.append(f"{_name(path)}:{node.lineno}: {node.value}")
    assert wrong == []


def _has_number(node: ast.expr | None) -> bool:
    return node is not None and any(
        isinstance(part, ast.Constant) and isinstance(part.value, int) for part in ast.walk(node)
    )


def test_one_module_knows_where_a_value_lies_in_a_packed_marker() -> None:
    """Those that work with rows take columns and functions from core/journal/rows.py, and cut none by numbers."""
    wrong: list[str] = []
    users = 0
    for path in _sources():
        if _name(path) == "core/journal/rows.py":
            continue
        if not any(target.startswith(".core.journal.rows.") for _, target in _imports(path)):
            continue
        users += 1
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not isinstance(node, ast.Subscript):
                continue
            value = node.value.attr if isinstance(node.value, ast.Attribute) else getattr(node.value, "id", "")
            is_cut = isinstance(node.slice, ast.Slice) and _has_number(node.slice)
            is_index = isinstance(node.slice, ast.Constant) and isinstance(node.slice.value, int)
            if value in ("row", "rows", "words", "payload") and (is_cut or is_index):
                wrong.append(f"{_name(path)}:{node.lineno}")
    assert users > 5 and wrong == []


def test_nothing_is_imported_with_the_extension() -> None:
    """Blender imports every extension that is installed, and pytest the root of the checkout."""
    body = ast.parse((ROOT / "__init__.py").read_text(encoding="utf-8")).body
    imports = [node for node in body if isinstance(node, ast.Import | ast.ImportFrom)]
    assert [ast.unparse(node) for node in imports if getattr(node, "module", "") != "__future__"] == []


CORE_WITHOUT_BLENDER = """
import importlib, importlib.abc, pkgutil, sys

class Blocked(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {"bpy", "mathutils", "numpy", "yaml"}:
            raise ModuleNotFoundError(f"{name} is blocked", name=name)

sys.meta_path.insert(0, Blocked())
sys.path.insert(0, sys.argv[1])
import core
names = [module.name for module in pkgutil.walk_packages(core.__path__, "core.")]
for name in names:
    try:
        importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name != "numpy":
            raise
        print(name)
print(len(names))
"""
# The modules of core/ that compute with numpy, which Blender has.
WITH_NUMPY = {
    "analyze",
    "audit",
    "bodies",
    "camera",
    "consensus",
    "correlation",
    "current",
    "digest",
    "distortion",
    "drift",
    "epipolar",
    "fields",
    "filtering",
    "following",
    "jumps",
    "lens",
    "look",
    "matching",
    "measures",
    "motion",
    "muting",
    "outcome",
    "pairs",
    "refining",
    "regression",
    "reprojection",
    "residuals",
    "seeding",
    "series",
    "shutter",
    "solver",
    "splitting",
    "surroundings",
    "taking_part",
    "transfer",
    "triples",
    "verdict",
}


def test_core_runs_without_blender() -> None:
    """Nor does it need PyYAML, without which it writes JSON, or numpy, apart from the measures of audits and solves."""
    command = [sys.executable, "-I", "-c", CORE_WITHOUT_BLENDER, ROOT]
    run = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert run.returncode == 0, run.stderr
    *names, count = run.stdout.split()
    assert {name.split(".")[-1] for name in names} == WITH_NUMPY
    assert int(count) == len([path for path in _sources() if _layer(path) == "core"]) - 1


def test_every_file_names_its_license() -> None:
    license = "# SPDX-License-Identifier: GPL-3.0-or-later"
    heads = {path: [*path.read_text(encoding="utf-8").splitlines()[:2], ""] for path in _all_sources()}
    wrong = [path for path, head in heads.items() if license not in (head if head[0][:2] == "#!" else head[:1])]
    assert [_name(path) for path in wrong] == []


def test_the_version_stands_in_the_manifest_only(manifest: dict[str, Any]) -> None:
    version = re.compile(rf"\b{re.escape(manifest['version'])}\b")
    assert [_name(path) for path in _sources() if version.search(path.read_text(encoding="utf-8"))] == []


@pytest.mark.slow
def test_the_package_holds_what_belongs_and_nothing_else(package: Path) -> None:
    with zipfile.ZipFile(package) as archive:
        names = set(archive.namelist())
        wheels = tomllib.loads(archive.read("blender_manifest.toml").decode())["wheels"]
    expected = {"blender_manifest.toml", "LICENSE"} | {wheel.removeprefix("./") for wheel in wheels}
    data = {
        _name(path)
        for path in (ROOT / "core" / "farm" / "engines").iterdir()
        if path.is_file() and path.suffix != ".py"
    }
    assert data and names == expected | data | {_name(path) for path in _sources()}


LOCKS = sorted((ROOT / "tools" / "requirements").glob("*.txt"))
_PINNED = re.compile(r"^([a-z0-9-]+)==(\S+)[^\n]*(?:\\\n +--hash=sha256:[0-9a-f]{64} ?)+$", re.MULTILINE)


@pytest.mark.parametrize("lock", LOCKS, ids=lambda path: path.stem)
def test_a_lock_has_a_version_and_hashes_for_all_that_its_list_names(lock: Path) -> None:
    text = lock.read_text(encoding="utf-8")
    pinned = {name for name, _ in _PINNED.findall(text)}
    assert pinned == {line.split("==")[0] for line in text.splitlines() if line[:1] not in (" ", "#")}
    assert pinned >= _named("tests" if lock.stem.startswith("bpy-") else lock.stem)
    assert "://" not in text, "a registry is not the lock's to choose"


def test_every_bpy_has_its_lock_and_all_have_the_same_tools() -> None:
    locks = {lock.stem: dict(_PINNED.findall(lock.read_text(encoding="utf-8"))) for lock in LOCKS}
    setup = (ROOT / "tools" / "setup.py").read_text(encoding="utf-8")
    blenders = ast.literal_eval(re.search(r"^PYTHON_OF_BLENDER = (\{.*\})$", setup, re.MULTILINE)[1])  # type: ignore[index]
    assert {name.removeprefix("bpy-") for name in locks if name.startswith("bpy-")} == set(blenders)
    tools = _named("core")
    versions = {name: {tool: lock[tool] for tool in tools} for name, lock in locks.items() if tools <= set(lock)}
    lowest = versions.pop("yaml-lowest")
    newest = versions["bpy-5.0"]
    assert all(one == newest for one in versions.values())
    assert {tool for tool in tools if lowest[tool] != newest[tool]} == {"pyyaml"}


def _named(name: str) -> set[str]:
    """The packages in tools/requirements/<name>.in and in the lists that it takes in, as a lock writes them."""
    lines = (ROOT / "tools" / "requirements" / f"{name}.in").read_text(encoding="utf-8").splitlines()
    found: set[str] = set()
    for line in lines:
        if line.startswith("-r "):
            found |= _named(line.removeprefix("-r ").removesuffix(".in"))
        elif line and not line.startswith("#"):
            found.add(re.match(r"[\w.-]+", line)[0].lower().replace("_", "-"))  # type: ignore[index]
    return found
