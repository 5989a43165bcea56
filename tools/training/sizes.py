"""The sizes of the network that network.py builds in Keras and torch_network.py in torch, and its files."""

from __future__ import annotations

import zipfile
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

Shape = tuple[int, tuple[int, ...], tuple[int, ...]]
SIZES: dict[str, Shape] = {
    "small": (8, (24, 48, 88), (1, 1, 1)),
    "medium": (16, (32, 64, 120), (1, 1, 1)),
    "large": (16, (40, 96, 168), (1, 1, 1)),
}
"""Channels of the stem; channels and residual blocks at each of 24x24, 12x12 and 6x6."""

ROOM_LAYER = ("room_kernel", "room_bias")
"""Names of the last layer for rooms in a student.npz: (features, 7) and (7,)."""


def read_weights(path: Path) -> list[NDArray[np.float32]]:
    """Return the weights of a .npz of tools/quantize.py or tools/distil.py, in the order of Keras's `get_weights`.

    Raise ValueError where the file is no .npz.
    """
    try:
        with np.load(path) as weights_file:
            return [weights_file[key].astype(np.float32) for key in sorted(weights_file.files) if key.startswith("w")]
    except (zipfile.BadZipFile, ValueError, EOFError):
        msg = f"{path}: no weights in it; give a student.npz of tools/distil.py or a fer_student.npz"
        raise ValueError(msg) from None


def read_room_layer(path: Path) -> list[NDArray[np.float32]] | None:
    """Return the kernel and the biases of the last layer for rooms in a .npz; None if it has none."""
    if path.suffix != ".npz":
        return None
    with np.load(path) as weights_file:
        if ROOM_LAYER[0] not in weights_file.files:
            return None
        return [weights_file[name].astype(np.float32) for name in ROOM_LAYER]
