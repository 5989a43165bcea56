#!/usr/bin/env python3
"""Measure how much of the people in a room musicond sees: by distance, tilt of the head, light and camera.

    script/bench --room [--data SHARED] [--people N] [--seed N] [--only TEXT] [--json] [--picture PNG] [--store FILE]

Real faces (clips, photographs, FER2013) are composited into drawn rooms as a camera would see them (tools/rooms.py),
and go through the daemon's pipeline in its default configuration and at its own rates. Each person sits there for
ten seconds. `seen` is the share of this time with a box on the face; `right` the share of the time with an announced
emotion in which it is that of the label. False faces are counted in other rooms, which are empty (tests/rooms.py).
With `--store` each row is kept in a file as soon as it is measured, and a run that was interrupted goes on there.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import cv2
import numpy as np
from tqdm import tqdm

from musicond.app.pipeline import frame_rate
from musicond.capture.transform import fit
from musicond.commands.replay import fresh_pipeline
from musicond.config.schema import Config
from musicond.core.models import Frame
from musicond.errors import MusicondError
from musicond.vision.reach import reach_m
from tests.rooms import empty_room
from tools.chart import Axis, draw_lines
from tools.rooms import CAMERAS, LIGHTS, Camera, Person, RoomWithPerson, load_people

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from musicond.core.outcome import Outcome

    Step = Callable[[Frame], Outcome]

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
EMPTY_S = 1.0
"""Seconds of empty room before a person is there."""
PRESENT_S = 10.0
DISTANCES = (0.4, 0.7, 1.0, 1.5, 2.0, 3.0, 4.0, 5.0)
ROLLS = (-30, -20, -10, 10, 20, 30)
PLACE_M = 2.0
"""Distance in metres of the rows on tilt and light."""
EMPTY_RATE = 2.5
"""Pictures per second of the empty rooms."""


@dataclass(frozen=True)
class Condition:
    """The conditions of one row."""

    camera: Camera
    distance_m: float
    roll_deg: int = 0
    light: str = "ordinary"

    @property
    def key(self) -> dict[str, object]:
        """The fields that name the row."""
        return {
            "camera": self.camera.name,
            "view": "wide",
            "distance_m": self.distance_m,
            "roll_deg": self.roll_deg,
            "light": self.light,
        }


def conditions() -> Iterator[Condition]:
    """Yield the conditions of all rows: each camera by distance, then tilt and light with the first one."""
    for camera in CAMERAS:
        for distance in DISTANCES:
            yield Condition(camera, distance)
    place = Condition(CAMERAS[0], PLACE_M)
    for roll in ROLLS:
        yield replace(place, roll_deg=roll)
    for light in LIGHTS:
        if light != "ordinary":
            yield replace(place, light=light)


@dataclass
class Tally:
    """Seconds counted over some people."""

    present: float = 0.0
    seen: float = 0.0
    judged: float = 0.0
    """With an emotion announced, of people whose mood is known."""
    right: float = 0.0
    cpu: float = 0.0

    def row(self) -> dict[str, float | None]:
        """Return the figures of a row."""
        return {
            "seen": round(self.seen / self.present, 4),
            "right": round(self.right / self.judged, 4) if self.judged else None,
            "cpu_ms_per_s": round(1000 * self.cpu / self.present, 1),
        }


def watch(config: Config, person: Person, condition: Condition, seed: int, tally: Tally) -> None:
    """Let the pipeline watch one person for `PRESENT_S` seconds, and count."""
    light = LIGHTS[condition.light]
    room = RoomWithPerson(person, condition.camera, condition.distance_m, condition.roll_deg, light, seed)
    size, rate = config.camera.size, frame_rate(config)
    at, outcome = 0.0, None
    with fresh_pipeline(config) as pipeline:
        while at < EMPTY_S + PRESENT_S:
            here = at >= EMPTY_S
            picture, centre = room.frame(at) if here else (room.empty(), (0.0, 0.0))
            shrunk = fit(picture, size)
            started = time.process_time()
            outcome = pipeline.step(Frame(shrunk, at, NOON + timedelta(seconds=at)))
            spent = time.process_time() - started
            interval = rate.interval_s(outcome)
            if here:
                _count(tally, outcome, min(interval, EMPTY_S + PRESENT_S - at), person, centre, picture, shrunk)
                tally.cpu += spent
            at += interval


def _count(
    tally: Tally,
    outcome: Outcome,
    seconds: float,
    person: Person,
    centre: tuple[float, float],
    picture: Any,
    shrunk: Any,
) -> None:
    scale = shrunk.shape[0] / picture.shape[0]
    x, y = centre[0] * scale, centre[1] * scale
    boxes = (*outcome.faces.confirmed, *outcome.faces.coasted)
    tally.present += seconds
    tally.seen += seconds * any(
        abs(box.x + box.w / 2 - x) < box.w / 2 and abs(box.y + box.h / 2 - y) < box.h / 2 for box in boxes
    )
    if person.label is not None and (emotion := outcome.mood.emotion) is not None:
        tally.judged += seconds
        tally.right += seconds * (emotion == person.label)


def measure(config: Config, people: list[Person], condition: Condition, seed: int) -> dict[str, Any]:
    """Return the row of a condition."""
    tally = Tally()
    for number, person in enumerate(people):
        watch(config, person, condition, seed * 1000 + number, tally)
    return {**condition.key, **tally.row()}


def false_faces(config: Config, hours: float, seed: int, size: tuple[int, int]) -> dict[str, float]:
    """Return how often a face appears in an hour of empty rooms, and the processor time that they cost."""
    faces, shown, spent = 0, False, 0.0
    total = max(1, round(hours * 3600 * EMPTY_RATE))
    with fresh_pipeline(config) as pipeline:
        rooms = empty_room(hours * 3600, EMPTY_RATE, seed)
        for at, grey in tqdm(rooms, "empty rooms", total, leave=False, disable=None):
            large = np.asarray(cv2.resize(grey, size, interpolation=cv2.INTER_CUBIC), np.uint8)
            started = time.process_time()
            outcome = pipeline.step(Frame(large, at, NOON + timedelta(seconds=at)))
            spent += time.process_time() - started
            there = outcome.faces.count > 0
            faces, shown = faces + (there and not shown), there
    return {
        "false_faces_per_hour": round(faces / hours, 2),
        "empty_cpu_ms_per_s": round(1000 * spent / (hours * 3600), 2),
    }


class Store:
    """Rows that are measured already, one JSON line each."""

    def __init__(self, path: Path | None, settings: dict[str, object]) -> None:
        self._path, self._settings = path, settings
        lines = path.read_text("utf-8").splitlines() if path and path.exists() else []
        self._rows = [json.loads(line) for line in lines]

    def get(self, key: dict[str, object], measure_row: Callable[[], dict[str, Any]]) -> dict[str, Any]:
        """Return the stored row of a key, or measure and store it."""
        wanted = {**self._settings, **key}
        for row in self._rows:
            if all(row.get(name) == value for name, value in wanted.items()):
                return {name: value for name, value in row.items() if name not in self._settings}
        row = measure_row()
        if self._path:
            with self._path.open("a", encoding="utf-8") as file:
                file.write(json.dumps({**self._settings, **row}) + "\n")
        return row


def store_settings(config: Config, seed: int, people: int) -> dict[str, object]:
    """Return the settings of which a stored row depends."""
    size, min_size = list(config.camera.size), config.faces.min_size
    return {"seed": seed, "people": people, "size": size, "min_size": min_size}


def table(rows: Iterable[dict[str, Any]]) -> str:
    """Return the rows as a Markdown table."""
    lines = ["| camera | distance | roll | light | seen | right | CPU ms/s |", "|---|---|---|---|---|---|---|"]
    for row in rows:
        right = "-" if row["right"] is None else f"{row['right']:.0%}"
        lines.append(
            f"| {row['camera']} | {row['distance_m']:g} m | {row['roll_deg']:+d}° | {row['light']} "
            f"| {row['seen']:.0%} | {right} | {row['cpu_ms_per_s']:.0f} |"
        )
    return "\n".join(lines)


def reach_table(min_size: float) -> str:
    """Return how far each camera reaches with a smallest face, in metres."""
    lines = ["| camera | vertical view | smallest face | reach |", "|---|---|---|---|"]
    for camera in CAMERAS:
        pixels = round(min_size * camera.size[1])
        reach = reach_m(camera.vertical_deg, min_size)
        lines.append(
            f"| {camera.name} | {camera.vertical_deg:g}° | {pixels} of {camera.size[1]} rows | {reach:.1f} m |"
        )
    return "\n".join(lines)


def draw(rows: list[dict[str, Any]], path: Path) -> None:
    """Draw what each camera sees by distance."""
    lines: dict[str, list[tuple[float, float]]] = {}
    for row in rows:
        if row["roll_deg"] == 0 and row["light"] == "ordinary":
            lines.setdefault(row["camera"], []).append((row["distance_m"], 100 * row["seen"]))
    at_place = [row for row in rows if row["camera"] == CAMERAS[0].name and row["distance_m"] == PLACE_M]
    rolls = [(row["roll_deg"], 100 * row["seen"]) for row in at_place if row["light"] == "ordinary"]
    percent = Axis("% of the time seen", [0, 20, 40, 60, 80, 100])
    draw_lines(path, "Faces seen by distance", Axis("metres", [0, 1, 2, 3, 4, 5]), percent, lines)
    beside = path.with_name(f"{path.stem}-roll{path.suffix}")
    axis = Axis(f"roll of the head in degrees, at {PLACE_M:g} m", [-30, -20, -10, 0, 10, 20, 30])
    draw_lines(beside, "Faces seen by roll", axis, percent, {CAMERAS[0].name: sorted(rolls)})


def main() -> int:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=os.environ.get("MUSICOND_TEST_DATA"), help="folder of the faces")
    parser.add_argument("--people", type=int, default=24, help="people in each row")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--hours", type=float, default=1.0, help="hours of empty rooms; 0: none")
    parser.add_argument("--only", default="", help="only rows whose camera, distance, roll or light has this text")
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument("--picture", type=Path, metavar="PNG", help="draw reach and roll")
    parser.add_argument("--store", type=Path, metavar="FILE", help="keep the rows, and go on from them")
    parser.add_argument("--size", type=int, nargs=2, metavar=("W", "H"), help="camera.size, instead of the default")
    parser.add_argument("--min-size", type=float, help="faces.min_size, instead of the default")
    args = parser.parse_args()
    if args.data is None:
        parser.error("give --data or set MUSICOND_TEST_DATA")
    config = Config.model_validate(
        {
            "camera": {"size": args.size} if args.size else {},
            "faces": {"min_size": args.min_size} if args.min_size else {},
        }
    )
    try:
        report = run(config, args)
    except (MusicondError, OSError) as exc:
        print(f"room_bench: {exc}", file=sys.stderr)
        return 69
    if args.picture:
        draw(report["rows"], args.picture)
    print(json.dumps(report, indent=1) if args.json else text(report, config))
    return 0


def run(config: Config, args: argparse.Namespace) -> dict[str, Any]:
    """Return all rows and the figures of the empty rooms."""
    store = Store(args.store, store_settings(config, args.seed, args.people))
    wanted = [c for c in conditions() if args.only in " ".join(f"{name}={value}" for name, value in c.key.items())]
    people = load_people(args.data, args.people, args.seed) if wanted else []
    rows = [
        store.get(condition.key, lambda condition=condition: measure(config, people, condition, args.seed))  # type: ignore[misc]
        for condition in tqdm(wanted, "rows", leave=False, disable=None)
    ]
    report: dict[str, Any] = {"rows": rows}
    if args.hours:
        size = CAMERAS[0].size
        key: dict[str, object] = {"hours": args.hours}
        report |= store.get(key, lambda: {**key, **false_faces(config, args.hours, args.seed, size)})
    costs = [row["cpu_ms_per_s"] for row in rows if row["light"] == "ordinary"]
    report["cpu_ms_per_s"] = round(float(np.mean(costs)), 1) if costs else None
    report["people"] = len(people)
    return report


def text(report: dict[str, Any], config: Config) -> str:
    """Return the report as text."""
    empty = {key: value for key, value in report.items() if key not in ("rows", "people")}
    facts = "  ".join(f"{key} {value}" for key, value in empty.items())
    return "\n\n".join([table(report["rows"]), reach_table(config.faces.min_size), facts])


if __name__ == "__main__":
    raise SystemExit(main())
