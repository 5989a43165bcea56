"""The jitter of tools/training/augment.py for whole batches on a GPU, and pictures too bright besides."""

from __future__ import annotations

import numpy as np
import torch
from torch.nn import functional as tf

from musicond.vision.preprocess import INPUT_SIZE, MIN_STD, MODEL_SCALE, SPREAD
from tools.training.augment import CUTMIX, Phase


def model_input(images: torch.Tensor) -> torch.Tensor:
    """Turn grey levels 0..255, (n, 1, h, w), into the float model's input, as `preprocess.normalise` does."""
    mean = images.mean(dim=(1, 2, 3), keepdim=True)
    spread = images.std(dim=(1, 2, 3), keepdim=True, correction=0).clamp_min(MIN_STD)
    return ((images - mean) * (SPREAD / spread)).round().clamp(-128, 127) * MODEL_SCALE


def vary(images: torch.Tensor, strength: float) -> torch.Tensor:
    """Vary grey levels (n, 1, 48, 48) as `tools.training.augment.jitter` does; one in seven is overexposed, too."""
    count, device = len(images), images.device

    def uniform(low: float, high: float, *shape: int) -> torch.Tensor:
        return torch.empty((count, *shape), device=device).uniform_(low, high)

    def some(share: float) -> torch.Tensor:
        return uniform(0, 1, 1, 1, 1) < share

    turn = strength * uniform(-np.pi / 10, np.pi / 10)
    scale, shift = 1 + strength * uniform(-0.2, 0.2), strength * uniform(-0.24, 0.24, 2)
    mirror = torch.where(uniform(0, 1) < 0.5, -1.0, 1.0)
    cos, sin = turn.cos() / scale, turn.sin() / scale
    theta = torch.stack([mirror * cos, mirror * sin, shift[:, 0], -sin, cos, shift[:, 1]], dim=1).view(count, 2, 3)
    grid = tf.affine_grid(theta, list(images.shape), align_corners=False)
    out = tf.grid_sample(images, grid, padding_mode="border", align_corners=False)
    out = torch.where(some(0.4), 255 * (out.clamp(0, 255) / 255) ** uniform(-0.6, 0.6, 1, 1, 1).exp(), out)
    out = torch.where(some(0.14), (out * uniform(1.0, 2.0, 1, 1, 1)).clamp(0, 255), out)
    small = int(torch.randint(20, 40, ()))
    coarse = tf.interpolate(tf.interpolate(out, size=small, mode="area"), size=INPUT_SIZE, mode="bilinear")
    out = torch.where(some(0.2 * strength), coarse, out)
    noise = torch.randn_like(out) * uniform(2, 14, 1, 1, 1)
    out = torch.where(some(0.25 * strength), out + noise, out)
    place = torch.arange(INPUT_SIZE, device=device)
    sides, corner = uniform(6, 18, 2), uniform(0, 1, 2)
    corner = (corner * (INPUT_SIZE - sides)).floor()
    inside = [(place >= corner[:, k, None]) & (place < (corner + sides)[:, k, None]) for k in (0, 1)]
    hole = (inside[0][:, :, None] & inside[1][:, None, :])[:, None] & some(0.4 * strength)
    return torch.where(hole, uniform(0, 255, 1, 1, 1), out).clamp(0, 255).round()


def mixed(
    x: torch.Tensor, targets: torch.Tensor, phase: Phase, rng: np.random.Generator
) -> tuple[torch.Tensor, torch.Tensor]:
    """Cut model inputs (n, 1, 48, 48) to the phase's side and mix each with its opposite, as `augment.mixed`."""
    top, left = rng.integers(0, INPUT_SIZE - phase.side + 1, 2)
    x = x[:, :, top : top + phase.side, left : left + phase.side]
    if not phase.mixup:
        return x, targets
    share = float(rng.beta(phase.mixup, phase.mixup))
    if rng.random() < CUTMIX:
        edge = round(phase.side * np.sqrt(1 - share))
        top, left = rng.integers(0, phase.side - edge + 1, 2)
        out = x.clone()
        out[:, :, top : top + edge, left : left + edge] = x.flip(0)[:, :, top : top + edge, left : left + edge]
        share = 1 - edge * edge / phase.side**2
    else:
        out = share * x + (1 - share) * x.flip(0)
    return out, share * targets + (1 - share) * targets.flip(0)
