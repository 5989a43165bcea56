"""The structure of the package, as docs/architecture.md describes it: floors, loops, purity, sizes and class names."""

from __future__ import annotations

import ast
from pathlib import Path
from statistics import fmean

import pytest

ROOT = Path(__file__).resolve().parent.parent / "musicond"

FLOORS = {
    "cli": 5,
    "__main__": 5,
    "commands": 5,
    "app": 4,
    "capture": 3,
    "vision": 3,
    "library": 3,
    "player": 3,
    "spotify": 3,
    "music_assistant": 3,
    "mqtt": 3,
    "web": 3,
    "controller": 3,
    "watch_loop": 3,
    "status": 3,
    "history": 3,
    "indicator": 3,
    "config": 2,
    "core": 1,
    "runtime": 1,
    "errors": 0,
    "__init__": 0,
}
EXCEPTIONS = {("cli", "commands"), ("__main__", "cli")}
"""Imports within a floor, as (importer, imported)."""
MAX_EXCEPTIONS = 2
PURE = ("core", "player/rules.py", "player/changes.py", "player/events.py")
PURE_IMPORTS = {
    "__future__",
    "collections",
    "concurrent.futures",  # for types
    "dataclasses",
    "datetime",
    "enum",
    "functools",
    "itertools",
    "math",
    "musicond",  # test_imports_only_go_down
    "numpy",
    "re",
    "statistics",
    "typing",
    "unicodedata",
    "urllib.parse",
}
"""Modules that pure code may import; a new one needs a reason."""
IMPURE_CALLS = {"__import__", "eval", "exec", "import_module", "input", "now", "open", "print", "today"}
"""Functions and methods that pure code does not call: clocks, files and imports by name."""
MAX_FILE_LINES = 450
MAX_FUNCTION_LINES = 60
MAX_MEAN_FUNCTION_LINES = 9

FILES = {str(file.relative_to(ROOT)): ast.parse(file.read_text("utf-8")) for file in sorted(ROOT.rglob("*.py"))}


def module_of(file: str) -> str:
    """Return the dotted name of a file of the package."""
    parts = ["musicond", *file.removesuffix(".py").split("/")]
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {module_of(file): file for file in FILES}


def package_of(file: str) -> str:
    """Return the package or top-level module that a file belongs to."""
    return file.split("/", maxsplit=1)[0] if "/" in file else file.removesuffix(".py")


def imports(file: str) -> set[str]:
    """Return the dotted names that a file imports, those below TYPE_CHECKING too."""
    names: set[str] = set()
    for node in ast.walk(FILES[file]):
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{file}: relative import"
            assert node.module is not None
            names.update(f"{node.module}.{alias.name}" for alias in node.names)
    return names


def imported_files(file: str) -> set[str]:
    """Return the files of the package that a file imports."""
    modules = {name if name in MODULES else name.rpartition(".")[0] for name in imports(file)}
    return {MODULES[module] for module in modules & MODULES.keys()}


def find_loop() -> list[str]:
    """Return the files of one import loop in order, the first one again at the end; [] without a loop."""
    graph = {file: imported_files(file) - {file} for file in FILES}
    while leaves := [file for file, targets in graph.items() if not targets & graph.keys()]:
        for file in leaves:
            del graph[file]
    path = [min(graph)] if graph else []
    while path and path[-1] not in path[:-1]:
        path.append(min(graph[path[-1]] & graph.keys()))
    return path[path.index(path[-1]) :] if path else []


def function_lines() -> dict[str, int]:
    """Return the number of lines of each function, methods and nested functions too."""
    return {
        f"{file}:{node.lineno} {node.name}": (node.end_lineno or node.lineno) - node.lineno + 1
        for file, tree in FILES.items()
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    }


def test_every_package_has_a_floor() -> None:
    packages = {package_of(file) for file in FILES}
    assert packages == set(FLOORS), "give a new package a floor here and a line in docs/architecture.md"


@pytest.mark.parametrize("file", FILES)
def test_imports_only_go_down(file: str) -> None:
    package = package_of(file)
    upward = {
        target
        for target in {package_of(imported) for imported in imported_files(file)} - {package}
        if FLOORS[target] >= FLOORS[package] and (package, target) not in EXCEPTIONS
    }
    assert not upward, f"{file} (floor {FLOORS[package]}) imports {upward} of its own floor or above"


def test_the_exceptions_are_few_and_needed() -> None:
    used = {(package_of(file), package_of(target)) for file in FILES for target in imported_files(file)}
    used |= {("cli", "commands")}  # imported by name, when a command runs
    assert used >= EXCEPTIONS, f"no longer needed: {EXCEPTIONS - used}"
    assert len(EXCEPTIONS) <= MAX_EXCEPTIONS


def test_no_file_imports_itself_through_others() -> None:
    loop = find_loop()
    assert not loop, f"an import loop: {' -> '.join(loop)}"


def impurities(tree: ast.Module) -> set[str]:
    """Return the modules that a file imports and the functions that it calls although it is to be pure."""
    modules = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    modules |= {node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    foreign = {module for module in modules if not {module, module.split(".")[0]} & PURE_IMPORTS}
    called = [node.func for node in ast.walk(tree) if isinstance(node, ast.Call)]
    names = {node.id for node in called if isinstance(node, ast.Name)}
    return foreign | IMPURE_CALLS & (names | {node.attr for node in called if isinstance(node, ast.Attribute)})


@pytest.mark.parametrize("file", [file for file in FILES if file.startswith(PURE)])
def test_the_core_and_the_player_rules_are_pure(file: str) -> None:
    found = impurities(FILES[file])
    assert not found, f"{file} has no clock, thread, log, file or socket; it uses {found}"


@pytest.mark.parametrize(
    "line",
    [
        "import time",
        "import io, secrets",
        "from urllib.request import urlopen",
        "import queue",
        "open('x')",
        "datetime.now()",
        "date.today()",
        "importlib.import_module('musicond.app.build')",
    ],
)
def test_impure_code_is_found(line: str) -> None:
    assert impurities(ast.parse(line))


@pytest.mark.parametrize("file", [file for file in FILES if package_of(file) == "runtime"])
def test_the_runtime_knows_no_emotion(file: str) -> None:
    text = (ROOT / file).read_text("utf-8").lower()
    words = [word for word in ("emotion.", "happy", "mood") if word in text]
    assert not words, f"{file} is about threads and systemd; it names {words}"


def test_no_two_public_classes_share_a_name() -> None:
    files_of: dict[str, list[str]] = {}
    for file, tree in FILES.items():
        for node in tree.body:
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                files_of.setdefault(node.name, []).append(file)
    assert not {name: files for name, files in files_of.items() if len(files) > 1}


def test_files_stay_short() -> None:
    lines = {file: len((ROOT / file).read_text("utf-8").splitlines()) for file in FILES}
    long = {file: count for file, count in lines.items() if count > MAX_FILE_LINES}
    assert not long, f"longer than {MAX_FILE_LINES} lines: {long}"


def test_functions_stay_short() -> None:
    lines = function_lines()
    long = {name: count for name, count in lines.items() if count > MAX_FUNCTION_LINES}
    assert not long, f"longer than {MAX_FUNCTION_LINES} lines: {long}"
    assert fmean(lines.values()) < MAX_MEAN_FUNCTION_LINES, "the mean function is too long"
