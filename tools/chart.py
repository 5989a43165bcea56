"""A line chart as a picture, drawn by OpenCV, so that the tools need no plotting library."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import cv2
import numpy as np

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    Points = list[tuple[float, float]]

WIDTH, HEIGHT = 900, 520
LEFT, RIGHT, TOP, BOTTOM = 70, 220, 40, 60
COLOURS = ((180, 90, 20), (40, 140, 30), (40, 40, 200), (170, 50, 150), (20, 150, 200), (90, 90, 90), (0, 0, 0))
"""Colours of the lines in BGR."""


@dataclass(frozen=True)
class Axis:
    """An axis: its text, and its ticks, the first and the last of which are its ends."""

    text: str
    ticks: list[float]


def draw_lines(path: Path, title: str, x_axis: Axis, y_axis: Axis, lines: dict[str, Points]) -> None:
    """Draw named lines of (x, y) into the PNG at `path`."""
    picture: NDArray[np.uint8] = np.full((HEIGHT, WIDTH, 3), 255, np.uint8)

    def place(x: float, y: float) -> tuple[int, int]:
        across = (x - x_axis.ticks[0]) / (x_axis.ticks[-1] - x_axis.ticks[0])
        up = (y - y_axis.ticks[0]) / (y_axis.ticks[-1] - y_axis.ticks[0])
        return round(LEFT + across * (WIDTH - LEFT - RIGHT)), round(HEIGHT - BOTTOM - up * (HEIGHT - TOP - BOTTOM))

    _write(picture, title, (LEFT, 24), 0.6)
    _write(picture, x_axis.text, (LEFT, HEIGHT - 12))
    _write(picture, y_axis.text, (LEFT + 6, TOP + 14))
    for tick in x_axis.ticks:
        x, y = place(tick, y_axis.ticks[0])
        cv2.line(picture, (x, y), (x, y + 5), (0, 0, 0), 1)
        _write(picture, f"{tick:g}", (x - 8, y + 22))
    for tick in y_axis.ticks:
        _, y = place(x_axis.ticks[0], tick)
        cv2.line(picture, (LEFT, y), (WIDTH - RIGHT, y), (220, 220, 220), 1)
        _write(picture, f"{tick:g}", (18, y + 5))
    for number, (name, points) in enumerate(lines.items()):
        colour = COLOURS[number % len(COLOURS)]
        places = np.array([place(x, y) for x, y in points], np.int32)
        cv2.polylines(picture, [places], isClosed=False, color=colour, thickness=2, lineType=cv2.LINE_AA)
        for x, y in places:
            cv2.circle(picture, (int(x), int(y)), 4, colour, -1, cv2.LINE_AA)
        _write(picture, name, (WIDTH - RIGHT + 12, TOP + 14 + 24 * number), colour=colour)
    cv2.imwrite(str(path), picture)


def _write(
    picture: NDArray[np.uint8],
    text: str,
    at: tuple[int, int],
    size: float = 0.45,
    colour: tuple[int, int, int] = (0, 0, 0),
) -> None:
    cv2.putText(picture, text, at, cv2.FONT_HERSHEY_SIMPLEX, size, colour, 1, cv2.LINE_AA)
