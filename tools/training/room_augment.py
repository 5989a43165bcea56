"""Light, glasses and distance as a camera at home meets them, for whole batches of grey levels (n, 1, 48, 48)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch
from torch.nn import functional as tf

from musicond.vision.preprocess import INPUT_SIZE

if TYPE_CHECKING:
    from collections.abc import Callable

    Draw = Callable[[float, float], torch.Tensor]

PHOTO_COVERS = (0.80, 1.10)
"""Sides of Haar's box that are cut out of a photograph, from and to."""
FER_COVERS = (-0.2, 0.32)
"""By how much FER2013's images are cut tighter, at full strength: tighter than they are, as the daemon cuts."""
EYES = -0.22
"""Height of the eyes in a frame of -1..1."""
BLOCK = 8
"""Side in pixels of JPEG's blocks."""
LUMINANCE = (
    (16, 11, 10, 16, 24, 40, 51, 61),
    (12, 12, 14, 19, 26, 58, 60, 55),
    (14, 13, 16, 24, 40, 57, 69, 56),
    (14, 17, 22, 29, 51, 87, 80, 62),
    (18, 22, 37, 56, 68, 109, 103, 77),
    (24, 35, 55, 64, 81, 104, 113, 92),
    (49, 64, 78, 87, 103, 121, 120, 101),
    (72, 92, 95, 98, 112, 100, 103, 99),
)
"""JPEG's quantisation table (ITU-T T.81, annex K.1)."""


def vary_room(images: torch.Tensor, extent: float, strength: float, *, photos: bool) -> torch.Tensor:
    """Vary pictures (n, 1, side, side) that cover `extent` frames as a room would; return grey levels (n, 1, 48, 48).

    A frame is Haar's box for photographs, and a whole image of FER2013. `strength` scales how often and how far.
    """
    grid = _placed(images, extent, strength, photos=photos)
    out = tf.grid_sample(images, grid, padding_mode="border", align_corners=False).clamp(0, 255)
    chosen = (torch.rand(len(out), device=out.device) < 0.10 * strength).nonzero().flatten()
    if len(chosen):
        out[chosen] = with_glasses(out[chosen], extent * grid[chosen])
    for share, change in _changes(strength):
        at = (torch.rand(len(out), device=out.device) < share).nonzero().flatten()
        if len(at):
            out[at] = change(out[at], _drawer(len(at), out.device)).clamp(0, 255)
    return out.clamp(0, 255).round()


def _placed(images: torch.Tensor, extent: float, strength: float, *, photos: bool) -> torch.Tensor:
    count, draw = len(images), _drawer(len(images), images.device)
    turn = strength * draw(-np.pi / 10, np.pi / 10).flatten()
    covers = draw(*PHOTO_COVERS) if photos else 1 / (1 + strength * draw(*FER_COVERS))
    ratio = covers.flatten() / extent
    right, down = (strength * draw(-0.24, 0.24).flatten() / extent for _ in range(2))
    mirror = torch.where(draw(0, 1).flatten() < 0.5, -1.0, 1.0)
    cos, sin = turn.cos() * ratio, turn.sin() * ratio
    theta = torch.stack([mirror * cos, mirror * sin, right, -sin, cos, down], dim=1).view(count, 2, 3)
    return tf.affine_grid(theta, [count, 1, INPUT_SIZE, INPUT_SIZE], align_corners=False)


def _drawer(count: int, device: torch.device) -> Draw:
    return lambda low, high: torch.empty((count, 1, 1, 1), device=device).uniform_(low, high)


def _changes(strength: float) -> list[tuple[float, Callable[[torch.Tensor, Draw], torch.Tensor]]]:
    """Return how often each change is made, in their order."""
    return [
        (0.20 * strength, half_lit),
        (0.35, lambda x, draw: 255 * (x / 255) ** draw(-0.6, 0.6).exp()),
        (0.14, lambda x, draw: x * draw(1.0, 2.0)),
        (0.11 * strength, far_away),
        (0.11 * strength, far_away),
        (0.22 * strength, lambda x, draw: blurred(x, draw(0.4, 1.4).flatten())),
        (0.20 * strength, dim),
        (0.25 * strength, lambda x, draw: x + torch.randn_like(x) * draw(2, 14)),
        (0.25 * strength, lambda x, draw: through_jpeg(x, draw(15, 80))),
        (0.35 * strength, erased),
    ]


def half_lit(x: torch.Tensor, draw: Draw) -> torch.Tensor:
    """Let light come from one side."""
    at = torch.linspace(-1, 1, INPUT_SIZE, device=x.device)
    angle = draw(-0.5, 0.5) + torch.where(draw(0, 1) < 0.5, 0.0, np.pi)
    along = at[None, None, None, :] * angle.cos() + at[None, None, :, None] * angle.sin()
    least = draw(0.1, 0.7)
    return x * (least + (1 - least) * torch.sigmoid(2 * (along - draw(-0.4, 0.4)) / draw(0.1, 0.8)))


