from __future__ import annotations

from pathlib import Path

import pytest

from musicond.config.schema import Config
from tools.room_bench import Condition, Store, conditions, draw, measure, reach_table, store_settings, table
from tools.rooms import CAMERAS, LIGHTS, RoomWithPerson, load_people


def row(condition: Condition, seen: float) -> dict[str, object]:
    return {**condition.key, "seen": seen, "right": None, "cpu_ms_per_s": 30.0}


def test_people_are_seen_where_they_sit(shared: Path) -> None:
    """The short form of the bench: two people at 2 m."""
    people = load_people(shared, 2, seed=1)
    condition = Condition(CAMERAS[0], 2.0)
    measured = measure(Config(), people, condition, seed=1)
    assert measured.keys() == {*condition.key, "seen", "right", "cpu_ms_per_s"}
    assert measured["seen"] >= 0.8
    again, other = (RoomWithPerson(people[0], CAMERAS[0], 2.0, 0, LIGHTS["ordinary"], seed) for seed in (5, 6))
    picture, (x, _) = RoomWithPerson(people[0], CAMERAS[0], 2.0, 0, LIGHTS["ordinary"], 5).frame(1.0)
    assert (picture == again.frame(1.0)[0]).all()
    assert (picture != other.frame(1.0)[0]).any()
    assert 0 < x < picture.shape[1]


def test_a_row_that_is_stored_is_not_measured_again(tmp_path: Path) -> None:
    near, far = Condition(CAMERAS[0], 1.0), Condition(CAMERAS[0], 4.0)
    path = tmp_path / "rows.jsonl"
    assert Store(path, {"seed": 1}).get(near.key, lambda: row(near, 0.9)) == row(near, 0.9)
    resumed = Store(path, {"seed": 1})
    assert resumed.get(near.key, lambda: row(near, 0.1)) == row(near, 0.9)
    assert resumed.get(far.key, lambda: row(far, 0.2)) == row(far, 0.2)
    assert Store(path, {"seed": 2}).get(near.key, lambda: row(near, 0.3)) == row(near, 0.3)


def test_a_stored_row_is_that_of_one_size_of_picture_and_face() -> None:
    small = Config.model_validate({"camera": {"size": [320, 240]}})
    large_faces = Config.model_validate({"faces": {"min_size": 0.2}})
    settings = [store_settings(config, 1, 24) for config in (Config(), small, large_faces)]
    assert len({str(setting) for setting in settings}) == 3


def test_the_table_and_the_pictures_show_every_row(tmp_path: Path) -> None:
    rows = [row(condition, 0.95) for condition in conditions()]
    assert len({str(entry) for entry in rows}) == len(rows)
    assert table(rows).count("\n") == len(rows) + 1
    draw(rows, tmp_path / "reach.png")
    assert (tmp_path / "reach.png").stat().st_size > 5000
    assert (tmp_path / "reach-roll.png").stat().st_size > 5000


def test_the_document_on_cameras_has_the_reach_that_the_tool_prints() -> None:
    document = (Path(__file__).resolve().parents[2] / "docs" / "camera.md").read_text("utf-8")
    for line in reach_table(Config().faces.min_size).splitlines()[2:]:
        _, *figures = line.strip("| ").split(" | ")
        assert " | ".join(figures) in document


@pytest.mark.parametrize(("min_size", "line"), [(0.055, "4.9 m"), (0.12, "2.2 m")])
def test_the_reach_of_the_standard_camera(min_size: float, line: str) -> None:
    assert line in reach_table(min_size).splitlines()[2]
