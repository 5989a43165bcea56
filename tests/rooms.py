"""Drawn empty rooms: noise, curtains, posters, shelves, a lamp that is switched on and off, falling darkness."""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray

    Picture = NDArray[np.float32]
    Scene = Callable[[np.random.Generator, float, float], Iterator[Picture]]

WIDTH, HEIGHT = 640, 480


def empty_room(seconds: float, rate: float, seed: int = 1) -> Iterator[tuple[float, NDArray[np.uint8]]]:
    """Yield (t in seconds, grey uint8 (480, 640)) at `rate` per second, the same pictures for the same seed.

    All scenes get the same share of `seconds`, in several rounds with new rooms.
    """
    rng = np.random.default_rng(seed)
    grain = _grain(rng)
    rounds = max(1, round(seconds / 120))
    share = seconds / (rounds * len(SCENES))
    index = 0
    for _ in range(rounds):
        for scene in SCENES:
            sigma = float(rng.uniform(1, 9))
            for picture in scene(rng, share, rate):
                yield index / rate, _developed(picture, grain, sigma, rng)
                index += 1


def noise(rng: np.random.Generator, seconds: float, rate: float) -> Iterator[Picture]:
    """Draw a plain wall, unevenly lit."""
    wall = _wall(rng)
    for _ in range(round(seconds * rate)):
        yield wall


def curtains(rng: np.random.Generator, seconds: float, rate: float) -> Iterator[Picture]:
    """Draw swaying folds: stripes with slowly moving phases."""
    wall = _wall(rng)
    x = np.arange(WIDTH, dtype=np.float32)[None, :]
    y = np.arange(HEIGHT, dtype=np.float32)[:, None]
    periods = rng.uniform(18, 110, 3)
    depths = rng.uniform(5, 35, 3)
    for step in range(round(seconds * rate)):
        t = step / rate
        picture = wall.copy()
        for number, (period, depth) in enumerate(zip(periods, depths, strict=True)):
            sway = 6 * np.sin(0.4 * t + number + y / 90)
            picture += np.float32(depth) * np.sin(2 * np.pi * (x + sway) / period, dtype=np.float32)
        yield picture


def posters(rng: np.random.Generator, seconds: float, rate: float) -> Iterator[Picture]:
    """Draw frames on the wall with ovals, and small blobs like sockets and dials."""
    wall = _wall(rng)
    for _ in range(6):
        left, top = int(rng.integers(0, WIDTH - 120)), int(rng.integers(0, HEIGHT - 150))
        width, height = int(rng.integers(70, 220)), int(rng.integers(80, 240))
        cv2.rectangle(wall, (left, top), (left + width, top + height), (float(rng.uniform(20, 230)),), -1)
        middle = (left + width // 2, top + height // 2)
        cv2.ellipse(wall, middle, (width // 3, height // 3), 0, 0, 360, (float(rng.uniform(40, 230)),), -1)
        for _ in range(int(rng.integers(2, 7))):
            spot = (left + int(rng.integers(0, width)), top + int(rng.integers(0, height)))
            axes = (int(rng.integers(3, 22)), int(rng.integers(3, 14)))
            cv2.ellipse(wall, spot, axes, float(rng.uniform(0, 180)), 0, 360, (float(rng.uniform(10, 240)),), -1)
    wall = np.asarray(cv2.GaussianBlur(wall, (0, 0), float(rng.uniform(0.8, 3))), np.float32)
    for _ in range(round(seconds * rate)):
        yield wall


def shelves(rng: np.random.Generator, seconds: float, rate: float) -> Iterator[Picture]:
    """Draw books, cushions and plants: rectangles in rows and a coarse texture, with a passing shadow."""
    wall = _wall(rng)
    for row in range(3):
        x = int(rng.integers(0, 60))
        while x < WIDTH:
            width, height = int(rng.integers(8, 34)), int(rng.integers(70, 130))
            bottom = 150 * (row + 1)
            cv2.rectangle(wall, (x, bottom - height), (x + width, bottom), (float(rng.uniform(20, 230)),), -1)
            x += width + int(rng.integers(0, 9))
    for cells in (8, 24, 60):
        coarse = rng.normal(0, 12, (cells * 3 // 4, cells)).astype(np.float32)
        wall += np.asarray(cv2.resize(coarse, (WIDTH, HEIGHT), interpolation=cv2.INTER_CUBIC), np.float32)
    x_axis = np.arange(WIDTH, dtype=np.float32)[None, :]
    for step in range(round(seconds * rate)):
        shadow = 1 - 0.5 * np.exp(-(((x_axis - 40 * step / rate) / 70) ** 2))
        yield wall * shadow.astype(np.float32)


def lamp(rng: np.random.Generator, seconds: float, rate: float) -> Iterator[Picture]:
    """Draw a shelf by a lamp that is switched every few seconds, after which the exposure adapts."""
    room = next(shelves(rng, 1, 1))
    centre = (int(rng.integers(100, WIDTH - 100)), int(rng.integers(80, HEIGHT - 80)))
    glow = np.zeros((HEIGHT, WIDTH), np.float32)
    cv2.circle(glow, centre, 45, (255.0,), -1)
    glow += 2 * np.asarray(cv2.GaussianBlur(glow, (0, 0), 60), np.float32)
    gain, on = 1.0, False
    for step in range(round(seconds * rate)):
        if step % max(1, round(4 * rate)) == 0:
            on = not on
        target = 0.7 if on else 1.1
        gain += (target - gain) * min(1.0, 2 / rate)
        yield (room * 0.6 + (glow if on else 0)) * np.float32(gain)


def darkness(rng: np.random.Generator, seconds: float, rate: float) -> Iterator[Picture]:
    """Draw a room that gets dark until only the sensor's noise is left."""
    room = next(posters(rng, 1, 1))
    frames = round(seconds * rate)
    for step in range(frames):
        yield room * np.float32(max(0.0, 1 - 1.2 * step / frames))


SCENES: tuple[Scene, ...] = (noise, curtains, posters, shelves, lamp, darkness)


def _wall(rng: np.random.Generator) -> Picture:
    corners = rng.uniform(60, 190, (2, 3)).astype(np.float32)
    return np.asarray(cv2.resize(corners, (WIDTH, HEIGHT), interpolation=cv2.INTER_CUBIC), np.float32)


def _grain(rng: np.random.Generator) -> NDArray[np.float32]:
    """Draw a large sheet of noise, of which each frame shows another part."""
    sheet = rng.normal(0, 1, (HEIGHT + 256, WIDTH + 256)).astype(np.float32)
    grain: NDArray[np.float32] = sheet + np.asarray(cv2.GaussianBlur(sheet, (0, 0), 1.2), np.float32)
    return grain


def _developed(picture: Picture, grain: Picture, sigma: float, rng: np.random.Generator) -> NDArray[np.uint8]:
    top, left = rng.integers(0, 256, 2)
    noisy = picture + np.float32(sigma) * grain[top : top + HEIGHT, left : left + WIDTH]
    return np.clip(noisy, 0, 255).astype(np.uint8)
