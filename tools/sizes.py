"""The sizes of the network that tools/network.py builds in Keras and tools/torch_network.py in torch."""

from __future__ import annotations

Shape = tuple[int, tuple[int, ...], tuple[int, ...]]
SIZES: dict[str, Shape] = {
    "small": (8, (24, 48, 88), (1, 1, 1)),
    "medium": (16, (32, 64, 120), (1, 1, 1)),
    "large": (16, (40, 96, 168), (1, 1, 1)),
}
"""Channels of the stem; channels and residual blocks at each of 24x24, 12x12 and 6x6."""
