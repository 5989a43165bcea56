"""The plot of a training: loss and accuracy."""

from __future__ import annotations

from typing import TYPE_CHECKING

import matplotlib as mpl

mpl.use("Agg")
from matplotlib import pyplot as plt

if TYPE_CHECKING:
    from pathlib import Path


def plot(log: list[dict[str, float]], path: Path) -> None:
    """Draw loss and accuracy over the epochs."""
    epochs = [entry["epoch"] for entry in log]
    figure, (left, right) = plt.subplots(1, 2, figsize=(9, 3.5))
    left.plot(epochs, [entry["loss"] for entry in log])
    left.set(xlabel="epoch", ylabel="training loss (mixed, smoothed)")
    for key in ("test_accuracy", "held_out_accuracy"):
        measured = [entry for entry in log if key in entry]
        right.plot([entry["epoch"] for entry in measured], [entry[key] for entry in measured], label=key)
    right.set(xlabel="epoch", ylabel="averaged weights")
    right.legend()
    figure.tight_layout()
    figure.savefig(path)
    plt.close(figure)
