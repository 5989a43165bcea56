"""The floors of the house: imports only go down, and packages of one floor do not know each other."""

from __future__ import annotations

import ast
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
    "music": 3,
    "mqtt": 3,
    "player": 3,
    "history": 3,
    "status": 3,
    "watch_loop": 3,
    "controller": 3,
    "web": 3,
    "spotify": 3,
    "config": 2,
    "core": 1,
    "runtime": 1,
    "errors": 0,
    "__init__": 0,
}
SAME_FLOOR_ALLOWED = {
    frozenset({"cli", "commands"}),
    frozenset({"cli", "__main__"}),
}
PURE = {"logging", "time", "threading", "asyncio", "random", "os", "socket", "sqlite3", "subprocess", "cv2"}


def rooms() -> dict[str, set[tuple[str, str]]]:
    """For each room, the (file, imported module) pairs of its files."""
    found: dict[str, set[tuple[str, str]]] = {}
    for file in sorted(ROOT.rglob("*.py")):
        inside = file.relative_to(ROOT)
        room = inside.parts[0] if len(inside.parts) > 1 else inside.stem
        found.setdefault(room, set()).update((str(inside), name) for name in imports(file))
    return found


def imports(file: Path) -> set[str]:
    names: set[str] = set()
    for node in ast.walk(ast.parse(file.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{file}: relative import"
            assert node.module is not None
            names.update(f"{node.module}.{alias.name}" for alias in node.names)
    return names


def room_of(module: str) -> str | None:
    parts = module.split(".")
    if parts[0] != "musicond":
        return None
    return parts[1] if len(parts) > 1 and parts[1] in FLOORS else "__init__"


def test_every_room_has_a_floor() -> None:
    assert set(rooms()) <= set(FLOORS)


@pytest.mark.parametrize("room", sorted(rooms()))
def test_imports_only_go_down(room: str) -> None:
    for file, module in rooms()[room]:
        target = room_of(module)
        if target is None or target == room:
            continue
        below = FLOORS[target] < FLOORS[room]
        assert below or frozenset({room, target}) in SAME_FLOOR_ALLOWED, f"{file} imports {module}"


def test_the_core_is_pure() -> None:
    for file, module in rooms()["core"]:
        top = module.split(".")[0]
        # The recommender is handed a seed and makes its own generator: never the global one.
        allowed = PURE - {"random"} if file == "core/recommend.py" else PURE
        assert top not in allowed, f"{file} imports {module}"


def test_only_the_mood_of_the_house_knows_emotions_below_the_core() -> None:
    for file in (ROOT / "runtime").glob("*.py"):
        text = file.read_text("utf-8").lower()
        for word in ("emotion.", "happy", "mood"):
            assert word not in text, f"{file.name} speaks of {word}"


def test_files_stay_small() -> None:
    long = {
        str(f.relative_to(ROOT)): n for f in ROOT.rglob("*.py") if (n := len(f.read_text("utf-8").splitlines())) > 305
    }
    assert not long
