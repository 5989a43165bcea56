"""Hold the floors of docs/architecture.md: imports only go down, and packages of floor 3 never import each other."""

from __future__ import annotations

import ast
from collections import Counter
from pathlib import Path

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
    "mqtt": 3,
    "web": 3,
    "controller": 3,
    "watch_loop": 3,
    "status": 3,
    "history": 3,
    "config": 2,
    "core": 1,
    "runtime": 1,
    "errors": 0,
    "__init__": 0,
}
SAME_FLOOR_ALLOWED = {("cli", "commands"), ("__main__", "cli")}
"""The exceptions, at most two: (importer, imported)."""
PURE = ("core", "player/rules.py", "player/events.py")
IMPURE = {
    "logging",
    "time",
    "threading",
    "asyncio",
    "random",
    "os",
    "socket",
    "sqlite3",
    "subprocess",
    "cv2",
    "pathlib",
}
MAX_LINES = 450
MAX_FUNCTION_LINES = 60

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
    """Return the dotted names that a file imports, for types too."""
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
    found = set()
    for name in imports(file):
        module = name if name in MODULES else name.rpartition(".")[0]
        if module in MODULES:
            found.add(MODULES[module])
    return found


def reachable(graph: dict[str, set[str]], start: str) -> set[str]:
    """Return the files that a file imports, directly or through others."""
    found: set[str] = set()
    ahead = [start]
    while ahead:
        new = graph[ahead.pop()] - found
        found |= new
        ahead.extend(new)
    return found


def test_every_package_has_a_floor() -> None:
    assert {package_of(file) for file in FILES} == set(FLOORS)


@pytest.mark.parametrize("file", FILES)
def test_imports_only_go_down(file: str) -> None:
    package = package_of(file)
    for target in {package_of(other) for other in imported_files(file)} - {package}:
        allowed = FLOORS[target] < FLOORS[package] or (package, target) in SAME_FLOOR_ALLOWED
        assert allowed, f"{file} imports {target}"


def test_no_file_imports_itself_through_others() -> None:
    graph = {file: imported_files(file) - {file} for file in FILES}
    loop = {file for file in FILES if file in reachable(graph, file)}
    assert not loop


@pytest.mark.parametrize("file", [file for file in FILES if file.startswith(PURE)])
def test_the_core_and_the_player_rules_are_pure(file: str) -> None:
    assert not IMPURE & {name.split(".")[0] for name in imports(file)}


@pytest.mark.parametrize("file", [file for file in FILES if package_of(file) == "runtime"])
def test_the_runtime_knows_no_emotion(file: str) -> None:
    text = (ROOT / file).read_text("utf-8").lower()
    assert not [word for word in ("emotion.", "happy", "mood") if word in text]


def test_no_two_public_classes_share_a_name() -> None:
    names = Counter(
        node.name
        for tree in FILES.values()
        for node in tree.body
        if isinstance(node, ast.ClassDef) and not node.name.startswith("_")
    )
    assert not [name for name, count in names.items() if count > 1]


def test_files_and_functions_stay_short() -> None:
    long = {file: n for file in FILES if (n := len((ROOT / file).read_text("utf-8").splitlines())) > MAX_LINES}
    assert not long
    functions = {
        f"{file}: {node.name}": lines
        for file, tree in FILES.items()
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and (lines := (node.end_lineno or 0) - node.lineno + 1) > MAX_FUNCTION_LINES
    }
    assert not functions