def far_away(x: torch.Tensor, _: Draw) -> torch.Tensor:
    """Enlarge a face of 18 to 39 pixels."""
    small = int(torch.randint(18, 40, ()))
    return tf.interpolate(tf.interpolate(x, size=small, mode="area"), size=INPUT_SIZE, mode="bilinear")


def dim(x: torch.Tensor, draw: Draw) -> torch.Tensor:
    """Take contrast away, as dim light and haze do: stretching it later stretches noise and rounding too."""
    return (x * draw(0.06, 0.4) + torch.randn_like(x) * draw(0.3, 2.0) + draw(5, 100)).round()


def erased(x: torch.Tensor, draw: Draw) -> torch.Tensor:
    """Put one even rectangle of 6 to 17 pixels somewhere."""
    place = torch.arange(INPUT_SIZE, device=x.device)
    inside = []
    for _ in range(2):
        side = draw(6, 18).view(-1, 1)
        corner = (draw(0, 1).view(-1, 1) * (INPUT_SIZE - side)).floor()
        inside.append((place >= corner) & (place < corner + side))
    hole = (inside[0][:, :, None] & inside[1][:, None, :])[:, None]
    return torch.where(hole, draw(0, 255), x)


def blurred(x: torch.Tensor, sigma: torch.Tensor) -> torch.Tensor:
    """Blur by Gaussians of `sigma` (n,) pixels."""
    at = torch.arange(-3, 4, device=x.device, dtype=torch.float32)
    kernel = torch.exp(-0.5 * (at[None] / sigma[:, None]) ** 2)
    kernel = (kernel / kernel.sum(1, keepdim=True)).view(len(x), 7, 1, 1)
    for turned in (False, True):
        lines = tf.pad(x, (3, 3, 0, 0) if turned else (0, 0, 3, 3), mode="replicate")[:, 0]
        moved = [lines[:, :, i : i + INPUT_SIZE] if turned else lines[:, i : i + INPUT_SIZE] for i in range(7)]
        x = (torch.stack(moved, 1) * kernel).sum(1, keepdim=True)
    return x


def through_jpeg(x: torch.Tensor, quality: torch.Tensor) -> torch.Tensor:
    """Quantise blocks as JPEG does at `quality` (n, 1, 1, 1), 1 to 100."""
    blocks = INPUT_SIZE // BLOCK
    cosines = _cosines().to(x.device)
    scale = torch.where(quality < 50, 50 / quality, 2 - quality / 50).view(-1, 1, 1, 1, 1)
    table = (torch.tensor(LUMINANCE, dtype=torch.float32, device=x.device) * scale).round().clamp_min(1)
    parts = (x - 128).view(len(x), blocks, BLOCK, blocks, BLOCK).permute(0, 1, 3, 2, 4)
    quantised = (cosines @ parts @ cosines.T / table).round() * table
    back = (cosines.T @ quantised @ cosines).permute(0, 1, 3, 2, 4)
    return back.reshape(len(x), 1, INPUT_SIZE, INPUT_SIZE) + 128


def _cosines() -> torch.Tensor:
    row, column = np.arange(BLOCK)[:, None], np.arange(BLOCK)[None]
    cosines = np.cos(np.pi * (2 * column + 1) * row / (2 * BLOCK)) * np.sqrt(2 / BLOCK)
    cosines[0] /= np.sqrt(2)
    return torch.tensor(cosines, dtype=torch.float32)


def with_glasses(x: torch.Tensor, grid: torch.Tensor) -> torch.Tensor:
    """Draw rims, dark glasses or a bar at the eyes; `grid` (n, 48, 48, 2): the position of each pixel."""

    def draw(low: float, high: float) -> torch.Tensor:
        return torch.empty((len(x), 1, 1), device=x.device).uniform_(low, high)

    right, down = grid[..., 0], grid[..., 1] - EYES + draw(-0.08, 0.08)
    power = draw(2.0, 4.0)
    across = ((right.abs() - draw(0.34, 0.44)) / draw(0.22, 0.36)).abs().clamp_min(1e-3) ** power
    radius = across + (down / draw(0.14, 0.28)).abs().clamp_min(1e-3) ** power
    bridge = (down.abs() < draw(0.02, 0.06)) & (right.abs() < draw(0.2, 0.95))
    rims = (radius < 1) & (radius > draw(0.2, 0.75))
    bar = (down.abs() < draw(0.05, 0.14)) & (right.abs() < 0.9)
    kind = draw(0, 1)
    dark = ((kind < 0.35) & ((radius < 1) | bridge)) | ((kind >= 0.35) & (kind < 0.85) & (rims | bridge))
    alpha = (draw(0.5, 1.0) * (dark | ((kind >= 0.85) & bar)))[:, None]
    return x * (1 - alpha) + alpha * draw(0, 60)[:, None]
